#include "rcu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

_Atomic uint64_t tide_rcu_ended;
TIDE_THREAD_LOCAL bool tide_rcu_registered;

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static int key_error;

static void unregister(void *value)
{
	(void)value;
	urcu_mb_unregister_thread();
	tide_rcu_registered = false;
}

static void make_key(void)
{
	key_error = pthread_key_create(&key, unregister);
}

bool tide_rcu_init(void)
{
	(void)pthread_once(&key_once, make_key);
	return key_error == 0;
}

/* Again, perhaps, in another destructor of an ending thread; ours is called again then. */
void tide_rcu_register(void)
{
	/* A thread that ended registered would leave its memory in liburcu's list. */
	if (pthread_setspecific(key, &tide_rcu_registered) != 0) {
		(void)fputs("tide-store: no memory to register a thread\n", stderr);
		abort();
	}
	urcu_mb_register_thread();
	tide_rcu_registered = true;
}
