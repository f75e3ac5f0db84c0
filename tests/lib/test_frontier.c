/* frontier.c: fresh memory for one thread or four, never the same twice; blocks that grow in place
 * only at the frontier; and nothing left behind that the GC does not get. */
#include "frontier.h"

#include "doorbell.h"
#include "gc.h"
#include "heap.h"
#include "meta.h"
#include "orphan.h"
#include "os.h"
#include "pagemap.h"

#include "../api/support.h"
#include "lane_support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { THREADS = 4, PIECES = SCALED(8000), ENDLESS = 100000 };

static struct tide_bin *carve(unsigned cls, unsigned want)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	cr_assert_not_null(bin);
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, want), bin->count);
	return bin;
}

static struct tide_region *region_of(const void *block)
{
	return tide_pagemap_region((uintptr_t)block);
}

static void assert_regions_tile(void)
{
	for (uint32_t i = 0; i < tide_region_count(&tide_heap_default.regions); i++) {
		struct tide_region *region = tide_region_at(&tide_heap_default.regions, i);

		if (region == NULL ||
		    tide_pagemap_region(tide_load_relaxed(&region->base)) != region)
			continue;
		unsigned end = tide_frontier_end(region);
		unsigned sealed_from = tide_load_relaxed(&region->sealed_from);
		if (!tide_frontier_is_in(region) && sealed_from != 0)
			end = sealed_from;
		else if (!tide_frontier_is_in(region) && tide_load_relaxed(&region->tag[0]) == 0)
			end = 0; /* the spare one of a thread that lost a race */
		cr_assert(tide_region_is_valid(region, end), "region %u up to %u", i, end);
	}
}

/* Of 2 MiB of untouched blocks, the blocks that lie in memory. */
static unsigned carved_in_memory(void)
{
	unsigned cls = tide_class_of(512);
	unsigned resident = 0;

	for (unsigned i = 0; i < (2u << 20) / 512 / TIDE_BIN_SLOTS; i++) {
		struct tide_bin *bin = carve(cls, TIDE_BIN_SLOTS);

		while (bin->count > 0) {
			unsigned char in_core;
			uintptr_t page = (uintptr_t)tide_bin_take(bin) & ~(TIDE_PAGE_BYTES - 1ul);

			cr_assert_eq(mincore((void *)page, 1, &in_core), 0);
			resident += in_core & 1;
		}
		tide_bin_recycle(bin);
	}
	return resident;
}

/* An emulator may not know how. */
static bool system_populates(void)
{
	char *page = tide_os_map(0, TIDE_PAGE_BYTES);
	unsigned char in_core = 0;

	cr_assert_not_null(page);
	tide_os_populate(page, TIDE_PAGE_BYTES);
	cr_assert_eq(mincore(page, 1, &in_core), 0);
	return (in_core & 1) != 0;
}

Test(frontier, a_class_in_demand_is_faulted_in_ahead)
{
	if (system_populates())
		cr_assert_gt(carved_in_memory(), 1000);
}

Test(frontier, but_not_by_who_carves_where_there_is_a_gc_thread)
{
	tide_doorbell_set_served(true);
	cr_assert_eq(carved_in_memory(), 0);
}

Test(frontier, small_blocks_lie_side_by_side_the_lowest_on_top)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		unsigned blocks = tide_slab_shape[cls].blocks;
		size_t bytes = tide_class_bytes(cls);
		char *before = NULL;
		unsigned carved = 0;

		/* Two slabs and a bit. */
		while (carved < 2 * blocks + 1) {
			struct tide_bin *bin = carve(cls, 1 + carved % TIDE_BIN_SLOTS);

			cr_assert_gt(bin->count, 0);
			for (; bin->count > 0; carved++) {
				char *block = tide_bin_take(bin);

				cr_assert(before == NULL || carved % blocks == 0 ||
				          block == before + bytes);
				cr_assert_eq(tide_pagemap_class((uintptr_t)block), cls);
				memset(block, 1, bytes);
				before = block;
			}
		}
		cr_assert_eq(tide_frontier_carved_racy(&tide_heap_default.frontier, cls), carved);
		struct tide_slab *slab;
		cr_assert_eq(tide_frontier_open_rest(&tide_heap_default.frontier, 0, cls, &slab),
		             3 * blocks - carved);
		cr_assert_eq(slab->base,
		             tide_load_relaxed(&region_of(before)->slab[slab->page])->base);
	}
	assert_regions_tile();
}

Test(frontier, each_lane_carves_from_a_slab_of_its_own)
{
	enum { CLS = 2, BINS = 3 };
	struct tide_slab *slab[TIDE_LANES];

	for (unsigned i = 0; i < BINS; i++) {
		for (uint8_t lane = 0; lane < TIDE_LANES; lane++) {
			in_lane(lane);
			char *block = tide_bin_take(carve(CLS, 8));
			struct tide_slab *from;

			(void)tide_frontier_open_rest(&tide_heap_default.frontier, lane, CLS,
			                              &from);
			cr_assert(i == 0 || from == slab[lane]);
			cr_assert_eq(from->lane, lane);
			slab[lane] = from;
			cr_assert_eq(block, (char *)from->base + 8 * i * tide_class_bytes(CLS),
			             "side by side");
		}
	}
	for (unsigned lane = 1; lane < TIDE_LANES; lane++)
		cr_assert_neq(slab[lane], slab[lane - 1]);
	in_lane(0);
}

Test(frontier, no_more_is_carved_than_was_wanted)
{
	for (unsigned want = 1; want <= TIDE_BIN_SLOTS; want++)
		cr_assert_leq(carve(1, want)->count, want);
	struct tide_slab *slab;
	cr_assert_eq(tide_frontier_open_rest(&tide_heap_default.frontier, 0, 2, &slab), 0u);
	cr_assert_null(slab);
}

Test(frontier, medium_blocks_are_fresh_and_known_as_what_they_are)
{
	uint64_t random = 9;

	for (int i = 0; i < 2000; i++) {
		unsigned cls = TIDE_CLASS_MEDIUM_FIRST + (unsigned)(random_next(&random) % 120);
		size_t align_bytes = TIDE_GRANULE_BYTES;
		struct tide_region *region;
		struct tide_slab *slab;
		unsigned idx;

		if (tide_class_bytes(cls) % TIDE_PAGE_BYTES == 0 && i % 2 == 0)
			align_bytes = TIDE_PAGE_BYTES;
		char *block = tide_frontier_chunk(&tide_heap_default, cls, align_bytes);
		cr_assert_not_null(block);
		cr_assert_eq((uintptr_t)block % align_bytes, 0u);
		cr_assert(all_zero(block, tide_class_bytes(cls)));
		memset(block, 1, tide_class_bytes(cls));
		cr_assert(tide_region_find_block(block, cls, &region, &slab, &idx));
	}
	assert_regions_tile();
}

Test(frontier, slabs_stand_on_pages_whatever_lies_between_them)
{
	for (unsigned i = 0; i < 200; i++) {
		struct tide_slab *slab;

		cr_assert_not_null(tide_frontier_chunk(&tide_heap_default,
		                                       tide_class_of_granules(9 + i % 3), 1024));
		cr_assert_not_null(
		    tide_frontier_chunk(&tide_heap_default, tide_class_of_granules(12), 4096));
		(void)carve(1 + i % TIDE_CLASS_SMALL_LAST, TIDE_BIN_SLOTS);
		(void)tide_frontier_open_rest(&tide_heap_default.frontier, 0,
		                              1 + i % TIDE_CLASS_SMALL_LAST, &slab);
		cr_assert_eq(slab->base % TIDE_PAGE_BYTES, 0u);
	}
	assert_regions_tile();
}

/* Extending. */

Test(frontier, the_last_block_grows_in_place)
{
	char *block =
	    tide_frontier_chunk(&tide_heap_default, TIDE_CLASS_MEDIUM_FIRST, TIDE_GRANULE_BYTES);
	unsigned cls = TIDE_CLASS_MEDIUM_FIRST;
	struct tide_region *region = region_of(block);

	memset(block, 7, tide_class_bytes(cls));
	for (unsigned next = cls + 1; next <= TIDE_CLASS_MEDIUM_LAST; cls = next, next += 7) {
		cr_assert(tide_frontier_extend(block, cls, next));
		cr_assert_eq(tide_pagemap_class((uintptr_t)block), next);
		cr_assert_eq(tide_frontier_end(region),
		             tide_region_granule(region, block) + tide_class_granules(next));
		cr_assert(all_zero(block + tide_class_bytes(cls),
		                   tide_class_bytes(next) - tide_class_bytes(cls)));
		cr_assert_eq(tide_frontier_carved_racy(&tide_heap_default.frontier, cls), 0u);
		cr_assert_eq(tide_frontier_carved_racy(&tide_heap_default.frontier, next), 1u);
		assert_regions_tile();
	}
	char *after =
	    tide_frontier_chunk(&tide_heap_default, TIDE_CLASS_MEDIUM_FIRST, TIDE_GRANULE_BYTES);
	cr_assert_eq(after, block + tide_class_bytes(cls));
}

Test(frontier, any_other_block_does_not)
{
	unsigned cls = TIDE_CLASS_MEDIUM_FIRST;
	char *first = tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
	char *last = tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
	char *on_page =
	    tide_frontier_chunk(&tide_heap_default, tide_class_of_granules(12), TIDE_PAGE_BYTES);

	cr_assert(!tide_frontier_extend(first, cls, cls + 1));
	cr_assert(
	    !tide_frontier_extend(on_page, tide_class_of_granules(12), tide_class_of_granules(13)));
	cr_assert_eq(tide_pagemap_class((uintptr_t)first), cls);
	cr_assert(tide_frontier_extend(last, cls, cls + 1));
	assert_regions_tile();
}

Test(frontier, no_block_grows_over_the_end_of_its_region)
{
	unsigned most = TIDE_CLASS_STEP_LAST;
	char *block = tide_frontier_chunk(&tide_heap_default, most, TIDE_GRANULE_BYTES);
	struct tide_region *region = region_of(block);
	unsigned granules = tide_load_relaxed(&region->granules);

	while (granules - tide_frontier_end(region) > 137)
		block = tide_frontier_chunk(&tide_heap_default, most, TIDE_GRANULE_BYTES);
	/* At least nine granules are left: a block of nine, then what is left after it. */
	block =
	    tide_frontier_chunk(&tide_heap_default, TIDE_CLASS_MEDIUM_FIRST, TIDE_GRANULE_BYTES);
	cr_assert_eq(region_of(block), region);
	unsigned left = granules - tide_frontier_end(region);
	unsigned cls = TIDE_CLASS_MEDIUM_FIRST;
	cr_assert(!tide_frontier_extend(block, cls, tide_class_of_granules(9 + left + 1)));
	if (9 + left <= 128 && left > 0) {
		cr_assert(tide_frontier_extend(block, cls, tide_class_of_granules(9 + left)));
		cr_assert_eq(tide_frontier_end(region), granules);
	}
	/* A full region leaves nothing behind, and the next one starts. */
	cr_assert_neq(region_of(tide_frontier_chunk(&tide_heap_default, most, TIDE_GRANULE_BYTES)),
	              region);
}

/* What is left behind. */

Test(frontier, the_rest_of_a_region_is_sealed_from_where_carving_ended)
{
	unsigned cls = tide_class_of_granules(100);
	struct tide_region *region =
	    region_of(tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES));

	cr_assert(tide_frontier_is_in(region));
	while (region_of(tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES)) ==
	       region)
		cr_assert_null(tide_stack_pop(&tide_heap_default.frontier.sealed));
	cr_assert(!tide_frontier_is_in(region));
	cr_assert_eq((void *)tide_stack_pop(&tide_heap_default.frontier.sealed), region);
	cr_assert_eq(tide_load_relaxed(&region->sealed_from), 4000u);
	cr_assert_null(tide_stack_pop(&tide_heap_default.frontier.sealed));
	assert_regions_tile();
}

Test(frontier, a_region_without_rest_is_not_sealed)
{
	unsigned cls = tide_class_of_granules(128); /* 32 of them fill a region */

	for (int i = 0; i < 3 * 32 + 1; i++)
		cr_assert_not_null(
		    tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES));
	cr_assert_null(tide_stack_pop(&tide_heap_default.frontier.sealed));
	assert_regions_tile();
}

Test(frontier, the_gc_gets_what_was_left_behind)
{
	unsigned cls = tide_class_of_granules(100);
	struct tide_gc_counts counts;

	for (int i = 0; i < 3 * 40 + 1; i++)
		cr_assert_not_null(
		    tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES));
	cr_assert_eq(tide_gc_step_once(), 1);
	tide_gc_counts_read(&tide_heap_default, &counts);
	cr_assert_eq(counts.free_set_bytes, 3 * 96 * KIB);
	assert_regions_tile();
}

/* No memory. */

Test(frontier, without_memory_there_is_none_and_later_there_is)
{
	struct tide_bin *bin = tide_bin_new(1, TIDE_BIN_SLOTS);

	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	cr_assert_null(
	    tide_frontier_chunk(&tide_heap_default, TIDE_CLASS_MEDIUM_FIRST, TIDE_GRANULE_BYTES));
	cr_assert_null(
	    tide_frontier_chunk(&tide_heap_default, tide_class_of_granules(12), TIDE_PAGE_BYTES));
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 8), 0u);
	cr_assert_eq(bin->count, 0);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_not_null(
	    tide_frontier_chunk(&tide_heap_default, TIDE_CLASS_MEDIUM_FIRST, TIDE_GRANULE_BYTES));
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 8), 8u);
	assert_regions_tile();
}

/* Memory for a slab but none for its descriptor: the memory is not lost. */
Test(frontier, a_chunk_that_could_not_become_a_slab_becomes_an_orphan)
{
	struct tide_bin *bin = tide_bin_new(9, TIDE_BIN_SLOTS);
	unsigned granules = tide_slab_shape[9].pages * TIDE_PAGE_GRANULES;
	struct tide_gc_counts counts;
	size_t taken = 0;

	(void)carve(1, 1); /* opens a region */
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	while (tide_meta_alloc(64) != NULL)
		cr_assert_lt(++taken, ENDLESS);
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 8), 0u);
	cr_assert_not_null(tide_load_relaxed(&tide_heap_default.orphans.first));
	cr_assert_eq(
	    tide_pagemap_class((uintptr_t)tide_load_relaxed(&tide_heap_default.orphans.first)),
	    tide_class_of_granules(granules));
	assert_regions_tile();
	cr_assert_eq(tide_gc_step_once(), 1);
	tide_os_fault_plan(0, 0, 0);
	tide_gc_counts_read(&tide_heap_default, &counts);
	cr_assert_eq(counts.free_set_bytes, (uint64_t)granules * TIDE_GRANULE_BYTES);
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 8), 8u);
}

/* Threads. */

struct piece {
	uintptr_t start;
	size_t bytes;
};

struct carver {
	uint64_t random;
	uint64_t blocks[TIDE_CLASS_SLOTS];
	size_t count;
	struct piece piece[PIECES + TIDE_BIN_SLOTS];
};

static void keep(struct carver *carver, void *block, unsigned cls)
{
	carver->piece[carver->count++] = (struct piece){ (uintptr_t)block, tide_class_bytes(cls) };
	carver->blocks[cls]++;
	*(uint64_t *)block = carver->random;
}

static void *carve_many(void *arg)
{
	struct carver *carver = arg;

	while (carver->count < PIECES) {
		if (random_next(&carver->random) % 4 == 0) {
			unsigned cls =
			    TIDE_CLASS_MEDIUM_FIRST + (unsigned)(random_next(&carver->random) % 24);
			void *block =
			    tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
			if (block == NULL)
				return "no chunk";
			/* Half of the time another thread is faster, then it is not the last. */
			if (random_next(&carver->random) % 2 == 0 &&
			    tide_frontier_extend(block, cls, cls + 5))
				cls += 5;
			keep(carver, block, cls);
			continue;
		}
		unsigned cls = 1 + (unsigned)(random_next(&carver->random) % TIDE_CLASS_SMALL_LAST);
		struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
		if (bin == NULL || tide_frontier_carve(&tide_heap_default, bin, 1 + cls) == 0)
			return "no blocks";
		while (bin->count > 0)
			keep(carver, tide_bin_take(bin), cls);
		tide_bin_recycle(bin);
	}
	return NULL;
}

static int compare_pieces(const void *left, const void *right)
{
	const struct piece *a = left;
	const struct piece *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

Test(frontier, what_four_threads_carve_at_once_never_overlaps, .timeout = 60)
{
	struct carver *carver = calloc(THREADS, sizeof *carver);
	struct piece *all = calloc(THREADS * (PIECES + TIDE_BIN_SLOTS), sizeof *all);
	size_t count = 0;

	for (unsigned t = 0; t < THREADS; t++)
		carver[t].random = t + 1;
	const char *wrong = run_threads(carve_many, carver, sizeof *carver, THREADS);
	cr_assert_null(wrong, "%s", wrong);
	for (unsigned t = 0; t < THREADS; t++) {
		memcpy(all + count, carver[t].piece, carver[t].count * sizeof *all);
		count += carver[t].count;
	}
	qsort(all, count, sizeof *all, compare_pieces);
	for (size_t i = 1; i < count; i++)
		cr_assert_leq(all[i - 1].start + all[i - 1].bytes, all[i].start);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		uint64_t blocks = 0;

		for (unsigned t = 0; t < THREADS; t++)
			blocks += carver[t].blocks[cls];
		cr_assert_eq(tide_frontier_carved_racy(&tide_heap_default.frontier, cls), blocks);
	}
	assert_regions_tile();
	free(all);
	free(carver);
}

/* One block that grows as far as it goes, again and again, against threads that take the place. */
static void *extend_or_take(void *arg)
{
	uint64_t *random = arg;

	for (int i = 0; i < PIECES / 4; i++) {
		unsigned cls = TIDE_CLASS_MEDIUM_FIRST;
		unsigned char *block =
		    tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
		unsigned char mark = (unsigned char)(1 + *random % 255);

		if (block == NULL)
			return "no chunk";
		if (!all_zero(block, tide_class_bytes(cls)))
			return "a fresh block is not zero";
		block[0] = mark;
		block[tide_class_bytes(cls) - 1] = mark;
		for (unsigned n = (unsigned)(random_next(random) % 6); n > 0; n--) {
			if (!tide_frontier_extend(block, cls, cls + 1))
				break;
			cls++;
			if (block[tide_class_bytes(cls) - 1] != 0)
				return "what a block grew by is not zero";
			block[tide_class_bytes(cls) - 1] = mark;
		}
		if (tide_pagemap_class((uintptr_t)block) != cls)
			return "a block's class is not what it grew to";
	}
	return NULL;
}

Test(frontier, growing_and_carving_at_once_never_overlap, .timeout = 60)
{
	uint64_t random[THREADS] = { 1, 2, 3, 4 };
	const char *wrong = run_threads(extend_or_take, random, sizeof random[0], THREADS);

	cr_assert_null(wrong, "%s", wrong);
	assert_regions_tile();
}
