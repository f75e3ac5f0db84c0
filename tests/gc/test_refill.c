/* refill.c: queues are filled when missed, and come down again; bins from the free sets. */
#include "support.h"

#include "../lib/lane_support.h"

#include <pthread.h>

TestSuite(refill, .timeout = 60);

/* A second thread that uses the allocator: without one nobody needs queues. The GC's thread stays
 * away. */
static void *second(void *barrier)
{
	process_begins();
	(void)pthread_barrier_wait(barrier);
	(void)pthread_barrier_wait(barrier);
	return NULL;
}

static pthread_barrier_t barrier;
static pthread_t thread;

static void begin(void)
{
	process_begins();
	tide_options_set(TIDE_OPTION_GC, 0);
	(void)pthread_barrier_init(&barrier, NULL, 2);
	cr_assert_eq(pthread_create(&thread, NULL, second, &barrier), 0);
	(void)pthread_barrier_wait(&barrier);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 2);
}

static void end(void)
{
	(void)pthread_barrier_wait(&barrier);
	(void)pthread_join(thread, NULL);
}

static uint32_t level_of(unsigned cls)
{
	return tide_load_relaxed(&tide_heap_default.queues.level[cls]);
}

static uint32_t queued(unsigned cls)
{
	return tide_queue_blocks_racy(&tide_heap_default.queues, cls);
}

/* Free in slabs of the class, or in chunks. */
static uint64_t free_bytes(unsigned cls)
{
	return tide_heap_default.gc.free_blocks[cls] * tide_class_bytes(cls) +
	       tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes);
}

static void miss(unsigned cls)
{
	cr_assert_null(tide_queue_pop(&tide_heap_default.queues, cls));
	/* There is no GC thread here: as if it had been found full for that. */
	tide_heap_default.gc.queue_fulls_grown[cls]--;
	tide_queue_note_miss(&tide_heap_default.queues, cls);
}

static unsigned largest_bin(unsigned cls)
{
	size_t fit = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES) / tide_class_bytes(cls);
	size_t most = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BLOCKS);

	return fit == 0 ? 1 : (unsigned)(fit < most ? fit : most);
}

/* As threads do that had to have their blocks from the free sets for want of a queue: so many bins
 * went out of them and in again. */
static void miss_for_want(unsigned cls, unsigned bins)
{
	for (unsigned i = 0; i < bins; i++) {
		struct tide_bin *bin = tide_bin_new(cls, largest_bin(cls));
		cr_assert_not_null(bin);
		(void)tide_gc_refill_bin(&tide_heap_default, bin, largest_bin(cls));
		tide_gc_drain_bin(&tide_heap_default, bin);
		tide_bin_recycle(bin);
	}
	miss(cls);
}

static void visit_until_idle(void)
{
	unsigned visits = 0;

	while (tide_gc_refill_queues(&tide_heap_default) == GC_WORKED)
		cr_assert_lt(++visits, 1000u);
}

static void take_all_queued(unsigned cls)
{
	struct tide_bin *bin;

	while ((bin = tide_queue_pop(&tide_heap_default.queues, cls)) != NULL) {
		bin->count = 0;
		tide_bin_recycle(bin);
	}
}

Test(refill, first_levels_are_what_the_options_say, .init = begin, .fini = end)
{
	tide_queue_init(&tide_heap_default.queues);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		int64_t fit =
		    tide_option(TIDE_OPTION_QUEUE_FIRST_BYTES) / (int64_t)tide_class_bytes(cls);
		int64_t due = tide_option(TIDE_OPTION_QUEUE_BLOCKS);
		if (due > fit)
			due = fit;
		cr_assert_eq(level_of(cls), due);
		cr_assert_eq(queued(cls), 0);
	}
}

Test(refill, a_queue_that_was_missed_grows_by_four_bins_and_is_filled, .init = begin, .fini = end)
{
	static const size_t size[] = { 16, 64, 100, 1000, 2048, 8192, 10000, 32768 };

	visit_until_idle(); /* whatever starting up has missed */
	uint64_t grows = tide_load_relaxed(&tide_heap_default.gc.count.level_grows);
	(void)free_region();
	for (unsigned i = 0; i < COUNT_OF(size); i++) {
		unsigned cls = tide_class_of(size[i]);
		uint32_t due = level_of(cls) + 4 * largest_bin(cls);
		miss_for_want(cls, 5);
		cr_assert_eq(tide_gc_refill_queues(&tide_heap_default), GC_WORKED);
		cr_assert_eq(level_of(cls), due, "%zu bytes", size[i]);
		cr_assert_gt(queued(cls), 0);
		cr_assert_lt(queued(cls), level_of(cls) + largest_bin(cls));
		/* No further miss, no further growth. */
		uint32_t level = level_of(cls);
		visit_until_idle();
		cr_assert_eq(level_of(cls), level);
	}
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.level_grows) - grows,
	             COUNT_OF(size));
}

Test(refill, it_grows_for_each_miss_by_no_more_than_came_through, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);

	visit_until_idle();
	(void)free_region();
	uint32_t level = level_of(cls);
	miss(cls); /* fresh memory served it */
	tide_gc_queue_grow(&tide_heap_default, cls);
	cr_assert_eq(level_of(cls), level);
	miss(cls);
	miss(cls);
	miss_for_want(cls, 11);
	tide_gc_queue_grow(&tide_heap_default, cls);
	cr_assert_eq(level_of(cls), level + 11 * largest_bin(cls),
	             "three times four would be more");
	tide_gc_queue_grow(&tide_heap_default, cls);
	cr_assert_eq(level_of(cls), level + 11 * largest_bin(cls), "counted once");
}

Test(refill, a_region_used_up_lowers_the_levels_of_others, .init = begin, .fini = end)
{
	unsigned needed = tide_class_of(64);
	unsigned other = tide_class_of(256);

	visit_until_idle();
	(void)free_region();
	miss_for_want(needed, 5);
	miss_for_want(other, 5);
	visit_until_idle();
	tide_gc_settle_queues(&tide_heap_default); /* the misses were before this one */
	uint32_t needed_level = level_of(needed);
	uint32_t other_level = level_of(other);
	cr_assert_gt(queued(other), other_level / 4 + largest_bin(other));
	take_all_queued(needed);
	miss(needed);
	tide_heap_default.gc.grew = true;
	visit_until_idle();
	cr_assert_geq(level_of(needed), needed_level);
	cr_assert_eq(level_of(other), other_level / 4);
	cr_assert_lt(queued(other), other_level / 4 + largest_bin(other));
	/* Once between two ticks. */
	tide_heap_default.gc.grew = true;
	visit_until_idle();
	cr_assert_eq(level_of(other), other_level / 4);
}

/* Who missed finds it in its own lane; the GC is in its own again afterwards. */
Test(refill, a_queue_is_filled_in_the_lane_that_missed_last, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);

	visit_until_idle();
	(void)free_region();
	in_lane(1);
	miss_for_want(cls, 4);
	in_lane(2);
	miss_for_want(cls, 4);
	in_lane(0);
	visit_until_idle();
	cr_assert_eq(tide_lane, 0);
	cr_assert_gt(queued(cls), 0u);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[2][cls].blocks), queued(cls));
	in_lane(2);
	take_all_queued(cls);
	cr_assert_eq(queued(cls), 0u);
	in_lane(0);
}

Test(refill, what_is_too_much_goes_from_the_lane_that_has_most, .init = begin, .fini = end)
{
	static const unsigned bins[] = { 2, 12, 4 };
	unsigned cls = tide_class_of(64);

	visit_until_idle();
	(void)free_region();
	for (uint8_t lane = 0; lane < COUNT_OF(bins); lane++) {
		in_lane(lane);
		for (unsigned i = 0; i < bins[lane]; i++) {
			struct tide_bin *bin = tide_bin_new(cls, largest_bin(cls));

			cr_assert_not_null(bin);
			cr_assert_gt(tide_gc_refill_bin(&tide_heap_default, bin, largest_bin(cls)),
			             0u);
			tide_queue_push(&tide_heap_default.queues, bin);
		}
	}
	in_lane(3);
	in_lane(0);
	tide_store_relaxed(&tide_heap_default.queues.level[cls], 9 * largest_bin(cls));
	tide_queue_attend(&tide_heap_default.queues, cls);
	visit_until_idle();
	cr_assert_eq(queued(cls), 9 * largest_bin(cls));
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[0][cls].blocks),
	             2 * largest_bin(cls));
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[2][cls].blocks),
	             4 * largest_bin(cls));
	/* A count that is too high for good does not keep it from the others. */
	uint32_t left = queued(cls);
	(void)tide_add_relaxed(&tide_heap_default.queues.of[3][cls].blocks, 100000u);
	tide_queue_attend(&tide_heap_default.queues, cls);
	visit_until_idle();
	(void)tide_sub_relaxed(&tide_heap_default.queues.of[3][cls].blocks, 100000u);
	cr_assert_lt(queued(cls), left);
	take_all_queued(cls);
}

/* More than the GC takes back in one visit, because threads handed bins to each other while it
 * stood still: visit by visit. */
Test(refill, far_too_much_in_a_queue_goes_in_bounded_visits, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(16);
	unsigned bins = 300;

	visit_until_idle();
	for (unsigned i = 0; i < 2; i++)
		(void)free_region();
	for (unsigned i = 0; i < bins; i++) {
		struct tide_bin *bin = tide_bin_new(cls, largest_bin(cls));
		cr_assert_not_null(bin);
		cr_assert_eq(tide_gc_refill_bin(&tide_heap_default, bin, largest_bin(cls)),
		             largest_bin(cls));
		tide_queue_push(&tide_heap_default.queues, bin);
	}
	cr_assert_not(tide_queue_has_room(&tide_heap_default.queues, cls));
	unsigned visits = 0;
	uint32_t before = queued(cls);
	while (tide_gc_refill_queues(&tide_heap_default) == GC_WORKED) {
		cr_assert_lt(queued(cls), before);
		cr_assert_geq(queued(cls) + 64 * largest_bin(cls), before, "64 bins a visit");
		before = queued(cls);
		cr_assert_lt(++visits, 100u);
	}
	cr_assert_gt(visits, 3u);
	cr_assert_leq(queued(cls), level_of(cls) + 8 * largest_bin(cls));
}

/* A thread that is lost between counting its blocks and pushing them leaves the count too high. */
Test(refill, a_count_that_is_too_high_keeps_nobody_busy, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);

	visit_until_idle();
	struct tide_queue *queue = &tide_heap_default.queues.of[0][cls];
	(void)tide_add_relaxed(&queue->blocks, level_of(cls) + 64 * largest_bin(cls));
	cr_assert_not(tide_queue_has_room(&tide_heap_default.queues, cls));
	tide_gc_settle_queues(&tide_heap_default);
	visit_until_idle();
	tide_queue_recount(&tide_heap_default.queues);
	cr_assert_eq(queued(cls), 0);
	(void)free_region();
	miss_for_want(cls, 5);
	visit_until_idle();
	uint32_t blocks = queued(cls);
	cr_assert_gt(blocks, 0);
	tide_queue_recount(&tide_heap_default.queues);
	cr_assert_eq(queued(cls), blocks);
}

/* What is led past it, as blocks freed out of order are. */
Test(refill, a_queue_that_is_never_full_does_not_grow, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);

	visit_until_idle();
	(void)free_region();
	uint32_t level = level_of(cls);
	miss_for_want(cls, 5);
	tide_heap_default.gc.queue_fulls_grown[cls]++;
	tide_gc_queue_grow(&tide_heap_default, cls);
	cr_assert_eq(level_of(cls), level);
}

Test(refill, a_level_has_a_highest_value, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(4096);
	uint32_t max = 256;

	tide_options_set(TIDE_OPTION_QUEUE_MAX_BYTES, (int64_t)max * 4096);
	for (unsigned i = 0; i < 4; i++)
		(void)free_region();
	for (unsigned i = 0; i < 200; i++) {
		take_all_queued(cls);
		miss_for_want(cls, 5);
		visit_until_idle();
		cr_assert_leq(level_of(cls), max);
		cr_assert_lt(queued(cls), max + largest_bin(cls));
	}
	cr_assert_eq(level_of(cls), max);
}

Test(refill, a_queue_stays_empty_when_nothing_is_free, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);

	miss(cls);
	visit_until_idle();
	cr_assert_eq(queued(cls), 0);
	cr_assert(tide_queue_is_empty_racy(&tide_heap_default.queues, cls));
}

Test(refill, queued_bins_are_sound_and_in_address_order, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);

	(void)free_region();
	miss(cls);
	visit_until_idle();
	struct tide_bin *bin;
	uint32_t blocks = 0;
	while ((bin = tide_queue_pop(&tide_heap_default.queues, cls)) != NULL) {
		cr_assert(tide_bin_is_valid(bin));
		cr_assert_eq(bin->count, largest_bin(cls));
		blocks += bin->count;
		char *last = tide_bin_take(bin);
		while (bin->count > 0) {
			char *next = tide_bin_take(bin);
			cr_assert_eq(next, last + 64, "side by side");
			last = next;
		}
	}
	cr_assert_gt(blocks, 0);
	cr_assert_eq(queued(cls), 0);
}

Test(refill, a_queue_found_full_too_often_gives_a_quarter_back, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(256);
	unsigned limit = (unsigned)tide_option(TIDE_OPTION_QUEUE_FULL_COUNT);

	(void)free_region();
	miss(cls);
	visit_until_idle();
	/* As a process that frees more than it takes. */
	uint32_t full = queued(cls);
	cr_assert_geq(full, level_of(cls));
	uint64_t free_before = free_bytes(cls);
	for (unsigned i = 0; i < limit; i++) {
		cr_assert_not(tide_queue_has_room(&tide_heap_default.queues, cls));
		cr_assert_eq(tide_gc_refill_queues(&tide_heap_default), GC_IDLE);
		cr_assert_eq(queued(cls), full);
	}
	cr_assert_not(tide_queue_has_room(&tide_heap_default.queues, cls));
	cr_assert_eq(tide_gc_refill_queues(&tide_heap_default), GC_WORKED);
	uint32_t back = full - queued(cls);
	cr_assert_geq(back, full / 4);
	cr_assert_lt(back, full / 4 + largest_bin(cls), "whole bins, and no more than are due");
	cr_assert_eq(free_bytes(cls), free_before + back * tide_class_bytes(cls));
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.level_reclaims), 1);
	/* The count starts again. */
	tide_queue_note(&tide_heap_default.queues, &tide_heap_default.queues.of[0][cls].fulls, cls);
	cr_assert_eq(tide_gc_refill_queues(&tide_heap_default), GC_IDLE);
}

Test(refill, levels_settle_to_nothing_when_idle, .init = begin, .fini = end)
{
	static const size_t size[] = { 32, 500, 4000, 20000, 100000 };
	struct tide_region *region = free_region();
	unsigned ticks = 0;

	for (unsigned i = 0; i < COUNT_OF(size); i++)
		miss_for_want(tide_class_of(size[i]), 5);
	visit_until_idle();
	tide_gc_settle_queues(&tide_heap_default); /* the misses were before this tick */
	for (unsigned i = 0; i < COUNT_OF(size); i++)
		cr_assert_gt(queued(tide_class_of(size[i])), 0, "%zu bytes", size[i]);
	bool left = true;
	while (left) {
		cr_assert_lt(++ticks, 20u);
		tide_gc_settle_queues(&tide_heap_default);
		left = false;
		for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
			cr_assert(queued(cls) < level_of(cls) + largest_bin(cls));
			left |= level_of(cls) > 0;
		}
	}
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		cr_assert_eq(queued(cls), 0);
		cr_assert(tide_queue_is_empty_racy(&tide_heap_default.queues, cls));
	}
	cr_assert(tide_gc_region_is_free(region), "all of it is one chunk again");
}

Test(refill, a_level_that_is_missed_does_not_settle, .init = begin, .fini = end)
{
	unsigned cls = tide_class_of(64);
	unsigned other = tide_class_of(128);

	(void)free_region();
	miss(cls);
	visit_until_idle();
	tide_gc_settle_queues(&tide_heap_default);
	for (unsigned i = 0; i < 10; i++) {
		uint32_t level = level_of(cls);
		take_all_queued(cls);
		miss(cls);
		visit_until_idle();
		tide_gc_settle_queues(&tide_heap_default);
		cr_assert_geq(level_of(cls), level);
	}
	cr_assert_eq(level_of(other), 0);
}

Test(refill, queues_are_emptied_on_demand, .init = begin, .fini = end)
{
	struct tide_region *region = free_region();

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls += 7)
		miss(cls);
	visit_until_idle();
	cr_assert_not(tide_gc_region_is_free(region));
	tide_gc_empty_queues(&tide_heap_default);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		cr_assert_eq(queued(cls), 0);
		cr_assert_eq(level_of(cls), 0);
	}
	cr_assert(tide_gc_region_is_free(region));
}

Test(refill, bins_are_filled_from_the_free_sets, .init = process_begins)
{
	struct tide_region *region = free_region();

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
		cr_assert_eq(tide_gc_refill_bin(&tide_heap_default, bin, 3), 3);
		for (unsigned i = 0; i < 3; i++) {
			void *block = bin->slot[TIDE_BIN_BASE + i];
			struct tide_slab *slab;
			unsigned idx;
			cr_assert(tide_region_find_block(block, cls, &region, &slab, &idx));
			cr_assert_eq(tide_pagemap_class((uintptr_t)block), cls);
			cr_assert_eq(slab != NULL, tide_class_is_small(cls));
		}
		tide_gc_drain_bin(&tide_heap_default, bin);
		tide_bin_recycle(bin);
		cr_assert(tide_gc_region_is_free(region), "class %u", cls);
		cr_assert_eq(tide_heap_default.gc.made_blocks[cls], 0);
	}
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.made_bytes), 0);
}

Test(refill, an_aligned_chunk_is_aligned, .init = process_begins)
{
	struct tide_region *region = free_region();
	struct tide_region *from;
	unsigned first;

	cr_assert(chunk_issue(3, 1, &from, &first));
	for (size_t align = 2048; align <= 65536; align *= 2) {
		char *block = tide_gc_chunk_aligned(tide_cache_self, tide_class_of(20000), align);
		cr_assert_not_null(block);
		cr_assert_eq((uintptr_t)block % align, 0);
		cr_assert_eq(tide_pagemap_region((uintptr_t)block), region);
	}
	cr_assert(tide_region_is_valid(region, TIDE_REGION_GRANULES));
	cr_assert(tide_gc_freeset_is_valid(region, TIDE_REGION_GRANULES));
}
