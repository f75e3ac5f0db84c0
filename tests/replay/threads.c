/* Four threads that hand blocks on in a ring, each of a size of its own, and a hundred short ones;
 * for threads.sh. Calls stay calls: -fno-builtin. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { RING = 4, BLOCKS = 5000, SHORT = 100 };

static void *_Atomic handed[RING][BLOCKS];

static void *in_ring(void *of)
{
	size_t me = (size_t)(uintptr_t)of, before = (me + RING - 1) % RING;
	char *kept = NULL;

	for (size_t i = 0; i < BLOCKS; i++) {
		void *block;

		atomic_store_explicit(&handed[me][i], malloc(3000 + me), memory_order_release);
		while ((block = atomic_load_explicit(&handed[before][i], memory_order_acquire)) ==
		       NULL)
			sched_yield();
		free(block);
		kept = realloc(kept, 100 + i % 900);
	}
	free(kept);
	return NULL;
}

static void *for_a_moment(void *none)
{
	free(malloc(5000));
	return none;
}

int main(void)
{
	pthread_t thread[RING];

	for (size_t i = 0; i < RING; i++)
		pthread_create(&thread[i], NULL, in_ring, (void *)(uintptr_t)i);
	for (size_t i = 0; i < RING; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < SHORT; i++) {
		pthread_create(&thread[0], NULL, for_a_moment, NULL);
		pthread_join(thread[0], NULL);
	}
	return 0;
}
