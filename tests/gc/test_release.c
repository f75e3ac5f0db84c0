/* release.c: memory goes back by the clock, at once when asked for, and above a bound; and the
 * system may refuse. */
#include "support.h"

#include "frontier.h"
#include "large.h"
#include "os.h"

#include <sys/mman.h>

static void begin(void)
{
	process_begins();
	tide_options_set(TIDE_OPTION_HUGE_BYTES, 1ll << 46); /* pages one by one */
	tide_options_set(TIDE_OPTION_DECAY_MS, 3600000);     /* ticks come from the test */
	tick();
}

TestSuite(release, .init = begin, .timeout = 60);

static char *page_of(const void *address)
{
	return (char *)((uintptr_t)address & ~(uintptr_t)(TIDE_PAGE_BYTES - 1));
}

static unsigned resident_pages(const void *start, size_t bytes)
{
	static unsigned char in_core[TIDE_REGION_PAGES];
	char *first = page_of(start);
	size_t length = (size_t)((const char *)start + bytes - first);
	unsigned pages = 0;

	cr_assert_leq(length, TIDE_REGION_BYTES);
	cr_assert_eq(mincore(first, length, in_core), 0);
	for (size_t i = 0; i * TIDE_PAGE_BYTES < length; i++)
		pages += in_core[i] & 1;
	return pages;
}

static bool is_mapped(const void *start)
{
	unsigned char in_core;

	return mincore(page_of(start), 1, &in_core) == 0;
}

/* A medium block out of the free sets, written to. */
static char *written_block(unsigned granules)
{
	struct tide_bin *bin = tide_bin_new(tide_class_of_granules(granules), TIDE_BIN_SLOTS);

	cr_assert_eq(tide_gc_refill_bin(&tide_heap_default, bin, 1), 1);
	char *block = tide_bin_take(bin);
	tide_bin_recycle(bin);
	memset(block, 1, granules * TIDE_GRANULE_BYTES);
	return block;
}

static void give_back(void *block, unsigned cls)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	tide_bin_add(bin, block);
	tide_gc_drain_bin(&tide_heap_default, bin);
	tide_bin_recycle(bin);
}

static void give_back_granules(void *block, unsigned granules)
{
	give_back(block, tide_class_of_granules(granules));
}

static void assert_region_valid(const struct tide_region *region)
{
	uint64_t dirty = 0;

	cr_assert(tide_region_is_valid(region, TIDE_REGION_GRANULES));
	cr_assert(tide_gc_freeset_is_valid(region, TIDE_REGION_GRANULES));
	for (uint32_t i = 0; i < tide_heap_default.gc.regions; i++) {
		const struct tide_region *each = tide_region_at(&tide_heap_default.regions, i);
		if (each == NULL || !each->listed)
			continue;
		for (unsigned k = 0; k < TIDE_REGION_PAGES; k++)
			dirty += bit_of(each->page_free, k) && !bit_of(each->page_clean, k);
	}
	cr_assert_eq(tide_heap_default.gc.dirty_pages, dirty);
}

Test(release, memory_goes_back_at_the_second_tick)
{
	struct tide_region *region = free_region();
	char *kept = written_block(16);
	char *block = written_block(64);

	cr_assert_eq(resident_pages(block, 64 * KIB), 16);
	give_back_granules(block, 64);
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 16);
	uint64_t before = tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes);
	tick();
	cr_assert_eq(resident_pages(block, 64 * KIB), 16, "too early");
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes), before);
	cr_assert(tide_heap_default.gc.unsettled);
	tick();
	cr_assert_eq(resident_pages(block, 64 * KIB), 0);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes) - before,
	             64 * KIB);
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 0);
	cr_assert_eq(kept[16 * KIB - 1], 1);
	cr_assert(is_mapped(block));
	assert_region_valid(region);
	/* Once is enough. */
	tick();
	cr_assert_not(tide_heap_default.gc.unsettled);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes) - before,
	             64 * KIB);
}

Test(release, what_was_used_in_between_is_young_again)
{
	(void)free_region();
	char *kept = written_block(16);
	char *block = written_block(64);

	give_back_granules(block, 64);
	tick();
	cr_assert_eq(written_block(64), block);
	give_back_granules(block, 64);
	tick();
	cr_assert_eq(resident_pages(block, 64 * KIB), 16, "it was free for one tick");
	tick();
	cr_assert_eq(resident_pages(block, 64 * KIB), 0);
	cr_assert_eq(kept[0], 1);
}

Test(release, the_clock_does_not_tick_before_its_time)
{
	(void)free_region();
	char *kept = written_block(16);
	char *block = written_block(64);

	give_back_granules(block, 64);
	uint64_t ticks = tide_heap_default.gc.tick;
	for (unsigned i = 0; i < 1000; i++)
		cr_assert_eq(tide_gc_release_step(&tide_heap_default, 16), GC_IDLE);
	cr_assert_eq(tide_heap_default.gc.tick, ticks);
	cr_assert_eq(resident_pages(block, 64 * KIB), 16);
	cr_assert_eq(kept[0], 1);
}

Test(release, a_step_makes_no_more_calls_than_allowed)
{
	enum { REGIONS = 8 };
	char *block[REGIONS * 30];
	unsigned blocks = 0;

	/* In each region some 30 runs of pages that are free, each a call of its own. */
	for (unsigned r = 0; r < REGIONS; r++) {
		(void)free_region();
		for (unsigned i = 0; i < 30; i++) {
			block[blocks++] = written_block(64);
			(void)written_block(68);
		}
		struct tide_region *from;
		unsigned first;
		while (chunk_issue(4, 4, &from, &first)) {
		}
	}
	for (unsigned i = 0; i < blocks; i++)
		give_back_granules(block[i], 64);
	tick();
	clock_is_due();
	unsigned steps = 1;
	while (tide_gc_release_step(&tide_heap_default, 16) == GC_WORKED)
		steps++;
	cr_assert_geq(steps, REGIONS - 1, "a step is one region, when that has calls enough");
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 0);
	for (unsigned i = 0; i < blocks; i++)
		cr_assert_eq(resident_pages(block[i], 64 * KIB), 0);
}

Test(release, free_pages_inside_a_slab_go_back)
{
	struct tide_region *region = free_region();
	unsigned cls = tide_class_of(64);
	unsigned blocks = tide_slab_shape[cls].blocks;
	static char *block[4096];

	for (unsigned i = 0; i < blocks; i += 64) {
		struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
		cr_assert_eq(tide_gc_refill_bin(&tide_heap_default, bin, 64), 64);
		for (unsigned k = 0; k < 64; k++) {
			block[i + k] = tide_bin_take(bin);
			memset(block[i + k], 1, 64);
		}
		tide_bin_recycle(bin);
	}
	unsigned pages = tide_slab_shape[cls].pages;
	cr_assert_eq(resident_pages(block[0], pages * TIDE_PAGE_BYTES), pages);
	tide_heap_default.gc.unsettled = false;
	for (unsigned i = 1; i < blocks; i++)
		give_back(block[i], cls);
	cr_assert(tide_heap_default.gc.unsettled,
	          "free pages are left to age, and nobody would know");
	tick();
	tick();
	cr_assert_eq(resident_pages(block[0], pages * TIDE_PAGE_BYTES), 1);
	cr_assert_eq(block[0][63], 1);
	/* They come back as zeros, and are the allocator's as before. */
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
	cr_assert_eq(tide_gc_refill_bin(&tide_heap_default, bin, 64), 64);
	cr_assert_eq(tide_bin_take(bin), block[1]);
	memset(block[1], 2, 64);
	cr_assert_eq(tide_pagemap_region((uintptr_t)block[1]), region);
}

Test(release, all_of_it_now)
{
	(void)free_region();
	char *kept = written_block(16);
	char *block = written_block(64);

	give_back_granules(block, 64);
	cr_assert_geq(tide_gc_release_all(&tide_heap_default), 64 * KIB);
	cr_assert_eq(resident_pages(block, 64 * KIB), 0);
	cr_assert_eq(tide_gc_release_all(&tide_heap_default), 0);
	cr_assert_eq(kept[0], 1);
}

Test(release, a_wholly_free_region_is_unmapped_once_it_is_old)
{
	struct tide_region *region = free_region();
	char *block = written_block(64);
	uint64_t mapped = tide_region_mapped_bytes_racy(&tide_heap_default.regions);

	give_back_granules(block, 64);
	cr_assert(tide_gc_region_is_free(region));
	tick();
	cr_assert(is_mapped(block));
	tick();
	cr_assert_not(is_mapped(block));
	cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions),
	             mapped - TIDE_REGION_BYTES);
	cr_assert_not(region->listed);
	cr_assert_eq(tide_pagemap_class((uintptr_t)block), TIDE_CLASS_NONE);
	cr_assert_null(tide_pagemap_region((uintptr_t)block));
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes), 0);
	/* Its descriptor serves the next. */
	cr_assert_eq(tide_region_map(&tide_heap_default), region);
}

Test(release, the_frontier_s_region_is_never_unmapped)
{
	unsigned cls = tide_class_of(TIDE_MEDIUM_MAX_BYTES);
	void *block[TIDE_REGION_BYTES / TIDE_MEDIUM_MAX_BYTES];
	struct tide_region *region = NULL;

	/* The whole region, to its last granule: the frontier stands at its end. */
	for (unsigned i = 0; i < COUNT_OF(block); i++) {
		block[i] = tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
		memset(block[i], 1, TIDE_MEDIUM_MAX_BYTES);
		struct tide_region *own = tide_pagemap_region((uintptr_t)block[i]);
		cr_assert(region == NULL || own == region);
		region = own;
	}
	cr_assert(tide_frontier_is_in(region));
	for (unsigned i = 0; i < COUNT_OF(block); i++)
		give_back(block[i], cls);
	cr_assert(tide_gc_region_is_free(region));
	(void)tide_gc_release_all(&tide_heap_default);
	cr_assert(is_mapped(block[0]));
	cr_assert_eq(resident_pages(block[0], TIDE_REGION_BYTES), 0);
	/* The frontier moves on: now it may go. */
	void *next = tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
	cr_assert_neq(tide_pagemap_region((uintptr_t)next), region);
	(void)tide_gc_release_all(&tide_heap_default);
	cr_assert_not(is_mapped(block[0]));
}

/* ---- The system refuses ---- */

Test(release, a_refused_madvise_is_tried_again)
{
	struct tide_region *region = free_region();
	char *kept = written_block(16);
	char *block = written_block(64);

	give_back_granules(block, 64);
	tide_os_fault_plan(TIDE_OS_MADVISE, 0, UINT32_MAX);
	uint64_t before = tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes);
	for (unsigned i = 0; i < 4; i++) {
		tick();
		cr_assert(tide_heap_default.gc.unsettled);
		assert_region_valid(region);
	}
	cr_assert_eq(tide_gc_release_all(&tide_heap_default), 0);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes), before);
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 16);
	cr_assert_eq(resident_pages(block, 64 * KIB), 16);
	assert_region_valid(region);
	tide_os_fault_plan(0, 0, 0);
	tick();
	tick();
	cr_assert_eq(resident_pages(block, 64 * KIB), 0);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.returned_bytes) - before,
	             64 * KIB);
	assert_region_valid(region);
	cr_assert_eq(kept[0], 1);
}

Test(release, one_refused_madvise_spoils_no_other)
{
	struct tide_region *region = free_region();
	char *block[6];

	for (unsigned i = 0; i < COUNT_OF(block); i++) {
		block[i] = written_block(64);
		(void)written_block(16);
	}
	for (unsigned i = 0; i < COUNT_OF(block); i++)
		give_back_granules(block[i], 64);
	region->refuses_huge = true; /* that call was made before */
	tide_os_fault_plan(TIDE_OS_MADVISE, 2, 1);
	cr_assert_eq(tide_gc_release_all(&tide_heap_default), 5 * 64 * KIB);
	tide_os_fault_plan(0, 0, 0);
	for (unsigned i = 0; i < COUNT_OF(block); i++)
		cr_assert_eq(resident_pages(block[i], 64 * KIB), i == 2 ? 16 : 0);
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 16);
	assert_region_valid(region);
	cr_assert_eq(tide_gc_release_all(&tide_heap_default), 64 * KIB);
}

Test(release, a_refused_munmap_leaves_a_region_that_works)
{
	struct tide_region *region = free_region();
	char *block = written_block(64);

	give_back_granules(block, 64);
	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, UINT32_MAX);
	for (unsigned i = 0; i < 3; i++) {
		(void)tide_gc_release_all(&tide_heap_default);
		tick();
		cr_assert(tide_gc_region_is_free(region));
		cr_assert(region->listed);
		assert_region_valid(region);
		cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes),
		             TIDE_REGION_BYTES);
	}
	cr_assert(is_mapped(block));
	cr_assert_eq(resident_pages(block, 64 * KIB), 0, "its memory at least went back");
	cr_assert_eq(tide_pagemap_region((uintptr_t)block), region);
	cr_assert_eq(written_block(64), block);
	cr_assert_eq(tide_pagemap_class((uintptr_t)block), tide_class_of_granules(64));
	give_back_granules(block, 64);
	tide_os_fault_plan(0, 0, 0);
	(void)tide_gc_release_all(&tide_heap_default);
	cr_assert_not(is_mapped(block));
}

Test(release, a_refused_munmap_of_large_blocks_loses_none)
{
	enum { BLOCKS = 20 };
	void *block[BLOCKS];

	for (unsigned i = 0; i < BLOCKS; i++) {
		block[i] = tide_malloc(2 * MIB);
		memset(block[i], 1, 2 * MIB);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		tide_free(block[i]);
	uint64_t cached = stats_now().large_cached_bytes;
	cr_assert_gt(cached, 0);
	/* The memory goes, the address space when the system takes it. */
	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, UINT32_MAX);
	cr_assert_eq(tide_large_purge(), cached);
	cr_assert_eq(tide_os_discarded_bytes_racy(), cached);
	tide_os_fault_plan(0, 0, 0);
	tide_os_discard_again();
	cr_assert_eq(tide_os_discarded_bytes_racy(), 0u);
	cr_assert_eq(stats_now().large_cached_bytes, 0);
	cr_assert_eq(stats_now().large_bytes, 0);
}

Test(release, cached_large_blocks_go_by_the_clock_too)
{
	char *block = tide_malloc(2 * MIB);

	memset(block, 1, 2 * MIB);
	tide_free(block);
	cr_assert_eq(stats_now().large_cached_bytes, 2 * MIB);
	tick();
	cr_assert(tide_heap_default.gc.unsettled);
	cr_assert_eq(stats_now().large_cached_bytes, 2 * MIB, "too early");
	tick();
	tick();
	cr_assert_eq(stats_now().large_cached_bytes, 0);
	cr_assert_not(is_mapped(block));
}

/* ---- A process without GC thread: what it may retain ---- */

/* Free all but one block in each region, so that none is unmapped: what goes back goes by pages. */
static void excess_is_given_back(size_t size)
{
	enum { ROUNDS = 4, TURNS_MOST = 4 };
	size_t bytes = 96 * MIB;
	unsigned count = (unsigned)(bytes / size);
	unsigned keep_every = (unsigned)(2 * MIB / size);
	char **block = malloc(count * sizeof *block);

	memset(block, 0, count * sizeof *block);
	size_t base = resident_bytes();
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < count; i++) {
			if (block[i] == NULL)
				block[i] = tide_malloc(size);
			cr_assert_not_null(block[i]);
			memset(block[i], 1, size);
		}
		if (!SANITIZED)
			cr_assert_geq(resident_above(base), bytes);
		for (unsigned i = 0; i < count; i++) {
			if (i % keep_every == 0)
				continue;
			tide_free(block[i]);
			block[i] = NULL;
		}
		/* What the bins, the queues and unfinished garbage hold is little beside it. */
		size_t retained = (size_t)tide_option(TIDE_OPTION_RETAIN_BYTES);
		size_t percent = (size_t)tide_option(TIDE_OPTION_RETAIN_PERCENT);
		size_t part = stats_now().mapped_bytes * percent / 100;
		/* What went back in the first round is regretted in the second. */
		size_t turns = round == 0 ? 1 : TURNS_MOST;
		size_t bound = (retained > part ? retained : part) * turns + 8 * MIB;
		if (!SANITIZED)
			cr_assert_leq(resident_above(base), bound, "round %u: %zu KiB", round,
			              resident_above(base) / KIB);
		assert_audit();
	}
	for (unsigned i = 0; i < count; i++)
		tide_free(block[i]);
	free(block);
	assert_audit();
}

Test(release, excess_of_chunks_is_given_back_every_time)
{
	excess_is_given_back(16 * KIB);
}

/* Half of the bound, in slabs that are chunks again when all of it is freed: counted as both, it
 * would be over the bound. */
Test(release, what_is_under_the_bound_stays)
{
	enum { SIZE = 64 };
	size_t count = (size_t)tide_option(TIDE_OPTION_RETAIN_BYTES) / 2 / SIZE;
	void **block = malloc(count * sizeof *block);

	for (size_t i = 0; i < count; i++) {
		block[i] = tide_malloc(SIZE);
		cr_assert_not_null(block[i]);
	}
	uint64_t returned_bytes = stats_now().gc_returned_bytes;
	for (size_t i = 0; i < count; i++)
		tide_free(block[i]);
	cr_assert_eq(stats_now().gc_returned_bytes, returned_bytes);
	cr_assert_geq(stats_now().free_set_bytes, count * SIZE / 2, "it is free by now");
	free(block);
	assert_audit();
}

Test(release, excess_of_small_blocks_is_given_back_every_time)
{
	excess_is_given_back(256);
}
