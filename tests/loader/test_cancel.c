/* pthread_cancel of threads that do nothing but allocate.
 *
 * Deferred: no function of the malloc family is a point of cancellation, so a thread ends only
 * where it asks to; its blocks can be freed by clean-up handlers and by others. Asynchronous: POSIX
 * forbids malloc then. A thread that is cancelled in the middle of a call is left to the GC as one
 * that vanished: other threads go on, nothing hangs, no block of theirs is lost or given twice. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "support.h"

enum { ROUNDS = 150, SLOTS = 64 };

static atomic_uint turns;

static void free_all(void *slots)
{
	void **slot = (void **)slots;

	for (unsigned i = 0; i < SLOTS; i++) {
		free(slot[i]);
		slot[i] = NULL;
	}
}

static void *allocate_until_asked(void *unused)
{
	void *slot[SLOTS] = { NULL };
	static _Thread_local uint64_t random;

	random = atomic_fetch_add(&turns, 1);
	pthread_cleanup_push(free_all, slot);
	for (;;) {
		for (unsigned n = 0; n < 100; n++) {
			unsigned i = (unsigned)(random_next(&random) % SLOTS);
			free(slot[i]);
			slot[i] = malloc(random_size(&random));
			require(slot[i] != NULL, "malloc");
			/* Here a cancellation would be acted upon, were it a point of one. */
			slot[i] = realloc(slot[i], random_size(&random));
			require(slot[i] != NULL, "realloc");
		}
		atomic_fetch_add(&turns, 1);
		pthread_testcancel();
	}
	pthread_cleanup_pop(1);
	return unused;
}

static void *allocate_anywhere(void *unused)
{
	void *slot[SLOTS] = { NULL };
	uint64_t random = atomic_fetch_add(&turns, 1);

	require(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0, "asynchronous");
	for (;;) {
		unsigned i = (unsigned)(random_next(&random) % SLOTS);
		free(slot[i]);
		slot[i] = malloc(random_size(&random));
		atomic_fetch_add(&turns, 1);
	}
	return unused;
}

static void cancel_rounds(void *(*work)(void *), unsigned rounds)
{
	uint64_t random = 1;
	pthread_t thread[2];
	void *result;

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < 2; i++)
			require(pthread_create(&thread[i], NULL, work, NULL) == 0, "a thread");
		unsigned before = atomic_load(&turns);
		while (atomic_load(&turns) - before < 20)
			(void)sched_yield();
		for (uint64_t spin = random_next(&random) % 100000; spin > 0; spin--)
			__asm__ volatile("");
		for (unsigned i = 0; i < 2; i++)
			require(pthread_cancel(thread[i]) == 0, "cancel");
		use_heap(round, 500);
		for (unsigned i = 0; i < 2; i++) {
			require(pthread_join(thread[i], &result) == 0, "join");
			require(result == PTHREAD_CANCELED, "it was cancelled");
		}
	}
	use_heap(2, 100000);
}

static unsigned rounds_wanted(void)
{
	const char *text = getenv("CANCEL_ROUNDS");

	return text != NULL ? (unsigned)atoi(text) : ROUNDS;
}

/* Each kind in a process of its own; the first one gives all back that was freed. */
static void in_child(void *(*work)(void *), bool purge, const char *name)
{
	pid_t child = fork();

	if (child == 0) {
		cancel_rounds(work, rounds_wanted());
		if (purge)
			(void)tide_purge();
		_exit(0);
	}
	require(child > 0, "fork");
	require(ended_well(wait_for(child)), name);
}

int main(void)
{
	require_tide();
	in_child(allocate_until_asked, true, "deferred");
	in_child(allocate_anywhere, false, "asynchronous");
	return 0;
}
