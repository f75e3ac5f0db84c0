/* Heaps that a program makes: their own memory, limits, life and figures. */
#include <criterion/criterion.h>

#include "support.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tide/heap.h>

enum { BLOCKS = 4000 };

static const size_t sizes[] = {
	1, 16, 100, 1000, 5000, 8192, 9000, 30000, 100000, 300000, 3000000
};

static void *must(void *block)
{
	cr_assert_not_null(block);
	return block;
}

static struct tide_heap *heap_with(const struct tide_heap_options *options)
{
	struct tide_heap *heap = tide_heap_create(options);

	cr_assert_not_null(heap);
	return heap;
}

static struct tide_heap_stats stats_of(struct tide_heap *heap)
{
	struct tide_heap_stats stats;

	tide_heap_stats(heap, &stats, sizeof stats);
	return stats;
}

Test(heap, blocks_are_distinct_and_know_their_heap)
{
	struct tide_heap *first = heap_with(NULL);
	struct tide_heap *second = heap_with(NULL);

	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		char *in_first = must(tide_heap_malloc(first, sizes[s]));
		char *in_second = must(tide_heap_malloc(second, sizes[s]));
		char *outside = must(tide_malloc(sizes[s]));

		memset(in_first, 1, sizes[s]);
		memset(in_second, 2, sizes[s]);
		memset(outside, 3, sizes[s]);
		cr_assert_eq(in_first[sizes[s] - 1], 1);
		cr_assert_eq(in_second[sizes[s] - 1], 2);
		cr_assert_eq(tide_heap_of(in_first), first);
		cr_assert_eq(tide_heap_of(in_second), second);
		cr_assert_null(tide_heap_of(outside));
		cr_assert_geq(tide_malloc_usable_size(in_first), sizes[s]);
		cr_assert_eq(tide_heap_usable_size(first, in_first),
		             tide_malloc_usable_size(in_first));
		tide_heap_free(first, in_first);
		tide_free(in_second);
		tide_free(outside);
	}
	tide_heap_destroy(first);
	tide_heap_destroy(second);
}

/* A block that free gave back is the heap's again, not the process's. */
Test(heap, a_plain_free_never_mixes_heaps)
{
	struct tide_heap *heap = heap_with(NULL);
	void *block[200];

	for (unsigned s = 0; s + 1 < COUNT_OF(sizes); s++) {
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			block[i] = must(tide_heap_malloc(heap, sizes[s]));
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			tide_free(block[i]);
		for (unsigned i = 0; i < COUNT_OF(block); i++) {
			block[i] = must(tide_malloc(sizes[s]));
			cr_assert_null(tide_heap_of(block[i]));
		}
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			tide_free(block[i]);
		for (unsigned i = 0; i < COUNT_OF(block); i++) {
			block[i] = must(tide_heap_malloc(heap, sizes[s]));
			cr_assert_eq(tide_heap_of(block[i]), heap);
		}
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			tide_heap_free(heap, block[i]);
	}
	tide_heap_destroy(heap);
}

Test(heap, calloc_is_zero_and_overflow_is_refused)
{
	struct tide_heap *heap = heap_with(NULL);

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
			unsigned char *block = must(tide_heap_calloc(heap, 1, sizes[s]));

			for (size_t i = 0; i < sizes[s]; i++)
				cr_assert_eq(block[i], 0);
			memset(block, 0xff, sizes[s]);
			tide_heap_free(heap, block);
		}
	}
	cr_assert_null(tide_heap_calloc(heap, SIZE_MAX / 2, 3));
	cr_assert_eq(errno, ENOMEM);
	tide_heap_destroy(heap);
}

Test(heap, realloc_stays_in_the_heap)
{
	struct tide_heap *heap = heap_with(NULL);
	unsigned char *block = NULL;

	for (unsigned round = 0; round < 200; round++) {
		size_t size = sizes[round * 7 % COUNT_OF(sizes)] + round;
		unsigned char *moved = round % 2 == 0 ? tide_heap_realloc(heap, block, size)
		                                      : tide_realloc(block, size);

		must(moved);
		if (block != NULL)
			cr_assert_eq(moved[0], (unsigned char)(round - 1));
		block = moved;
		cr_assert_eq(tide_heap_of(block), heap);
		memset(block, (int)(unsigned char)round, size);
	}
	cr_assert_null(tide_heap_realloc(heap, block, 0));
	tide_heap_destroy(heap);
}

Test(heap, aligned_blocks)
{
	struct tide_heap *heap = heap_with(NULL);

	for (size_t alignment = 8; alignment <= 1u << 20; alignment *= 2) {
		for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
			void *block = must(tide_heap_aligned_alloc(heap, alignment, sizes[s]));

			cr_assert_eq((uintptr_t)block % alignment, 0);
			cr_assert_eq(tide_heap_of(block), heap);
			memset(block, 1, sizes[s]);
			if (s % 2 == 0)
				tide_heap_free(heap, block);
		}
	}
	cr_assert_null(tide_heap_aligned_alloc(heap, 48, 100));
	cr_assert_eq(errno, EINVAL);
	tide_heap_destroy(heap);
}

Test(heap, bad_options_are_refused)
{
	struct tide_heap_options options = { .soft_bytes = 2000, .hard_bytes = 1000 };

	cr_assert_null(tide_heap_create(&options));
	cr_assert_eq(errno, EINVAL);
	options = (struct tide_heap_options){ .counts = (enum tide_heap_counts)3 };
	cr_assert_null(tide_heap_create(&options));
	cr_assert_eq(errno, EINVAL);
}

Test(heap, there_is_an_end_to_heaps_and_they_come_back)
{
	static struct tide_heap *heap[1100];
	unsigned made = 0;

	while (made < COUNT_OF(heap) && (heap[made] = tide_heap_create(NULL)) != NULL)
		made++;
	cr_assert_eq(made, 1024);
	cr_assert_eq(errno, ENOMEM);
	for (unsigned i = 0; i < made; i++)
		must(tide_heap_malloc(heap[i], 100));
	for (unsigned i = 0; i < made; i++)
		tide_heap_destroy(heap[i]);
	cr_assert_not_null(tide_heap_create(NULL));
}

static uint64_t address_space(void)
{
	struct tide_stats stats;

	tide_stats_read(&stats, sizeof stats);
	return stats.mapped_bytes + stats.metadata_bytes;
}

/* Live blocks of all kinds in it, thousands of times over: nothing is left behind. */
Test(heap, destroyed_with_live_blocks_it_leaves_nothing)
{
	uint64_t after_some = 0;

	for (unsigned cycle = 0; cycle < SCALED(3000); cycle++) {
		struct tide_heap *heap = heap_with(NULL);

		for (unsigned i = 0; i < 40; i++) {
			void *block = must(tide_heap_malloc(heap, sizes[i % COUNT_OF(sizes)]));

			if (i % 3 == 0)
				tide_free(block);
		}
		tide_heap_destroy(heap);
		if (cycle == 20) {
			(void)tide_purge();
			after_some = address_space();
		}
	}
	(void)tide_purge();
	cr_assert_leq(address_space(), after_some);
}

Test(heap, a_reserve_is_mapped_at_once_and_stays)
{
	struct tide_heap_options options = { .reserve_bytes = 20 * MIB, .reserve_touched = 1 };
	struct tide_heap *heap = heap_with(&options);
	void *block[100];

	cr_assert_geq(stats_of(heap).mapped_bytes, 20 * MIB);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			block[i] = must(tide_heap_malloc(heap, 100000));
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			tide_free(block[i]);
		(void)tide_purge();
		cr_assert_geq(stats_of(heap).mapped_bytes, 20 * MIB);
	}
	tide_heap_destroy(heap);
}

/* Walking */

struct found {
	void *block[BLOCKS];
	size_t bytes[BLOCKS];
	unsigned count;
};

static int note(void *block, size_t bytes, void *context)
{
	struct found *found = context;

	if (found->count == BLOCKS)
		return 7;
	found->block[found->count] = block;
	found->bytes[found->count++] = bytes;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const char *const *first = a;
	const char *const *second = b;

	return (*first > *second) - (*first < *second);
}

static struct found found;

static void assert_walk_finds(struct tide_heap *heap, void **live, unsigned count)
{
	found.count = 0;
	cr_assert_eq(tide_heap_walk(heap, note, &found), 0);
	cr_assert_eq(found.count, count, "%u blocks, not %u", found.count, count);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(found.bytes[i], tide_malloc_usable_size(found.block[i]));
	qsort(found.block, count, sizeof found.block[0], by_address);
	qsort(live, count, sizeof live[0], by_address);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(found.block[i], live[i]);
}

Test(heap, a_walk_finds_the_live_blocks_and_no_other)
{
	static void *live[BLOCKS];
	struct tide_heap *heap = heap_with(NULL);
	uint64_t random = 5;
	unsigned count = 0;

	assert_walk_finds(heap, live, 0);
	for (unsigned step = 0; step < 30000; step++) {
		if (count < 3000 && random_next(&random) % 2 == 0) {
			size_t size = sizes[random_next(&random) % (COUNT_OF(sizes) - 1)];

			live[count++] = must(tide_heap_malloc(heap, size));
		} else if (count > 0) {
			unsigned at = (unsigned)(random_next(&random) % count);

			tide_free(live[at]);
			live[at] = live[--count];
		}
		if (step % 5000 == 0)
			assert_walk_finds(heap, live, count);
	}
	assert_walk_finds(heap, live, count);
	tide_heap_destroy(heap);
}

static int stop(void *block, size_t bytes, void *context)
{
	(void)block;
	(void)bytes;
	return ++*(int *)context == 3 ? 42 : 0;
}

Test(heap, a_walk_ends_when_it_is_told_to)
{
	struct tide_heap *heap = heap_with(NULL);
	int visits = 0;

	for (unsigned i = 0; i < 10; i++)
		must(tide_heap_malloc(heap, 100));
	cr_assert_eq(tide_heap_walk(heap, stop, &visits), 42);
	cr_assert_eq(visits, 3);
	tide_heap_destroy(heap);
}

Test(heap, figures_add_up)
{
	struct tide_heap *heap = heap_with(NULL);
	void *block[1000];
	uint64_t live = 0;

	for (unsigned i = 0; i < COUNT_OF(block); i++) {
		block[i] = must(tide_heap_malloc(heap, 1000 + i * 37));
		live += tide_malloc_usable_size(block[i]);
	}
	struct tide_heap_stats stats = stats_of(heap);
	cr_assert_geq(stats.block_bytes, live);
	cr_assert_leq(stats.block_bytes, live + 64 * KIB * 20);
	cr_assert_geq(stats.held_bytes, live);
	cr_assert_geq(stats.mapped_bytes, stats.held_bytes);
	cr_assert_eq(stats.threads, 1);
	for (unsigned i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	(void)tide_purge();
	stats = stats_of(heap);
	cr_assert_eq(stats.block_bytes, 0);
	cr_assert_leq(stats.held_bytes, 4 * MIB);
	tide_heap_destroy(heap);
}

/* Handles */

Test(heap, a_hint_brings_the_block_home)
{
	struct tide_heap *heaps[] = { NULL, heap_with(NULL) };

	for (unsigned h = 0; h < COUNT_OF(heaps); h++) {
		for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
			void *block[100];
			struct tide_hint hint[100];

			for (unsigned i = 0; i < COUNT_OF(block); i++) {
				block[i] = must(tide_malloc_in(heaps[h], sizes[s], &hint[i]));
				memset(block[i], 1, sizes[s]);
				cr_assert_eq(tide_heap_of(block[i]), heaps[h]);
			}
			for (unsigned i = 0; i < COUNT_OF(block); i++)
				tide_free_in(heaps[h], block[i], hint[i]);
		}
	}
	tide_free_in(heaps[1], NULL, (struct tide_hint){ 0 });
	struct tide_hint hint;
	void *one = must(tide_malloc_in(heaps[1], 100, &hint));
	cr_assert_eq(tide_heap_walk(heaps[1], note, &found), 0);
	cr_assert_eq(found.count, 1);
	cr_assert_eq(found.block[0], one);
	tide_heap_destroy(heaps[1]);
}

/* Threads */

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

Test(heap, threads_exchange_blocks, .timeout = 100)
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

Test(heap, heaps_of_many_threads_come_and_go, .timeout = 100)
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

Test(heap, threads_end_while_it_is_destroyed, .timeout = 100)
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
Test(heap, what_ended_threads_kept_is_free_again, .timeout = 60)
{
	shared.heap = heap_with(NULL);
	run_all(10, hold_and_end);
	(void)tide_purge();
	cr_assert_eq(stats_of(shared.heap).block_bytes, 0);
	cr_assert_eq(stats_of(shared.heap).threads, 0);
	tide_heap_destroy(shared.heap);
}

Test(heap, a_child_inherits_it, .timeout = 60)
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
