/* Heaps that a program makes, used by many threads: blocks that change hands, heaps that come and
 * go under threads that end, and a child that inherits one. */
#include <criterion/criterion.h>

#include "heap_support.h"

#include <stdatomic.h>
#include <sys/wait.h>

struct shared {
	struct tide_heap *heap;
	_Atomic(unsigned char *) slot[512];
	unsigned rounds;
};

static struct shared shared;

static bool is_whole_then_free(unsigned char *block)
{
	bool whole = block == NULL || block[0] == (unsigned char)((uintptr_t)block >> 4);

	tide_free(block);
	return whole;
}

static void *exchange(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	for (unsigned i = 0; i < shared.rounds; i++) {
		size_t size = random_size(&random, 15);
		unsigned char *block = tide_heap_malloc(shared.heap, size);

		if (block == NULL)
			return "no block";
		block[0] = (unsigned char)((uintptr_t)block >> 4);
		unsigned slot = (unsigned)(random_next(&random) % COUNT_OF(shared.slot));
		if (!is_whole_then_free(atomic_exchange(&shared.slot[slot], block)))
			return "a block has another owner";
	}
	return NULL;
}

static void run_all(unsigned count, void *(*work)(void *))
{
	uint64_t seed[16];

	for (unsigned i = 0; i < count; i++)
		seed[i] = i + 1;
	const char *wrong = run_threads(work, seed, sizeof seed[0], count);
	cr_assert_null(wrong, "%s", wrong);
}

static void exchange_all(unsigned threads, unsigned rounds)
{
	static void *live[BLOCKS];
	unsigned count = 0;

	shared.rounds = rounds;
	run_all(threads, exchange);
	for (unsigned i = 0; i < COUNT_OF(shared.slot); i++) {
		unsigned char *block = atomic_exchange(&shared.slot[i], NULL);

		if (block != NULL)
			live[count++] = block;
	}
	assert_walk_finds(shared.heap, live, count);
}

Test(heap_threads, threads_exchange_blocks, .timeout = 100)
{
	for (unsigned round = 0; round < 5; round++) {
		shared.heap = heap_with(NULL);
		exchange_all(6, (unsigned)SCALED(100000));
		tide_heap_destroy(shared.heap);
	}
}

/* Threads with seats in heaps that come and go. */
static void *come_and_go(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	for (unsigned i = 0; i < shared.rounds; i++) {
		struct tide_heap *heap = tide_heap_create(NULL);

		if (heap == NULL)
			return "no heap";
		for (unsigned b = 0; b < 30; b++) {
			unsigned char *block = tide_heap_malloc(heap, random_size(&random, 14));

			if (block == NULL)
				return "no block";
			block[0] = 1;
			if (b % 2 == 0)
				tide_free(block);
		}
		tide_heap_destroy(heap);
	}
	return NULL;
}

Test(heap_threads, heaps_of_many_threads_come_and_go, .timeout = 100)
{
	shared.rounds = (unsigned)SCALED(800);
	run_all(6, come_and_go);
	shared.rounds /= 2;
	run_all(6, come_and_go);
}

/* A thread ends while the heap that it had used is destroyed. */
static pthread_barrier_t used;

static void *use_and_end(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 50; i++)
		tide_free(tide_heap_malloc(shared.heap, 100 + i));
	(void)pthread_barrier_wait(&used);
	return NULL;
}

Test(heap_threads, threads_end_while_it_is_destroyed, .timeout = 100)
{
	for (unsigned round = 0; round < SCALED(400); round++) {
		pthread_t thread[3];

		shared.heap = heap_with(NULL);
		cr_assert_eq(pthread_barrier_init(&used, NULL, COUNT_OF(thread) + 1), 0);
		for (unsigned i = 0; i < COUNT_OF(thread); i++)
			cr_assert_eq(pthread_create(&thread[i], NULL, use_and_end, NULL), 0);
		(void)pthread_barrier_wait(&used);
		tide_heap_destroy(shared.heap);
		struct tide_heap *next = heap_with(NULL);
		must(tide_heap_malloc(next, 100));
		for (unsigned i = 0; i < COUNT_OF(thread); i++)
			cr_assert_eq(pthread_join(thread[i], NULL), 0);
		must(tide_heap_malloc(next, 100));
		tide_heap_destroy(next);
	}
}

static void *hold_and_end(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 200; i++)
		tide_free(tide_heap_malloc(shared.heap, 1000));
	return NULL;
}

/* Bins of threads that ended go back to the heap's free sets. */
Test(heap_threads, what_ended_threads_kept_is_free_again, .timeout = 60)
{
	shared.heap = heap_with(NULL);
	run_all(10, hold_and_end);
	(void)tide_purge();
	cr_assert_eq(stats_of(shared.heap).block_bytes, 0);
	cr_assert_eq(stats_of(shared.heap).threads, 0);
	tide_heap_destroy(shared.heap);
}

Test(heap_threads, a_child_inherits_it, .timeout = 60)
{
	static void *live[BLOCKS];

	shared.heap = heap_with(NULL);
	for (unsigned i = 0; i < 500; i++)
		live[i] = must(tide_heap_malloc(shared.heap, 50 + i * 10));
	tide_free(live[499]);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		assert_walk_finds(shared.heap, live, 499);
		for (unsigned i = 0; i < 499; i++)
			tide_free(live[i]);
		struct tide_heap *own = heap_with(NULL);
		must(tide_heap_malloc(own, 1000));
		tide_heap_destroy(own);
		exchange_all(3, 2000);
		tide_heap_destroy(shared.heap);
		_exit(0);
	}
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	assert_walk_finds(shared.heap, live, 499);
	tide_heap_destroy(shared.heap);
}
