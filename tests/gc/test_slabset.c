/* slabset.c: free blocks as bits, found by age and then by address. */
#include "support.h"

#include "stash.h"

#include "../lib/lane_support.h"

TestSuite(slabset, .init = process_begins, .timeout = 60);

enum { CLASS_16 = 1, CLASS_48 = 3, CLASS_1280 = 21, CLASS_8192 = TIDE_CLASS_SMALL_LAST };

static struct tide_slab *slab_at(struct tide_region *region, const void *block)
{
	uintptr_t page = (uintptr_t)block / TIDE_PAGE_BYTES % TIDE_REGION_PAGES;

	return tide_load_relaxed(&region->slab[page]);
}

static unsigned index_of(const struct tide_slab *slab, const void *block)
{
	uintptr_t offset = (uintptr_t)block - slab->base;

	cr_assert_eq(offset % tide_slab_shape[slab->cls].block_bytes, 0);
	return (unsigned)(offset / tide_slab_shape[slab->cls].block_bytes);
}

static bool is_partial(const struct tide_slab *slab)
{
	const struct tide_region *region = slab->region;
	bool listed = bit_of(region->slab_partial[slab->cls], slab->page);

	if (listed)
		cr_assert(tide_region_group_of(&tide_heap_default.regions, region->index)
		                  ->slab[slab->cls] >>
		              (region->index % 64) &
		          1);
	return listed;
}

/* One slab of the class, carved out of `region`, with all its blocks out. */
static struct tide_slab *slab_with_all_out(struct tide_region *region, unsigned cls, void **blocks)
{
	unsigned count = tide_slab_shape[cls].blocks;
	unsigned got = 0;

	cr_assert(tide_gc_slab_carve(&tide_heap_default, cls));
	while (got < count) {
		struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
		unsigned want = count - got < TIDE_BIN_SLOTS ? count - got : TIDE_BIN_SLOTS;
		cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, want), want);
		while (bin->count > 0)
			blocks[got++] = tide_bin_take(bin);
		tide_bin_recycle(bin);
	}
	struct tide_slab *slab = slab_at(region, blocks[0]);
	cr_assert_eq(slab->free_blocks, 0);
	cr_assert_not(is_partial(slab));
	cr_assert(tide_gc_slab_is_valid(slab));
	return slab;
}

static void *block[4096];

/* However often a chunk becomes a slab, is handed out, comes back and is a chunk again. */
Test(slabset, what_is_fresh_in_slabs_is_nothing_when_there_are_none)
{
	struct tide_region *region = free_region();

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		struct tide_slab *slab = slab_with_all_out(region, cls, block);
		for (unsigned i = tide_slab_shape[cls].blocks; i > 0; i--)
			cr_assert(tide_gc_slab_put(slab, i - 1));
		cr_assert_eq(tide_heap_default.gc.slab_fresh_bytes, 0, "class %u", cls);
	}
}

Test(slabset, a_carved_slab_has_every_bit_set_and_none_beyond)
{
	struct tide_region *region = free_region();

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];
		struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
		cr_assert(tide_gc_slab_carve(&tide_heap_default, cls));
		cr_assert_eq(tide_heap_default.gc.free_blocks[cls], shape->blocks);
		cr_assert_eq(tide_heap_default.gc.made_blocks[cls], shape->blocks);
		cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 1), 1);
		struct tide_slab *slab = slab_at(region, bin->slot[TIDE_BIN_BASE]);
		cr_assert_eq(slab->cls, cls);
		cr_assert_eq(slab->page, slab->base / TIDE_PAGE_BYTES % TIDE_REGION_PAGES);
		cr_assert_eq(slab->base % TIDE_PAGE_BYTES, 0);
		cr_assert_eq(slab->free_blocks, shape->blocks - 1);
		for (unsigned i = 1; i < tide_slab_words(cls) * 64; i++) {
			bool set = (slab->bits[i / 64] >> (i % 64) & 1) != 0;
			cr_assert_eq(set, i < shape->blocks, "class %u, bit %u", cls, i);
		}
		cr_assert(tide_gc_slab_is_valid(slab));
		uintptr_t end = slab->base + shape->pages * TIDE_PAGE_BYTES;
		for (uintptr_t at = slab->base; at < end; at += TIDE_PAGE_BYTES)
			cr_assert_eq(tide_pagemap_class(at), cls);
	}
	cr_assert(tide_region_is_valid(region, TIDE_REGION_GRANULES));
}

Test(slabset, there_is_nothing_to_carve_from_when_no_chunk_is_free)
{
	struct tide_bin *bin = tide_bin_new(CLASS_16, TIDE_BIN_SLOTS);

	cr_assert_not(tide_gc_slab_carve(&tide_heap_default, CLASS_16));
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 8), 0);
}

Test(slabset, put_sets_a_bit_once)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_48, block);

	cr_assert(tide_gc_slab_put(slab, 7));
	cr_assert_eq(slab->free_blocks, 1);
	cr_assert(is_partial(slab));
	cr_assert(tide_gc_slab_is_valid(slab));
	cr_assert_not(tide_gc_slab_put(slab, 7), "freed twice, and it went unnoticed");
	cr_assert_eq(slab->free_blocks, 1);
	cr_assert_eq(tide_heap_default.gc.free_blocks[CLASS_48], 1);
	cr_assert(tide_gc_slab_put(slab, 8));
	cr_assert_eq(slab->bits[0], 3u << 7);
}

/* All of a slab but one block is kept by a thread, whose stash then goes. */
Test(slabset, what_a_thread_kept_is_taken_over)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_48, block);
	unsigned blocks = tide_slab_shape[CLASS_48].blocks;
	struct tide_stash stash = { .most = blocks };
	struct tide_bin *bin = tide_bin_new(CLASS_48, TIDE_BIN_SLOTS);

	for (unsigned i = 1; i < blocks; i++) {
		tide_bin_add(bin, block[i]);
		if (bin->count == TIDE_BIN_SLOTS || i == blocks - 1)
			(void)tide_stash_put(&stash, bin);
		cr_assert(bin->count < TIDE_BIN_SLOTS);
	}
	cr_assert_eq(stash.blocks, blocks - 1);
	cr_assert_not(is_partial(slab), "they are out, as far as the GC knows");
	cr_assert_not(tide_gc_slab_put(slab, index_of(slab, block[1])), "freed twice");
	cr_assert_eq(tide_stash_take_slabs(&stash, blocks, 1, tide_gc_slab_take_over), 1);
	cr_assert_eq(slab->free_blocks, blocks - 1);
	cr_assert_eq(tide_heap_default.gc.free_blocks[CLASS_48], blocks - 1);
	cr_assert(is_partial(slab));
	cr_assert(tide_gc_slab_is_valid(slab));
	cr_assert_null(tide_load_relaxed(&slab->owner));
	cr_assert(tide_gc_slab_put(slab, index_of(slab, block[0])));
	cr_assert_null(slab_at(region, block[0]), "it is wholly free, and a chunk");
}

static struct tide_slab *slab_taken(struct tide_region *region, unsigned cls, uint8_t lane)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	in_lane(lane);
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 1), 1);
	return slab_at(region, tide_bin_take(bin));
}

Test(slabset, a_lane_takes_from_its_own_slabs_and_looks_a_little_way_for_them)
{
	enum { SLABS = 12 }; /* more than it looks at */
	struct tide_region *region = free_region();
	struct tide_slab *slab[SLABS];

	in_lane(0);
	for (unsigned i = 0; i < SLABS; i++)
		slab[i] = slab_with_all_out(region, CLASS_48, block + i);
	for (unsigned i = 0; i < SLABS; i++) {
		cr_assert_eq(slab[i]->lane, 0);
		cr_assert(i == 0 || slab[i]->base > slab[i - 1]->base);
		for (unsigned idx = 0; idx < 9; idx++)
			cr_assert(tide_gc_slab_put(slab[i], idx));
	}
	slab[3]->lane = 1;
	slab[SLABS - 1]->lane = 2;
	cr_assert_eq(slab_taken(region, CLASS_48, 0), slab[0], "the oldest of its own");
	cr_assert_eq(slab_taken(region, CLASS_48, 1), slab[3], "its own before older ones");
	cr_assert_eq(slab_taken(region, CLASS_48, 2), slab[0], "its own is too far away");
	cr_assert_eq(slab[0]->lane, 2, "whoever takes has it");
	cr_assert_eq(slab_taken(region, CLASS_48, 2), slab[0]);
	cr_assert_eq(slab_taken(region, CLASS_48, 0), slab[1]);
	in_lane(0);
}

Test(slabset, blocks_come_in_address_order)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_48, block);
	static const unsigned freed[] = { 900, 3, 64, 63, 500, 127, 128, 0, 1279, 640 };
	static const unsigned in_order[] = { 0, 3, 63, 64, 127, 128, 500, 640, 900, 1279 };
	struct tide_bin *bin = tide_bin_new(CLASS_48, TIDE_BIN_SLOTS);

	for (unsigned i = 0; i < COUNT_OF(freed); i++)
		cr_assert(tide_gc_slab_put(slab, freed[i]));
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 4), 4);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(index_of(slab, tide_bin_take(bin)), in_order[i]);
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 60), 6,
	             "and no more than there are");
	for (unsigned i = 4; i < COUNT_OF(in_order); i++)
		cr_assert_eq(index_of(slab, tide_bin_take(bin)), in_order[i]);
	cr_assert_not(is_partial(slab));
	cr_assert_eq(tide_heap_default.gc.free_blocks[CLASS_48], 0);
}

Test(slabset, the_oldest_region_comes_first)
{
	enum { REGIONS = 66 };
	struct tide_region *region[REGIONS];
	struct tide_slab *slab[REGIONS];
	struct tide_region *from;
	unsigned first;
	struct tide_bin *bin = tide_bin_new(CLASS_1280, TIDE_BIN_SLOTS);

	/* Each region has one slab, and no free chunk for a second. */
	for (unsigned i = 0; i < REGIONS; i++) {
		region[i] = free_region();
		slab[i] = slab_with_all_out(region[i], CLASS_1280, block);
		cr_assert_eq(slab[i]->region, region[i]);
		while (chunk_issue(4, 1, &from, &first)) {
		}
	}
	for (unsigned i = REGIONS; i-- > 0;) {
		cr_assert(tide_gc_slab_put(slab[i], 9));
		cr_assert(tide_gc_slab_put(slab[i], 5));
	}
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 3), 3);
	cr_assert_eq(index_of(slab[0], tide_bin_take(bin)), 5);
	cr_assert_eq(index_of(slab[0], tide_bin_take(bin)), 9);
	cr_assert_eq(index_of(slab[1], tide_bin_take(bin)), 5);
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 1), 1);
	cr_assert_eq(index_of(slab[1], tide_bin_take(bin)), 9);
	for (unsigned i = 2; i < REGIONS; i++) {
		cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 2), 2);
		cr_assert_eq(index_of(slab[i], tide_bin_take(bin)), 5);
		cr_assert_eq(index_of(slab[i], tide_bin_take(bin)), 9);
	}
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 2), 0);
	cr_assert(tide_gc_slab_put(slab[REGIONS - 1], 0));
	cr_assert(tide_gc_slab_put(slab[1], 0));
	cr_assert_eq(tide_gc_slab_take(&tide_heap_default, bin, 1), 1);
	cr_assert_eq(index_of(slab[1], tide_bin_take(bin)), 0);
}

Test(slabset, a_wholly_free_slab_becomes_a_chunk)
{
	struct tide_region *region = free_region();

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];
		struct tide_slab *slab = slab_with_all_out(region, cls, block);
		uintptr_t base = slab->base;
		unsigned page = slab->page;
		cr_assert_not(tide_gc_region_is_free(region));
		for (unsigned i = 0; i < shape->blocks; i++)
			cr_assert(tide_gc_slab_put(slab, (i * 7 + 3) % shape->blocks));
		cr_assert(tide_gc_region_is_free(region), "class %u", cls);
		cr_assert_eq(tide_heap_default.gc.free_blocks[cls], 0);
		cr_assert_eq(tide_heap_default.gc.made_blocks[cls], 0);
		for (unsigned i = 0; i < shape->pages; i++) {
			cr_assert_null(tide_load_relaxed(&region->slab[page + i]));
			cr_assert_eq(tide_pagemap_class(base + i * (uintptr_t)TIDE_PAGE_BYTES),
			             TIDE_CLASS_INSIDE);
		}
		for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++)
			cr_assert_eq(region->slab_partial[cls][i], 0);
		cr_assert_eq(
		    tide_region_group_of(&tide_heap_default.regions, region->index)->slab[cls], 0);
	}
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.made_bytes), 0);
	cr_assert(tide_gc_freeset_is_valid(region, TIDE_REGION_GRANULES));
}

Test(slabset, its_pages_are_dirty_when_it_becomes_a_chunk)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_1280, block);
	unsigned blocks = tide_slab_shape[CLASS_1280].blocks;
	unsigned pages = tide_slab_shape[CLASS_1280].pages;

	cr_assert_eq(tide_heap_default.gc.dirty_pages, 0);
	for (unsigned i = 0; i < blocks; i++)
		cr_assert(tide_gc_slab_put(slab, i));
	cr_assert_eq(tide_heap_default.gc.dirty_pages, pages);
	for (unsigned i = 0; i < pages; i++)
		cr_assert_not(bit_of(region->page_clean, i));
}

/* ---- Free pages inside partly free slabs, against a naive model ---- */

static void model_free_pages(const struct tide_slab *slab, const bool *is_free, uint64_t *pages)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];

	for (unsigned page = 0; page < shape->pages; page++) {
		bool all = true;
		for (unsigned i = 0; i < shape->blocks; i++) {
			unsigned start = i * shape->block_bytes;
			bool touches = start < (page + 1) * TIDE_PAGE_BYTES &&
			               start + shape->block_bytes > page * TIDE_PAGE_BYTES;
			all &= !touches || is_free[i];
		}
		if (all)
			pages[(slab->page + page) / 64] |= 1ull << ((slab->page + page) % 64);
	}
}

/* Free some blocks: runs of them, else nothing but single pages would ever be free. */
static void free_some(struct tide_slab *slab, bool *is_free, uint64_t *random)
{
	unsigned blocks = tide_slab_shape[slab->cls].blocks;
	bool any_out = false;

	for (unsigned i = 0; i < blocks;) {
		unsigned run = 1 + (unsigned)(random_next(random) % (blocks / 3 + 1));
		bool wanted = random_next(random) % 2 == 0;
		for (; run > 0 && i < blocks; run--, i++) {
			is_free[i] = wanted && (i + 1 < blocks || any_out);
			any_out |= !is_free[i];
		}
	}
	for (unsigned i = 0; i < blocks; i++) {
		if (is_free[i])
			cr_assert(tide_gc_slab_put(slab, i));
	}
}

Test(slabset, free_pages_inside_slabs_agree_with_a_naive_model)
{
	static bool is_free[4096];
	uint64_t random = 8;

	for (unsigned round = 0; round < SCALED(48u); round++) {
		struct tide_region *region = free_region();
		uint64_t due[TIDE_PAGE_WORDS] = { 0 };
		uint64_t found[TIDE_PAGE_WORDS] = { 0 };
		for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
			struct tide_slab *slab = slab_with_all_out(region, cls, block);
			free_some(slab, is_free, &random);
			cr_assert(tide_gc_slab_is_valid(slab));
			model_free_pages(slab, is_free, due);
		}
		tide_gc_slab_sweep(region, found);
		for (unsigned i = 0; i < TIDE_REGION_PAGES; i++)
			cr_assert_eq(bit_of(found, i), bit_of(due, i), "round %u, page %u", round,
			             i);
		/* No block of this region is taken again: the next round looks at its own. */
		for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
			struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
			while (tide_gc_slab_take(&tide_heap_default, bin, TIDE_BIN_SLOTS) > 0)
				bin->count = 0;
			tide_bin_recycle(bin);
		}
		struct tide_region *from;
		unsigned first;
		while (chunk_issue(1, 1, &from, &first)) {
		}
	}
}

/* ---- The validator ---- */

Test(slabset, the_validator_sees_each_broken_invariant)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_8192, block);

	cr_assert(tide_gc_slab_put(slab, 2));
	cr_assert(tide_gc_slab_is_valid(slab));
	slab->bits[0] ^= 1u << 3;
	cr_assert_not(tide_gc_slab_is_valid(slab), "a bit that is not counted");
	slab->bits[0] ^= 1u << 3;
	slab->free_blocks--;
	cr_assert_not(tide_gc_slab_is_valid(slab), "a count without a bit");
	slab->free_blocks++;
	region->slab_partial[CLASS_8192][slab->page / 64] ^= 1ull << (slab->page % 64);
	cr_assert_not(tide_gc_slab_is_valid(slab), "partly free, and not listed");
	region->slab_partial[CLASS_8192][slab->page / 64] ^= 1ull << (slab->page % 64);
	slab->lane = TIDE_LANES;
	cr_assert_not(tide_gc_slab_is_valid(slab), "a lane that there is not");
	slab->lane = 0;
	slab->swept_blocks = 2;
	cr_assert_not(tide_gc_slab_is_valid(slab), "a sweep saw more than are free");
	slab->swept_blocks = 1;
	cr_assert(tide_gc_slab_is_valid(slab));
}

/* Nor where a sweep came in between, which takes what it saw off the count itself. */
Test(slabset, what_a_sweep_saw_is_not_taken_off_twice)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_8192, block);
	uint64_t pages[TIDE_PAGE_WORDS] = { 0 };
	unsigned blocks = tide_slab_shape[CLASS_8192].blocks;

	for (unsigned i = 0; i < blocks / 2; i++)
		cr_assert(tide_gc_slab_put(slab, i));
	tide_gc_slab_sweep(region, pages);
	cr_assert_eq(slab->swept_blocks, blocks / 2);
	tide_heap_default.gc.slab_fresh_bytes = 0; /* as at the end of a sweep */
	for (unsigned i = blocks / 2; i < blocks; i++)
		cr_assert(tide_gc_slab_put(slab, i));
	cr_assert_eq(tide_heap_default.gc.slab_fresh_bytes, 0);
}

Test(slabset, the_validator_sees_a_full_slab_that_is_listed)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_8192, block);

	region->slab_partial[CLASS_8192][slab->page / 64] |= 1ull << (slab->page % 64);
	cr_assert_not(tide_gc_slab_is_valid(slab));
}

Test(slabset, the_validator_sees_a_wholly_free_slab_that_is_no_chunk)
{
	struct tide_region *region = free_region();
	struct tide_slab *slab = slab_with_all_out(region, CLASS_8192, block);
	unsigned blocks = tide_slab_shape[CLASS_8192].blocks;

	for (unsigned i = 0; i + 1 < blocks; i++)
		cr_assert(tide_gc_slab_put(slab, i));
	cr_assert(tide_gc_slab_is_valid(slab));
	slab->bits[0] |= 1ull << (blocks - 1);
	slab->free_blocks++;
	cr_assert_not(tide_gc_slab_is_valid(slab));
}

static int count_visits(void *visited, size_t bytes, void *context)
{
	(void)visited;
	(void)bytes;
	++*(unsigned *)context;
	return 0;
}

/* The first lane has carved all of its slab and knows it by name still, when it is another lane's. */
Test(slabset, a_walk_is_not_misled_by_a_lane_that_had_the_slab_before)
{
	unsigned count = tide_slab_shape[CLASS_48].blocks;
	struct tide_slab *slab, *again;
	struct tide_bin *bin = tide_bin_new(CLASS_48, TIDE_BIN_SLOTS);
	unsigned visits = 0;

	in_lane(0);
	for (unsigned got = 0; got < count; got += bin->count) {
		unsigned want = count - got < TIDE_BIN_SLOTS ? count - got : TIDE_BIN_SLOTS;

		bin->count = 0;
		cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, want), want);
	}
	cr_assert_eq(tide_frontier_open_rest(&tide_heap_default.frontier, 0, CLASS_48, &slab), 0);
	tide_gc_region_list(slab->region);
	for (unsigned idx = 0; idx < count; idx++)
		cr_assert(tide_gc_slab_put(slab, idx));
	in_lane(1);
	bin->count = 0;
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 3), 3);
	cr_assert_eq(tide_frontier_open_rest(&tide_heap_default.frontier, 1, CLASS_48, &again),
	             count - 3);
	cr_assert_eq(again, slab, "or this shows nothing");
	cr_assert_eq(tide_gc_walk(&tide_heap_default, count_visits, &visits), 0);
	cr_assert_eq(visits, 3);
	in_lane(0);
}
