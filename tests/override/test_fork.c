/* A process of several busy threads forks; its children allocate, start threads and end. */
#include <pthread.h>
#include <stdatomic.h>

#include "support.h"

enum { FORKS = 200, BUSY = 4, SLOTS = 64 };

static atomic_bool ended;
static _Atomic(unsigned char *) slot[SLOTS];

/* Exchange blocks, so that a fork meets the allocator in every state. */
static void *be_busy(void *seed)
{
	uint64_t random = (uintptr_t)seed;

	while (!atomic_load(&ended)) {
		size_t bytes = random_size(&random);
		unsigned char *block = malloc(bytes);

		require(block != NULL, "malloc in the parent");
		memset(block, 7, bytes);
		free(atomic_exchange(&slot[random_next(&random) % SLOTS], block));
	}
	return NULL;
}

static void *use_it(void *seed)
{
	use_heap((uintptr_t)seed, 3000);
	return NULL;
}

/* In the child: its one thread, then two; and blocks that the parent's threads made. */
static int child_life(uintptr_t serial, void *mine)
{
	pthread_t thread[2];

	use_heap(serial, 3000);
	free(mine);
	for (unsigned i = 0; i < SLOTS; i++)
		free(atomic_exchange(&slot[i], NULL));
	for (uintptr_t i = 0; i < 2; i++)
		require(pthread_create(&thread[i], NULL, use_it, (void *)(serial + i)) == 0,
		        "a thread in the child");
	use_heap(serial + 7, 3000);
	for (unsigned i = 0; i < 2; i++)
		require(pthread_join(thread[i], NULL) == 0, "join in the child");
	(void)tide_purge();
	/* A grandchild of a process that had threads of its own. */
	if (serial % 8 == 0) {
		pid_t child = fork();

		if (child == 0) {
			use_heap(serial, 1000);
			_exit(0);
		}
		require(child > 0 && ended_well(wait_for(child)), "a grandchild");
	}
	return 0;
}

int main(void)
{
	pthread_t busy[BUSY];

	for (uintptr_t i = 0; i < BUSY; i++)
		require(pthread_create(&busy[i], NULL, be_busy, (void *)(i + 1)) == 0, "a thread");
	for (uintptr_t serial = 0; serial < FORKS; serial++) {
		void *mine = malloc(100 + serial);
		pid_t child = fork();

		if (child == 0)
			exit(child_life(serial, mine));
		require(child > 0, "fork");
		free(mine);
		require(ended_well(wait_for(child)), "a child");
	}
	atomic_store(&ended, true);
	for (unsigned i = 0; i < BUSY; i++)
		require(pthread_join(busy[i], NULL) == 0, "join");
	return 0;
}
