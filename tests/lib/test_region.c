/* region.c: regions come and go with the page map, tags tile them, blocks are found from their
 * addresses and from no others, and the record of live blocks has one bit for each. */
#include "heap.h"
#include "region.h"

#include "meta.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

enum { THREADS = 4, REGIONS = 16, ENDLESS = 100000 };

static struct tide_region *region_map(void)
{
	struct tide_region *region = tide_region_map(&tide_heap_default);

	cr_assert_not_null(region);
	return region;
}

static uintptr_t base_of(const struct tide_region *region)
{
	return tide_load_relaxed(&region->base);
}

static size_t bytes_of(const struct tide_region *region)
{
	return (size_t)tide_load_relaxed(&region->granules) * TIDE_GRANULE_BYTES;
}

/* Page map and table know the region, to its last page and no further. */
static void assert_entered(struct tide_region *region)
{
	uintptr_t base = base_of(region);
	size_t bytes = bytes_of(region);

	cr_assert_eq(base % TIDE_REGION_BYTES, 0u);
	cr_assert_geq(bytes, TIDE_REGION_MIN_BYTES);
	cr_assert_leq(bytes, TIDE_REGION_BYTES);
	for (size_t at = 0; at < bytes; at += TIDE_PAGE_BYTES) {
		cr_assert_eq(tide_pagemap_class(base + at), TIDE_CLASS_INSIDE);
		cr_assert_eq(tide_pagemap_region(base + at), region);
		cr_assert(all_zero((char *)base + at, 64));
	}
	for (size_t at = bytes; at < TIDE_REGION_BYTES; at += TIDE_PAGE_BYTES)
		cr_assert_eq(tide_pagemap_class(base + at), TIDE_CLASS_NONE);
	cr_assert_lt(region->index, tide_region_count(&tide_heap_default.regions));
	cr_assert_eq(tide_region_at(&tide_heap_default.regions, region->index), region);
	cr_assert_not_null(tide_region_group_of(&tide_heap_default.regions, region->index));
}

Test(region, a_region_is_entered_everywhere)
{
	struct tide_region *region = region_map();

	cr_assert_eq(bytes_of(region), TIDE_REGION_BYTES);
	assert_entered(region);
	cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions), TIDE_REGION_BYTES);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.regions.maps), 1u);
	((char *)base_of(region))[TIDE_REGION_BYTES - 1] = 1;
}

Test(region, an_unmapped_region_is_known_nowhere_and_its_descriptor_serves_again)
{
	struct tide_region *region = region_map();
	uint32_t index = region->index;
	uintptr_t base = base_of(region);
	unsigned granules = tide_load_relaxed(&region->granules);

	tide_region_tag(region, 0, granules, TIDE_TAG_FREE);
	cr_assert(tide_region_unmap(region));
	for (size_t at = 0; at < TIDE_REGION_BYTES; at += TIDE_PAGE_BYTES)
		cr_assert_eq(tide_pagemap_class(base + at), TIDE_CLASS_NONE);
	cr_assert_null(tide_pagemap_region(base));
	cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions), 0u);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.regions.unmaps), 1u);

	cr_assert_eq(region_map(), region);
	cr_assert_eq(region->index, index);
	assert_entered(region);
	for (unsigned i = 0; i < TIDE_REGION_GRANULES; i++)
		cr_assert_eq(tide_load_relaxed(&region->tag[i]), 0u);
	cr_assert_eq(tide_region_count(&tide_heap_default.regions), 1u);
}

Test(region, a_region_the_system_does_not_take_back_stays_entered)
{
	struct tide_region *region = region_map();

	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, 1);
	cr_assert(!tide_region_unmap(region));
	tide_os_fault_plan(0, 0, 0);
	assert_entered(region);
	cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions), TIDE_REGION_BYTES);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.regions.unmaps), 0u);
	cr_assert(tide_region_unmap(region));
}

/* A size that can't be had is halved, down to the least. */
Test(region, without_room_for_a_whole_region_a_part_will_do)
{
	/* A descriptor and a leaf of the page map are there already. */
	cr_assert(tide_region_unmap(region_map()));

	for (uint32_t refused = 0; refused <= 2; refused++) {
		tide_os_fault_plan(TIDE_OS_MMAP, 0, refused);
		struct tide_region *region = tide_region_map(&tide_heap_default);
		tide_os_fault_plan(0, 0, 0);
		cr_assert_not_null(region);
		cr_assert_eq(bytes_of(region), TIDE_REGION_BYTES >> refused);
		assert_entered(region);
		cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions),
		             TIDE_REGION_BYTES >> refused);
		cr_assert(tide_region_unmap(region));
	}
	tide_os_fault_plan(TIDE_OS_MMAP, 0, 3);
	cr_assert_null(tide_region_map(&tide_heap_default));
	tide_os_fault_plan(0, 0, 0);
	assert_entered(region_map());
}

Test(region, under_an_address_space_limit_a_part_will_do)
{
	struct rlimit limit;
	unsigned regions = 0;
	struct tide_region *region;

	if (SANITIZED)
		cr_skip_test("a sanitizer's shadow needs all of the address space");
	(void)region_map();
	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = address_space_bytes() + 5 * MIB + MIB / 2;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	while ((region = tide_region_map(&tide_heap_default)) != NULL) {
		assert_entered(region);
		cr_assert_lt(++regions, 6u);
	}
	cr_assert_geq(regions, 1u);
}

Test(region, without_memory_there_is_none_and_none_is_lost)
{
	struct tide_region *region = region_map();

	cr_assert(tide_region_unmap(region));
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	for (int i = 0; i < 100; i++)
		cr_assert_null(tide_region_map(&tide_heap_default));
	tide_os_fault_plan(0, 0, 0);
	cr_assert_eq(tide_region_count(&tide_heap_default.regions), 1u);
	cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions), 0u);
	cr_assert_eq(region_map(), region);
}

Test(region, an_address_the_page_map_cannot_hold_is_given_back)
{
	cr_assert(tide_region_unmap(region_map()));
	/* Anywhere else than in the leaf that exists. */
	size_t before = address_space_bytes();
	char *blocker = tide_os_map_aligned(0, TIDE_LEAF_BYTES, TIDE_LEAF_BYTES);
	cr_assert_not_null(blocker);
	cr_assert(tide_os_unmap(blocker, TIDE_LEAF_BYTES));
	for (uint32_t pass = 1; pass < 4; pass++) {
		tide_os_fault_plan(TIDE_OS_MMAP, pass, UINT32_MAX);
		struct tide_region *region = tide_region_map(&tide_heap_default);
		tide_os_fault_plan(0, 0, 0);
		if (region != NULL)
			cr_assert(tide_region_unmap(region));
		/* A leaf may have come into being, which stays; a region would be more. */
		size_t leaf_bytes = sizeof(struct tide_pagemap_leaf) + TIDE_LEAF_PAGES;
		cr_assert(SANITIZED || address_space_bytes() <= before + leaf_bytes);
	}
}
static_assert(sizeof(struct tide_pagemap_leaf) + TIDE_LEAF_PAGES < TIDE_REGION_BYTES,
              "a leaf can be told from a region");

/* Tags. */

Test(region, tags_tile_a_valid_region)
{
	struct tide_region *region = region_map();
	unsigned granules = tide_load_relaxed(&region->granules);

	cr_assert(tide_region_is_valid(region, 0));
	tide_region_tag(region, 0, 1, TIDE_TAG_ISSUED);
	tide_region_tag(region, 1, 9, TIDE_TAG_ISSUED);
	tide_region_tag(region, 10, 60, TIDE_TAG_SLAB);
	tide_region_tag(region, 70, granules - 70, TIDE_TAG_FREE);
	cr_assert(tide_region_is_valid(region, 10));
	cr_assert(tide_region_is_valid(region, granules));
	cr_assert(!tide_region_is_valid(region, 11));
	cr_assert(!tide_region_is_valid(region, granules - 1));

	/* Each of these alone is found. */
	static const struct {
		unsigned at, value;
	} change[] = {
		{ 0, 0 },                   /* a gap */
		{ 1, TIDE_TAG_ISSUED | 8 }, /* ends do not match */
		{ 9, TIDE_TAG_ISSUED | 8 },
		{ 9, TIDE_TAG_FREE | 9 },
		{ 5, TIDE_TAG_ISSUED | 1 },   /* a tag inside a chunk */
		{ 10, TIDE_TAG_SLAB | 61 },   /* an overlap */
		{ 70, TIDE_TAG_FREE | 4000 }, /* over the end */
	};
	for (size_t i = 0; i < COUNT_OF(change); i++) {
		uint16_t before = tide_load_relaxed(&region->tag[change[i].at]);

		tide_store_relaxed(&region->tag[change[i].at], (uint16_t)change[i].value);
		cr_assert(!tide_region_is_valid(region, granules), "change %zu", i);
		tide_store_relaxed(&region->tag[change[i].at], before);
		cr_assert(tide_region_is_valid(region, granules));
	}
}

Test(region, granules_and_addresses_are_each_others_inverse)
{
	struct tide_region *region = region_map();

	for (unsigned i = 0; i < TIDE_REGION_GRANULES; i++) {
		char *address = tide_region_address(region, i);

		cr_assert_eq((uintptr_t)address,
		             base_of(region) + i * (uintptr_t)TIDE_GRANULE_BYTES);
		cr_assert_eq(tide_region_granule(region, address), i);
		cr_assert_eq(tide_region_granule(region, address + TIDE_GRANULE_BYTES - 1), i);
	}
}

/* A medium block at granule `first`, as the frontier issues it. */
static void *issue(struct tide_region *region, unsigned first, unsigned cls)
{
	void *block = tide_region_address(region, first);

	tide_region_tag(region, first, tide_class_granules(cls), TIDE_TAG_ISSUED);
	tide_pagemap_set((uintptr_t)block, 1, cls);
	return block;
}

static bool finds(const void *block, unsigned cls)
{
	struct tide_region *region;
	struct tide_slab *slab;
	unsigned idx;

	return tide_region_find_block(block, cls, &region, &slab, &idx);
}

Test(region, a_medium_block_is_found_at_its_start_only)
{
	struct tide_region *region = region_map();
	unsigned cls = tide_class_of_granules(11);
	char *block = issue(region, 5, cls);
	char *next = issue(region, 16, cls);
	struct tide_region *found;
	struct tide_slab *slab;
	unsigned idx;

	cr_assert(tide_region_find_block(next, cls, &found, &slab, &idx));
	cr_assert_eq(found, region);
	cr_assert_null(slab);
	cr_assert_eq(idx, 16u);
	for (int offset = -4096; offset < 27 * 1024; offset += 16)
		cr_assert_eq(finds(block + offset, cls), offset == 0 || offset == 11 * 1024,
		             "at offset %d", offset);
	cr_assert(!finds(block, cls + 1));
	tide_region_tag(region, 5, 11, TIDE_TAG_FREE);
	cr_assert(!finds(block, cls));
}

Test(region, only_addresses_in_a_medium_block_are_said_to_be_inside_one)
{
	struct tide_region *region = region_map();
	unsigned granules = 9;
	char *block = issue(region, 0, tide_class_of_granules(granules));

	for (unsigned at = 0; at < 4 * granules * TIDE_GRANULE_BYTES; at += 512) {
		bool inside = at < granules * TIDE_GRANULE_BYTES;

		cr_assert_eq(tide_region_is_inside_block(block + at), inside,
		             "offset %u of a block of %u", at, granules * TIDE_GRANULE_BYTES);
	}
	/* Between other chunks likewise. */
	tide_region_tag(region, 9, 20, TIDE_TAG_FREE);
	tide_region_tag(region, 29, 64, TIDE_TAG_SLAB);
	(void)issue(region, 93, tide_class_of_granules(128));
	for (unsigned at = 0; at < 93; at++)
		cr_assert_eq(tide_region_is_inside_block(block + at * TIDE_GRANULE_BYTES),
		             at < granules);
	for (unsigned at = 93; at < 93 + 128; at++)
		cr_assert(tide_region_is_inside_block(block + at * TIDE_GRANULE_BYTES));
	cr_assert(!tide_region_is_inside_block((void *)0x1000));
}

/* Slabs. */

Test(region, a_slab_is_known_on_each_of_its_pages_and_no_longer_when_unmade)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];
		struct tide_region *region = region_map();
		unsigned granule = 3 * TIDE_PAGE_GRANULES;
		unsigned granules = shape->pages * TIDE_PAGE_GRANULES;
		struct tide_slab *slab = tide_slab_make(region, granule, cls);

		cr_assert_not_null(slab);
		cr_assert_eq(slab->base, base_of(region) + 3 * TIDE_PAGE_BYTES);
		cr_assert_eq(slab->page, 3);
		cr_assert_eq(slab->free_blocks, 0);
		for (unsigned i = 0; i < tide_slab_words(cls); i++)
			cr_assert_eq(tide_load_relaxed(&slab->bits[i]), 0u);
		for (unsigned page = 0; page < 3u + shape->pages + 3; page++) {
			bool inside = page >= 3 && page < 3u + shape->pages;
			uintptr_t address = base_of(region) + page * (uintptr_t)TIDE_PAGE_BYTES;

			cr_assert_eq(tide_load_relaxed(&region->slab[page]), inside ? slab : NULL);
			cr_assert_eq(tide_pagemap_class(address), inside ? cls : TIDE_CLASS_INSIDE);
		}
		cr_assert_eq(tide_load_relaxed(&region->tag[granule]), TIDE_TAG_SLAB | granules);
		cr_assert_eq(tide_load_relaxed(&region->tag[granule + granules - 1]),
		             TIDE_TAG_SLAB | granules);

		tide_store_relaxed(&slab->bits[0], 5);
		tide_slab_unmake(slab);
		for (unsigned page = 0; page < 20; page++)
			cr_assert_null(tide_load_relaxed(&region->slab[page]));
		cr_assert_eq(tide_pagemap_class(base_of(region) + 3 * TIDE_PAGE_BYTES),
		             TIDE_CLASS_INSIDE);
		cr_assert_eq(tide_load_relaxed(&region->tag[granule]), 0u);
		cr_assert_eq(tide_load_relaxed(&region->tag[granule + granules - 1]), 0u);
		/* The descriptor serves again, elsewhere, and clean. */
		cr_assert_eq(tide_slab_make(region, 100 * TIDE_PAGE_GRANULES, cls), slab);
		cr_assert_eq(slab->page, 100);
		cr_assert_eq(tide_load_relaxed(&slab->bits[0]), 0u);
	}
}

Test(region, without_a_descriptor_there_is_no_slab_and_nothing_is_marked)
{
	struct tide_region *region = region_map();
	size_t taken = 0;

	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	while (tide_meta_alloc(64) != NULL)
		cr_assert_lt(++taken, ENDLESS);
	cr_assert_null(tide_slab_make(region, 0, 1));
	tide_os_fault_plan(0, 0, 0);
	cr_assert_eq(tide_load_relaxed(&region->tag[0]), 0u);
	assert_entered(region);
	cr_assert_not_null(tide_slab_make(region, 0, 1));
}

Test(region, a_small_block_is_found_at_its_start_only)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];
		struct tide_region *region = region_map();
		struct tide_slab *slab = tide_slab_make(region, 0, cls);
		unsigned bytes = shape->pages * TIDE_PAGE_BYTES;

		for (unsigned offset = 0; offset < bytes; offset += 8) {
			struct tide_region *in;
			struct tide_slab *of;
			unsigned idx;
			bool found = tide_region_find_block((char *)slab->base + offset, cls, &in,
			                                    &of, &idx);

			cr_assert_eq(found, offset % shape->block_bytes == 0);
			if (found) {
				cr_assert_eq(in, region);
				cr_assert_eq(of, slab);
				cr_assert_eq(idx, offset / shape->block_bytes);
			}
		}
		cr_assert(!finds((char *)slab->base, cls == 1 ? 2 : cls - 1));
		cr_assert(!finds((char *)slab->base + bytes, cls));
	}
	cr_assert(!finds((void *)0x1000, 1));
	cr_assert(!finds((void *)0x1000, TIDE_CLASS_MEDIUM_FIRST));
}

/* Live blocks. */

Test(region, each_small_block_is_live_by_itself)
{
	tide_options_set(TIDE_OPTION_CHECK, 1);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];
		struct tide_slab *slab = tide_slab_make(region_map(), 0, cls);
		char *block = (char *)slab->base;

		for (unsigned i = 0; i < shape->blocks; i++) {
			cr_assert(
			    !tide_region_set_live(block + i * shape->block_bytes, cls, false));
			cr_assert(tide_region_set_live(block + i * shape->block_bytes, cls, true));
			cr_assert(!tide_region_set_live(block + i * shape->block_bytes, cls, true));
		}
		for (unsigned i = 0; i < tide_slab_words(cls); i++)
			cr_assert_eq(tide_load_relaxed(&slab->bits[i]), 0u,
			             "the GC's bits were written");
		for (unsigned i = shape->blocks; i-- > 0;) {
			cr_assert(tide_region_set_live(block + i * shape->block_bytes, cls, false));
			cr_assert(
			    !tide_region_set_live(block + i * shape->block_bytes, cls, false));
		}
		cr_assert(!tide_region_set_live(block + 8, cls, true));
	}
}

Test(region, each_medium_block_is_live_by_itself)
{
	struct tide_region *region = region_map();
	unsigned cls = tide_class_of_granules(9);

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned at = 0; at + 9 <= TIDE_REGION_GRANULES; at += 9) {
			void *block = issue(region, at, cls);

			cr_assert(tide_region_set_live(block, cls, round == 0));
			cr_assert(!tide_region_set_live(block, cls, round == 0));
		}
	}
}

/* Threads. */

struct mapper {
	struct tide_region *region[REGIONS];
};

static void *map_some(void *arg)
{
	struct mapper *mapper = arg;

	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < REGIONS; i++) {
			mapper->region[i] = tide_region_map(&tide_heap_default);
			if (mapper->region[i] == NULL)
				return "no region";
			if (!all_zero((void *)base_of(mapper->region[i]), 4096))
				return "a region is not zero";
			memset((void *)base_of(mapper->region[i]), 1, 4096);
		}
		for (unsigned i = 0; round < 2 && i < REGIONS; i++)
			if (!tide_region_unmap(mapper->region[i]))
				return "no unmap";
	}
	return NULL;
}

Test(region, threads_that_map_at_once_get_different_ones, .timeout = 60)
{
	static struct mapper mapper[THREADS];
	const char *wrong = run_threads(map_some, mapper, sizeof mapper[0], THREADS);

	cr_assert_null(wrong, "%s", wrong);
	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < REGIONS; i++) {
			struct tide_region *region = mapper[t].region[i];

			memset((void *)base_of(region), 0, 4096);
			assert_entered(region); /* from its addresses one gets to no other */
			cr_assert_eq(bytes_of(region), TIDE_REGION_BYTES);
		}
	}
	cr_assert_eq(tide_region_mapped_bytes_racy(&tide_heap_default.regions),
	             (uint64_t)THREADS * REGIONS * TIDE_REGION_BYTES);
	cr_assert_leq(tide_region_count(&tide_heap_default.regions), THREADS * REGIONS);
}
