/* Heaps that a program makes: their own memory, life, handles and figures. */
#include <criterion/criterion.h>

#include "heap_support.h"

#include <errno.h>
#include <pthread.h>

static const size_t sizes[] = {
	1, 16, 100, 1000, 5000, 8192, 9000, 30000, 100000, 300000, 3000000
};

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

Test(heap, a_reserve_that_is_not_touched_takes_no_memory)
{
	struct tide_heap_options options = { .reserve_bytes = 200 * MIB };
	size_t base = resident_bytes();
	struct tide_heap *heap = heap_with(&options);

	cr_assert_geq(stats_of(heap).mapped_bytes, 200 * MIB);
	cr_assert_leq(resident_above(base), 4 * MIB, "%zu MiB", resident_above(base) / MIB);
	tide_heap_destroy(heap);
}

/* Walking */

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

/* Threads take turns, each with bins and slabs of its own. */
enum { TURN_THREADS = 4, TURN_ROUNDS = 30 };

static struct {
	struct tide_heap *heap;
	pthread_mutex_t lock;
	pthread_cond_t passed;
	unsigned turn;
	void *live[BLOCKS];
	uint64_t random;
} turns = { .lock = PTHREAD_MUTEX_INITIALIZER, .passed = PTHREAD_COND_INITIALIZER, .random = 9 };

/* What it makes is walked, freed, and given back in whole slabs, of which the next makes its own. */
static void take_turn(void)
{
	unsigned count = 1 + (unsigned)random_next(&turns.random) % (BLOCKS - 1);
	size_t size = 1 + random_next(&turns.random) % 300;

	for (unsigned i = 0; i < count; i++)
		turns.live[i] = must(tide_heap_malloc(turns.heap, size));
	assert_walk_finds(turns.heap, turns.live, count);
	for (unsigned i = 0; i < count; i++)
		tide_free(turns.live[i]);
	assert_walk_finds(turns.heap, turns.live, 0);
	(void)tide_heap_purge(turns.heap);
}

static void *take_turns(void *arg)
{
	unsigned self = *(const unsigned *)arg;

	for (unsigned round = 0; round < TURN_ROUNDS; round++) {
		(void)pthread_mutex_lock(&turns.lock);
		while (turns.turn % TURN_THREADS != self)
			(void)pthread_cond_wait(&turns.passed, &turns.lock);
		take_turn();
		turns.turn++;
		(void)pthread_cond_broadcast(&turns.passed);
		(void)pthread_mutex_unlock(&turns.lock);
	}
	return NULL;
}

Test(heap, a_walk_finds_what_is_live_whatever_thread_made_and_freed_it)
{
	pthread_t thread[TURN_THREADS];
	unsigned number[TURN_THREADS];

	turns.heap = heap_with(NULL);
	for (unsigned i = 0; i < TURN_THREADS; i++) {
		number[i] = i;
		cr_assert_eq(pthread_create(&thread[i], NULL, take_turns, &number[i]), 0);
	}
	for (unsigned i = 0; i < TURN_THREADS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	cr_assert_eq(turns.turn, (unsigned)TURN_THREADS * TURN_ROUNDS);
	tide_heap_destroy(turns.heap);
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

/* Of a medium class a longer block may do, of which a thread has one too many for its own bin. */
Test(heap, a_hint_is_of_the_block_that_was_to_be_had)
{
	struct tide_heap *heaps[] = { NULL, heap_with(NULL) };

	for (unsigned h = 0; h < COUNT_OF(heaps); h++) {
		struct tide_heap *heap = heaps[h];
		size_t usable;
		void *longer[8];
		struct tide_hint hint[2];
		void *block[2];

		for (unsigned i = 0; i < COUNT_OF(longer); i++)
			longer[i] = must(tide_malloc_in(heap, 10 * KIB, &hint[0]));
		tide_free(must(tide_malloc_in(heap, 9 * KIB, &hint[0])));
		for (unsigned i = 0; i < COUNT_OF(longer); i++)
			tide_free(longer[i]);
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			block[i] = must(tide_malloc_in(heap, 9 * KIB, &hint[i]));
		usable = tide_malloc_usable_size(block[1]);
		cr_assert_eq(usable, 10 * KIB, "%zu", usable);
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			tide_free_in(heap, block[i], hint[i]);
		(void)tide_purge();
	}
	tide_heap_destroy(heaps[1]);
}

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
