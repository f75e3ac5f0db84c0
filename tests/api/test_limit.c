/* Limits of heaps, in each way of counting: exact where they can be, and never passed. */
#include "limit_support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "options.h"

enum { THREADS = 6 };

static struct tide_heap *limited(enum tide_heap_counts counts, size_t hard_bytes)
{
	struct tide_heap_options options = { .counts = counts, .hard_bytes = hard_bytes };
	struct tide_heap *heap = tide_heap_create(&options);

	cr_assert_not_null(heap);
	return heap;
}

static struct tide_heap_stats stats_of(struct tide_heap *heap)
{
	struct tide_heap_stats stats;

	tide_heap_stats(heap, &stats, sizeof stats);
	return stats;
}

static const size_t sizes[] = { 16, 64, 1000, 4096, 8192, 20000, 100000, 500000, 2000000 };

/* One thread: when only multiples of the class fit, not a byte is lost. */
Test(limit, blocks_fill_it_to_the_last)
{
	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		void *probe = tide_malloc(sizes[s]);
		size_t each = tide_malloc_usable_size(probe);
		size_t count = 4 * MIB / each + 1;

		tide_free(probe);
		struct tide_heap *heap = limited(TIDE_HEAP_BLOCKS, count * each + each / 2);
		for (unsigned round = 0; round < 3; round++) {
			cr_assert_eq(fill(heap, sizes[s]), count * each, "size %zu round %u",
			             sizes[s], round);
			cr_assert_eq(stats_of(heap).counted_bytes, count * each);
			assert_audit();
			free_kept();
			assert_audit();
		}
		tide_heap_destroy(heap);
	}
}

/* Another size does not find the room taken by what the first one left in bins. */
Test(limit, room_of_one_size_serves_another)
{
	struct tide_heap *heap = limited(TIDE_HEAP_BLOCKS, 4 * MIB);

	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		size_t bytes = fill(heap, sizes[s]);

		cr_assert_leq(bytes, 4 * MIB);
		cr_assert_gt(bytes + tide_malloc_usable_size(kept[0]), 4 * MIB);
		free_kept();
		assert_audit();
	}
	tide_heap_destroy(heap);
}

Test(limit, held_memory_stays_below_it)
{
	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		struct tide_heap *heap = limited(TIDE_HEAP_HELD, 8 * MIB);

		for (unsigned round = 0; round < 3; round++) {
			size_t bytes = fill(heap, sizes[s]);
			struct tide_heap_stats stats = stats_of(heap);

			cr_assert_eq(stats.counted_bytes, stats.held_bytes);
			cr_assert_leq(stats.held_bytes, 8 * MIB);
			/* A slab or a block less, and what chunks lose at the end of regions. */
			cr_assert_geq(bytes, 8 * MIB - 64 * KIB - sizes[s] - 4 * KIB);
			assert_audit();
			free_kept();
			assert_audit();
		}
		tide_heap_destroy(heap);
	}
}

Test(limit, charges_by_hand_count)
{
	struct tide_heap *heap = limited(TIDE_HEAP_CHARGED, 8 * MIB);

	cr_assert_eq(tide_heap_charge(heap, 6 * MIB), 0);
	cr_assert_eq(tide_heap_charge(heap, 3 * MIB), ENOMEM);
	size_t bytes = fill(heap, 1000);
	cr_assert_leq(bytes, 2 * MIB);
	cr_assert_geq(bytes, 2 * MIB - 70 * KIB);
	cr_assert_eq(stats_of(heap).charged_bytes, 6 * MIB);
	assert_audit();
	cr_assert_eq(tide_heap_charge(heap, -(ptrdiff_t)(5 * MIB)), 0);
	cr_assert_geq(bytes + fill(heap, 1000), 7 * MIB - 70 * KIB);
	assert_audit();
	/* Exactly to the limit, and a byte more. */
	uint64_t left = 8 * MIB - stats_of(heap).counted_bytes;
	cr_assert_eq(tide_heap_charge(heap, (ptrdiff_t)left), 0);
	cr_assert_eq(tide_heap_charge(heap, 1), ENOMEM);
	tide_heap_destroy(heap);
}

/* No sum of what is charged and what is asked for may turn round. */
Test(limit, a_charge_of_all_there_is_is_refused)
{
	struct tide_heap *heap = limited(TIDE_HEAP_CHARGED, MIB);

	cr_assert_eq(tide_heap_charge(heap, 1), 0);
	cr_assert_eq(tide_heap_charge(heap, PTRDIFF_MAX), ENOMEM);
	cr_assert_eq(stats_of(heap).charged_bytes, 1);
	errno = 0;
	cr_assert_null(tide_heap_malloc(heap, PTRDIFF_MAX));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_leq(fill(heap, 4096), MIB);
	tide_heap_destroy(heap);
}

Test(limit, charges_do_not_count_when_they_are_not_to)
{
	struct tide_heap *heap = limited(TIDE_HEAP_HELD, 1 * MIB);

	cr_assert_eq(tide_heap_charge(heap, 100 * MIB), 0);
	cr_assert_eq(stats_of(heap).charged_bytes, 100 * MIB);
	cr_assert_not_null(tide_heap_malloc(heap, 1000));
	tide_heap_destroy(heap);
}

Test(limit, realloc_of_large_blocks_pays)
{
	struct tide_heap *heap = limited(TIDE_HEAP_BLOCKS, 16 * MIB);
	char *block = tide_heap_malloc(heap, 2 * MIB);

	cr_assert_not_null(block);
	for (size_t mib = 3; mib <= 16; mib++) {
		char *moved = tide_heap_realloc(heap, block, mib * MIB);

		cr_assert_not_null(moved);
		block = moved;
		cr_assert_geq(stats_of(heap).counted_bytes, mib * MIB);
		assert_audit();
	}
	cr_assert_null(tide_heap_realloc(heap, block, 17 * MIB));
	assert_audit();
	block = tide_heap_realloc(heap, block, 2 * MIB);
	cr_assert_not_null(block);
	assert_audit();
	tide_free(block);
	cr_assert_eq(stats_of(heap).counted_bytes, 0);
	tide_heap_destroy(heap);
}

/* Reclaim */

struct store {
	struct tide_heap *heap;
	void *entry[20000];
	unsigned head, tail;
	unsigned calls;
	size_t asked_bytes;
};

static struct store store;

/* Drop the oldest ten. */
static size_t drop_some(struct tide_heap *heap, size_t bytes, void *context)
{
	struct store *own = context;
	size_t freed_bytes = 0;

	own->calls++;
	own->asked_bytes = bytes;
	if (heap != own->heap)
		return 0;
	for (unsigned i = 0; i < 10 && own->head < own->tail; i++) {
		void **entry = &own->entry[own->head++ % COUNT_OF(own->entry)];

		freed_bytes += tide_malloc_usable_size(*entry);
		tide_free(*entry);
		*entry = NULL;
	}
	return freed_bytes;
}

static void put(size_t size)
{
	void *entry = tide_heap_malloc(store.heap, size);

	cr_assert_not_null(entry);
	store.entry[store.tail++ % COUNT_OF(store.entry)] = entry;
}

static void store_with(enum tide_heap_counts counts, size_t soft_bytes, size_t hard_bytes)
{
	struct tide_heap_options options = {
		.counts = counts,
		.soft_bytes = soft_bytes,
		.hard_bytes = hard_bytes,
		.reclaim = drop_some,
		.context = &store,
	};

	store.heap = tide_heap_create(&options);
	cr_assert_not_null(store.heap);
}

Test(limit, reclaim_makes_room_for_ever)
{
	for (int counts = TIDE_HEAP_BLOCKS; counts <= TIDE_HEAP_CHARGED; counts++) {
		uint64_t random = 3;

		memset(&store, 0, sizeof store);
		store_with((enum tide_heap_counts)counts, 0, 8 * MIB);
		for (unsigned i = 0; i < SCALED(160000); i++) {
			put(200 + random_next(&random) % 3000);
			cr_assert_leq(store.tail - store.head, COUNT_OF(store.entry));
		}
		cr_assert_gt(store.calls, 0);
		cr_assert_leq(stats_of(store.heap).counted_bytes, 8 * MIB);
		assert_audit();
		tide_heap_destroy(store.heap);
	}
}

Test(limit, reclaim_without_progress_is_the_end)
{
	memset(&store, 0, sizeof store);
	store_with(TIDE_HEAP_BLOCKS, 0, MIB);
	cr_assert_null(tide_heap_malloc(store.heap, 2 * MIB));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_eq(store.calls, 1);
	cr_assert_geq(store.asked_bytes, 2 * MIB);
	tide_heap_destroy(store.heap);
}

static size_t allocates_in_it(struct tide_heap *heap, size_t bytes, void *context)
{
	(void)bytes;
	++*(unsigned *)context;
	(void)tide_heap_malloc(heap, 2 * MIB);
	return 0;
}

/* It must not, but does not go round in circles either. */
Test(limit, reclaim_that_allocates_is_not_called_again)
{
	unsigned calls = 0;
	struct tide_heap *heap = limited(TIDE_HEAP_BLOCKS, MIB);

	tide_heap_set_reclaim(heap, allocates_in_it, &calls);
	cr_assert_null(tide_heap_malloc(heap, 2 * MIB));
	cr_assert_eq(calls, 1);
	tide_heap_destroy(heap);
}

static size_t counts_only(struct tide_heap *heap, size_t bytes, void *context)
{
	(void)heap;
	(void)bytes;
	++*(unsigned *)context;
	return 0;
}

Test(limit, the_soft_limit_is_told_once_for_each_crossing)
{
	unsigned calls = 0;
	struct tide_heap_options options = {
		.soft_bytes = 4 * MIB,
		.reclaim = counts_only,
		.context = &calls,
	};
	struct tide_heap *heap = tide_heap_create(&options);

	for (unsigned crossing = 1; crossing <= 3; crossing++) {
		for (unsigned i = 0; i < 100; i++) {
			kept[kept_count++] = tide_heap_malloc(heap, 100000);
			cr_assert_not_null(kept[kept_count - 1]);
		}
		cr_assert_eq(calls, crossing);
		free_kept();
		/* Below it again, as far as the count knows. */
		(void)tide_purge();
		tide_free(tide_heap_malloc(heap, 2000000));
		cr_assert_eq(calls, crossing);
	}
	tide_heap_destroy(heap);
}

/* Threads that race for what is left: live bytes never pass the limit, and what could not be had is
 * no more than their bins. */
struct racer {
	uint64_t seed;
	size_t live_bytes;
	unsigned count;
	void *block[8000];
};

static struct tide_heap *arena;
static struct racer racer[THREADS];
static pthread_barrier_t full;

static void *race(void *arg)
{
	struct racer *own = arg;
	void *block = NULL;

	do {
		size_t size = 1 + random_next(&own->seed) % 2000;

		block = tide_heap_malloc(arena, size);
		if (block != NULL) {
			own->live_bytes += tide_malloc_usable_size(block);
			own->block[own->count++] = block;
		}
	} while (block != NULL && own->count < COUNT_OF(own->block));
	(void)pthread_barrier_wait(&full);
	(void)pthread_barrier_wait(&full);
	while (own->count > 0)
		tide_free(own->block[--own->count]);
	return NULL;
}

static void race_once(enum tide_heap_counts counts, size_t hard_bytes)
{
	pthread_t thread[THREADS];
	size_t live_bytes = 0;

	arena = limited(counts, hard_bytes);
	cr_assert_eq(pthread_barrier_init(&full, NULL, THREADS + 1), 0);
	for (unsigned t = 0; t < THREADS; t++) {
		racer[t] = (struct racer){ .seed = t };
		cr_assert_eq(pthread_create(&thread[t], NULL, race, &racer[t]), 0);
	}
	(void)pthread_barrier_wait(&full);
	for (unsigned t = 0; t < THREADS; t++)
		live_bytes += racer[t].live_bytes;
	cr_assert_leq(live_bytes, hard_bytes);
	struct tide_heap_stats stats = stats_of(arena);
	cr_assert_leq(stats.counted_bytes, hard_bytes);
	if (counts == TIDE_HEAP_BLOCKS) {
		/* 24 classes up to 2048 bytes; at most two bins of 128 blocks or 32 KiB each. */
		size_t bins_bytes = (size_t)THREADS * 24 * 2 * 32 * KIB;
		cr_assert_geq(live_bytes + bins_bytes, hard_bytes);
	}
	(void)pthread_barrier_wait(&full);
	for (unsigned t = 0; t < THREADS; t++)
		cr_assert_eq(pthread_join(thread[t], NULL), 0);
	assert_audit();
	(void)tide_purge();
	cr_assert_eq(stats_of(arena).block_bytes, 0);
	assert_audit();
	if (counts == TIDE_HEAP_BLOCKS)
		cr_assert_eq(stats_of(arena).counted_bytes, 0);
	tide_heap_destroy(arena);
}

Test(limit, threads_race_for_the_last_bytes, .timeout = 100)
{
	for (unsigned round = 0; round < SCALED(32); round++) {
		race_once(TIDE_HEAP_BLOCKS, 10 * MIB);
		race_once(TIDE_HEAP_HELD, 12 * MIB);
	}
}

/* The process's own heap, limited by options. */

static void process_limit(int counts, int policy)
{
	tide_options_set(TIDE_OPTION_LIMIT, 32 * MIB);
	tide_options_set(TIDE_OPTION_LIMIT_COUNTS, counts);
	tide_options_set(TIDE_OPTION_LIMIT_POLICY, policy);
}

static size_t fill_process(size_t size)
{
	size_t bytes = 0;
	void *block;

	while (kept_count < MOST && (block = tide_malloc(size)) != NULL) {
		kept[kept_count++] = block;
		bytes += tide_malloc_usable_size(block);
	}
	return bytes;
}

Test(limit, the_process_has_one_by_option)
{
	for (int counts = 0; counts <= 2; counts++) {
		pid_t child = fork();

		cr_assert_geq(child, 0);
		if (child != 0) {
			int status;
			cr_assert_eq(waitpid(child, &status, 0), child);
			cr_assert_eq(status, 0, "counts %d: status %#x", counts, status);
			continue;
		}
		process_limit(counts, 0);
		size_t bytes = fill_process(1000);
		bool right = bytes <= 32 * MIB && bytes >= 32 * MIB - 300 * KIB && errno == ENOMEM;
		free_kept();
		bytes = fill_process(1000000);
		right &= bytes <= 32 * MIB && bytes >= 30 * MIB;
		free_kept();
		right &= tide_gc_audit() == NULL;
		right &= stats_of(NULL).hard_bytes == 32 * MIB;
		_exit(right ? 0 : 1);
	}
}

static unsigned process_calls;

static size_t free_a_hundred(struct tide_heap *heap, size_t bytes, void *context)
{
	size_t freed_bytes = 0;

	(void)bytes;
	(void)context;
	process_calls++;
	for (unsigned i = 0; i < 100 && kept_count > 0; i++, freed_bytes += 1000)
		tide_free(kept[--kept_count]);
	return heap == NULL ? freed_bytes : 0;
}

Test(limit, the_process_reclaims_when_told_how)
{
	process_limit(0, 1);
	tide_heap_set_reclaim(NULL, free_a_hundred, NULL);
	for (unsigned i = 0; i < 60000; i++) {
		void *block = tide_malloc(1000);

		cr_assert_not_null(block);
		kept[kept_count++] = block;
	}
	cr_assert_gt(process_calls, 10);
	cr_assert_leq(stats_of(NULL).counted_bytes, 32 * MIB);
	assert_audit();
}
