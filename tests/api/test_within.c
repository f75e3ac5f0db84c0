/* Heaps within the limit of another heap: what one takes, the others do not get. */
#include "limit_support.h"

#include "heap.h"
#include "options.h"

#include <stdatomic.h>

enum { THREADS = 4 };

static const enum tide_heap_counts ways[] = { TIDE_HEAP_BLOCKS, TIDE_HEAP_HELD, TIDE_HEAP_CHARGED };

static struct tide_heap *made(enum tide_heap_counts counts, size_t hard_bytes,
                              struct tide_heap *within)
{
	struct tide_heap_options options = { .counts = counts,
		                             .hard_bytes = hard_bytes,
		                             .within = within };
	struct tide_heap *heap = tide_heap_create(&options);

	cr_assert_not_null(heap);
	return heap;
}

static uint64_t counted(struct tide_heap *heap)
{
	struct tide_heap_stats stats;

	tide_heap_stats(heap, &stats, sizeof stats);
	return stats.counted_bytes;
}

static const size_t sizes[] = { 64, 4096, 100000, 2000000 };

Test(within, what_one_heap_takes_another_does_not_get)
{
	for (unsigned w = 0; w < COUNT_OF(ways); w++) {
		for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
			struct tide_heap *outer = made(ways[w], 8 * MIB, NULL);
			struct tide_heap *first = made(ways[w], 6 * MIB, outer);
			struct tide_heap *second = made(ways[w], 0, outer);

			/* The first comes to its own limit, the second to the common one. */
			cr_assert_leq(fill(first, sizes[s]), 6 * MIB);
			uint64_t in_first = counted(first);
			cr_assert_leq(in_first, 6 * MIB);
			cr_assert_gt(in_first + sizes[s] + 64 * KIB, 6 * MIB);
			fill(second, sizes[s]);
			cr_assert_eq(counted(outer), in_first + counted(second));
			cr_assert_leq(counted(outer), 8 * MIB);
			cr_assert_gt(counted(outer) + sizes[s] + 64 * KIB, 8 * MIB);
			assert_audit();

			/* One gone, the other has its room; all gone, nothing is left. */
			tide_heap_destroy(first);
			kept_count = 0;
			cr_assert_eq(counted(outer), counted(second));
			assert_audit();
			fill(second, sizes[s]);
			cr_assert_gt(counted(second) + sizes[s] + 64 * KIB, 8 * MIB);
			tide_heap_destroy(second);
			kept_count = 0;
			cr_assert_eq(counted(outer), 0);
			tide_heap_destroy(outer);
			assert_audit();
		}
	}
}

Test(within, charges_to_the_outer_one_leave_less_to_the_inner)
{
	struct tide_heap *outer = made(TIDE_HEAP_CHARGED, 8 * MIB, NULL);
	struct tide_heap *inner = made(TIDE_HEAP_CHARGED, 0, outer);

	cr_assert_eq(tide_heap_charge(outer, (ptrdiff_t)(4 * MIB)), 0);
	cr_assert_eq(tide_heap_charge(inner, (ptrdiff_t)(2 * MIB)), 0);
	cr_assert_eq(tide_heap_charge(inner, (ptrdiff_t)(2 * MIB + 1)), ENOMEM);
	cr_assert_leq(fill(inner, 4096), 2 * MIB);
	cr_assert_gt(counted(outer) + 64 * KIB, 8 * MIB);
	assert_audit();
	tide_heap_destroy(inner);
	cr_assert_eq(counted(outer), 4 * MIB);
	tide_heap_destroy(outer);
}

Test(within, purged_memory_of_one_is_room_for_another)
{
	struct tide_heap *outer = made(TIDE_HEAP_HELD, 8 * MIB, NULL);
	struct tide_heap *first = made(TIDE_HEAP_HELD, 0, outer);
	struct tide_heap *second = made(TIDE_HEAP_HELD, 0, outer);

	fill(first, 4096);
	cr_assert_null(tide_heap_malloc(second, 1 * MIB));
	free_kept();
	(void)tide_heap_purge(first);
	cr_assert_leq(counted(outer), 64 * KIB);
	cr_assert_not_null(tide_heap_malloc(second, 1 * MIB));
	assert_audit();
	tide_heap_destroy(first);
	tide_heap_destroy(second);
	tide_heap_destroy(outer);
}

Test(within, what_does_not_fit_is_refused)
{
	struct tide_heap *outer = made(TIDE_HEAP_HELD, 8 * MIB, NULL);
	struct tide_heap *inner = made(TIDE_HEAP_HELD, 0, outer);
	struct tide_heap_options other_way = { .counts = TIDE_HEAP_BLOCKS, .within = outer };
	struct tide_heap_options third = { .counts = TIDE_HEAP_HELD, .within = inner };

	errno = 0;
	cr_assert_null(tide_heap_create(&other_way));
	cr_assert_eq(errno, EINVAL);
	errno = 0;
	cr_assert_null(tide_heap_create(&third));
	cr_assert_eq(errno, EINVAL);
	tide_heap_destroy(inner);
	tide_heap_destroy(outer);
}

struct racer {
	pthread_t thread;
	struct tide_heap *heap;
	uint64_t seed;
};

static struct tide_heap *raced;

static void *race(void *arg)
{
	struct racer *racer = arg;
	void *own[64] = { 0 };

	for (unsigned i = 0; i < SCALED(40000); i++) {
		unsigned at = (unsigned)(random_next(&racer->seed) % COUNT_OF(own));

		tide_free(own[at]);
		own[at] = tide_heap_malloc(racer->heap, random_size(&racer->seed, 17));
	}
	for (unsigned i = 0; i < COUNT_OF(own); i++)
		tide_free(own[i]);
	return NULL;
}

Test(within, threads_race_for_the_common_bytes, .timeout = 100)
{
	for (unsigned w = 0; w < COUNT_OF(ways); w++) {
		struct racer racers[THREADS];
		struct tide_heap *inner[2];

		raced = made(ways[w], 2 * MIB, NULL);
		inner[0] = made(ways[w], 0, raced);
		inner[1] = made(ways[w], 0, raced);
		for (unsigned i = 0; i < THREADS; i++) {
			racers[i] = (struct racer){ .heap = inner[i % 2], .seed = i + 1 };
			cr_assert_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
		}
		for (unsigned i = 0; i < THREADS; i++)
			cr_assert_eq(pthread_join(racers[i].thread, NULL), 0);
		assert_audit();
		cr_assert_leq(counted(raced), 2 * MIB);
		tide_heap_destroy(inner[0]);
		tide_heap_destroy(inner[1]);
		cr_assert_eq(counted(raced), 0);
		tide_heap_destroy(raced);
	}
}

/* What one heap keeps in its queues of blocks that came and went in turns, another gets. */
Test(within, a_heap_gets_what_another_only_keeps)
{
	static void *block[30 * MIB / 64];

	for (unsigned w = 0; w < COUNT_OF(ways); w++) {
		struct tide_heap *outer = made(ways[w], 40 * MIB, NULL);
		struct tide_heap *first = made(ways[w], 0, outer);
		struct tide_heap *second = made(ways[w], 0, outer);

		for (size_t count = 2 * MIB / 64; count <= COUNT_OF(block); count += 2 * MIB / 64) {
			for (size_t i = 0; i < count; i++) {
				block[i] = tide_heap_malloc(first, 64);
				cr_assert_not_null(block[i]);
			}
			for (size_t i = 0; i < count; i++)
				tide_heap_free(first, block[i]);
		}
		size_t filled = fill(second, 4096);
		cr_assert_gt(filled, 34 * MIB, "way %u: %zu KiB", w, filled / KIB);
		tide_heap_destroy(second);
		kept_count = 0;
		tide_heap_destroy(first);
		tide_heap_destroy(outer);
	}
}

/* A heap's slot that is used again starts as the first one did. */
Test(within, a_heap_in_a_slot_used_before_starts_with_the_first_levels)
{
	for (unsigned round = 0; round < 3; round++) {
		struct tide_heap *heap = made(TIDE_HEAP_BLOCKS, 0, NULL);
		static void *block[100000];

		for (unsigned i = 0; i < COUNT_OF(block); i++)
			block[i] = tide_heap_malloc(heap, 64);
		cr_assert_leq(tide_load_relaxed(&heap->queues.level[tide_class_of(64)]),
		              (uint32_t)tide_option(TIDE_OPTION_QUEUE_BLOCKS));
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			tide_heap_free(heap, block[i]);
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			block[i] = tide_heap_malloc(heap, 64);
		tide_heap_destroy(heap);
	}
}
