#include "region.h"

#include "check.h"
#include "heap.h"
#include "huge.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "yield.h"

/* Where the next region would be welcome.
 * writers  mappers  readers  mappers  order  relaxed: a hint  edges  none */
static _Atomic uintptr_t next_hint;

static TIDE_OWN_LINE struct tide_stack spare_slab[TIDE_CLASS_SMALL_LAST + 1];

static bool group_make(struct tide_regions *regions, uint32_t index)
{
	if (index >= TIDE_REGIONS_MAX || tide_region_group_of(regions, index) != NULL)
		return true;
	struct tide_region_group *none = NULL;
	struct tide_region_group *group = tide_meta_alloc(sizeof *group);
	TIDE_YIELD("region.group");
	if (group != NULL)
		(void)tide_cas_release(&regions->group[index / 64], &none,
		                       group); /* region.table */
	return group != NULL;
}

static TIDE_USUAL struct tide_region *descriptor_new(struct tide_heap *heap)
{
	struct tide_regions *regions = &heap->regions;
	struct tide_region *region = (struct tide_region *)tide_stack_pop(&regions->unmapped);
	if (region != NULL)
		return region;
	uint32_t index = tide_load_relaxed(&regions->used);
	if (index >= TIDE_REGIONS_MAX)
		return NULL;
	region = tide_meta_alloc(sizeof *region);
	/* Its group, and the next in case others take the indices before it meanwhile. */
	if (region == NULL || !group_make(regions, index) || !group_make(regions, index + 64))
		return NULL;
	index = tide_add_relaxed(&regions->used, 1u);
	TIDE_YIELD("region.index");
	if (index >= TIDE_REGIONS_MAX || !group_make(regions, index))
		return NULL;
	region->index = index;
	region->heap = heap;
	TIDE_YIELD("region.table");
	struct tide_region_group *group = tide_region_group_of(regions, index);
	tide_store_release(&group->region[index % 64], region); /* region.table */
	return region;
}

/* The system maps downwards: below the page map's window, and its first leaf below that, there is
 * room at an address such as regions have, which it would not choose by itself. 0: no window. */
static uintptr_t first_hint(void)
{
	uintptr_t map = (uintptr_t)tide_pagemap_near()->map;
	uintptr_t taken = sizeof(struct tide_pagemap_leaf) + TIDE_PAGE_BYTES + TIDE_REGION_BYTES;
	return map > taken ? (map - taken) & ~(uintptr_t)(TIDE_REGION_BYTES - 1) : 0;
}

static TIDE_USUAL void *map_near_hint(size_t bytes)
{
	uintptr_t hint = tide_load_relaxed(&next_hint);
	if (hint == 0)
		hint = first_hint();
	char *start = tide_os_map_aligned(hint, bytes, TIDE_REGION_BYTES);
	if (start == NULL)
		return NULL;
	tide_store_relaxed(&next_hint, (uintptr_t)start - TIDE_REGION_BYTES);
	if (!tide_pagemap_prepare((uintptr_t)start, bytes)) {
		(void)tide_os_discard(start, bytes);
		return NULL;
	}
	return start;
}

void tide_region_reset(struct tide_region *region)
{
	tide_store_relaxed(&region->sealed_from, 0);
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
		region->page_free[i] = 0;
		region->page_clean[i] = UINT64_MAX;
		region->page_aged[i] = 0;
	}
	region->refuses_huge = false;
	region->asked_huge = false;
}

TIDE_USUAL struct tide_region *tide_region_map(struct tide_heap *heap)
{
	struct tide_regions *regions = &heap->regions;
	struct tide_region *region = descriptor_new(heap);
	if (region == NULL)
		return NULL;
	size_t bytes = TIDE_REGION_BYTES;
	char *start = map_near_hint(bytes);
	while (start == NULL && bytes / 2 >= TIDE_REGION_MIN_BYTES) {
		bytes /= 2;
		start = map_near_hint(bytes);
	}
	if (start == NULL) {
		tide_stack_push(&regions->unmapped, &region->node);
		return NULL;
	}
	tide_store_relaxed(&region->base, (uintptr_t)start);
	tide_store_relaxed(&region->granules, (uint32_t)(bytes / TIDE_GRANULE_BYTES));
	tide_region_reset(region);
	tide_pagemap_set((uintptr_t)start, bytes / TIDE_PAGE_BYTES, TIDE_CLASS_INSIDE);
	TIDE_YIELD("region.map");
	tide_pagemap_set_region((uintptr_t)start, region);
	uint64_t before = tide_add_relaxed(&regions->mapped_bytes, bytes);
	if (before >= (uint64_t)tide_option(TIDE_OPTION_HUGE_BYTES))
		region->asked_huge = tide_huge_ask(start, bytes);
	(void)tide_add_relaxed(&regions->maps, 1u);
	return region;
}

bool tide_region_unmap(struct tide_region *region)
{
	struct tide_regions *regions = &region->heap->regions;
	uintptr_t base = tide_load_relaxed(&region->base);
	unsigned granules = tide_load_relaxed(&region->granules);
	size_t bytes = (size_t)granules * TIDE_GRANULE_BYTES;

	/* Out of the page map first: once unmapped, another thread may map the same addresses. */
	tide_pagemap_set(base, bytes / TIDE_PAGE_BYTES, TIDE_CLASS_NONE);
	tide_pagemap_set_region(base, NULL);
	TIDE_YIELD("region.unmap");
	if (!tide_os_unmap((void *)base, bytes)) {
		tide_pagemap_set(base, bytes / TIDE_PAGE_BYTES, TIDE_CLASS_INSIDE);
		tide_pagemap_set_region(base, region);
		return false;
	}
	tide_store_relaxed(&region->tag[0], 0);
	tide_store_relaxed(&region->tag[granules - 1], 0);
	TIDE_YIELD("region.unmapped");
	tide_stack_push(&regions->unmapped, &region->node);
	(void)tide_sub_relaxed(&regions->mapped_bytes, bytes);
	(void)tide_add_relaxed(&regions->unmaps, 1u);
	return true;
}

struct tide_region *tide_region_at(struct tide_regions *regions, uint32_t index)
{
	struct tide_region_group *group = tide_region_group_of(regions, index);
	return group != NULL ? tide_load_acquire(&group->region[index % 64])
	                     : NULL; /* region.table */
}

uint32_t tide_region_count(struct tide_regions *regions)
{
	uint32_t used = tide_load_relaxed(&regions->used);
	return used < TIDE_REGIONS_MAX ? used : TIDE_REGIONS_MAX;
}

bool tide_region_is_valid(const struct tide_region *region, unsigned end)
{
	unsigned at = 0;
	while (at < end) {
		unsigned tag = tide_load_relaxed(&region->tag[at]);
		unsigned granules = tag & TIDE_TAG_GRANULES;
		if (granules == 0 || at + granules > end)
			return false;
		if (tide_load_relaxed(&region->tag[at + granules - 1]) != tag)
			return false;
		for (unsigned i = at + 1; i + 1 < at + granules; i++) {
			if (tide_load_relaxed(&region->tag[i]) != 0)
				return false;
		}
		at += granules;
	}
	return at == end;
}

TIDE_USUAL struct tide_slab *tide_slab_make(struct tide_region *region, unsigned granule,
                                            unsigned cls)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[cls];
	unsigned words = tide_slab_words(cls);
	struct tide_slab *slab = (struct tide_slab *)tide_stack_pop(&spare_slab[cls]);
	if (slab == NULL)
		slab = tide_meta_alloc(sizeof *slab + 2 * words * sizeof(uint64_t));
	if (slab == NULL)
		return NULL;
	slab->base = (uintptr_t)tide_region_address(region, granule);
	slab->region = region;
	slab->cls = (tide_class)cls;
	slab->free_blocks = slab->own_free = slab->swept_blocks = 0;
	slab->own_listed = false;
	tide_store_relaxed(&slab->owner, NULL);
	/* Also those of checked mode: blocks of a heap that was destroyed are live still. */
	for (unsigned i = 0; i < 2 * words; i++)
		tide_store_relaxed(&slab->bits[i], 0);
	unsigned page = granule / TIDE_PAGE_GRANULES;
	slab->page = (uint16_t)page;
	for (unsigned i = 0; i < shape->pages; i++)
		tide_store_relaxed(&region->slab[page + i], slab);
	tide_region_tag(region, granule, shape->pages * TIDE_PAGE_GRANULES, TIDE_TAG_SLAB);
	tide_pagemap_set(slab->base, shape->pages, tide_heap_page_class(region->heap, cls));
	return slab;
}

void tide_slab_unmake(struct tide_slab *slab)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	struct tide_region *region = slab->region;
	unsigned page = slab->page;
	unsigned granule = page * TIDE_PAGE_GRANULES;
	tide_pagemap_set(slab->base, shape->pages, TIDE_CLASS_INSIDE);
	for (unsigned i = 0; i < shape->pages; i++)
		tide_store_relaxed(&region->slab[page + i], NULL);
	tide_store_relaxed(&region->tag[granule], 0);
	tide_store_relaxed(&region->tag[granule + shape->pages * TIDE_PAGE_GRANULES - 1], 0);
	tide_stack_push(&spare_slab[slab->cls], &slab->node);
}

bool tide_region_find_block(const void *block, unsigned cls, struct tide_region **region,
                            struct tide_slab **slab, unsigned *idx)
{
	uintptr_t address = (uintptr_t)block;
	*region = tide_pagemap_region(address);
	if (*region == NULL)
		return false;
	if (tide_class_is_medium(cls)) {
		unsigned granule = tide_region_granule(*region, block);
		unsigned tag = tide_load_relaxed(&(*region)->tag[granule]);
		*slab = NULL;
		*idx = granule;
		return address % TIDE_GRANULE_BYTES == 0 && tide_region_tag_is_of(tag, cls) &&
		       tide_pagemap_class(address) == tide_heap_page_class((*region)->heap, cls);
	}
	unsigned page = (unsigned)(address >> TIDE_PAGE_SHIFT) % TIDE_REGION_PAGES;
	*slab = tide_load_relaxed(&(*region)->slab[page]);
	if (*slab == NULL || (*slab)->cls != cls)
		return false;
	uint64_t offset = address - (*slab)->base;
	*idx = (unsigned)((offset * tide_slab_shape[cls].reciprocal) >> 32);
	return offset == (uint64_t)*idx * tide_slab_shape[cls].block_bytes;
}

bool tide_region_is_start(const void *block, unsigned cls)
{
	struct tide_region *region = tide_pagemap_region((uintptr_t)block);
	return region != NULL && (uintptr_t)block % TIDE_GRANULE_BYTES == 0 &&
	       tide_region_tag_is_of(
		   tide_load_relaxed(&region->tag[tide_region_granule(region, block)]), cls);
}

unsigned tide_region_class(const void *block)
{
	struct tide_region *region = tide_pagemap_region((uintptr_t)block);
	if (region == NULL)
		return TIDE_CLASS_NONE;
	unsigned page = (unsigned)((uintptr_t)block >> TIDE_PAGE_SHIFT) % TIDE_REGION_PAGES;
	struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
	if (slab != NULL)
		return slab->cls;
	unsigned granule = tide_region_granule(region, block);
	unsigned tag = tide_load_relaxed(&region->tag[granule]);
	unsigned last = granule + (tag & TIDE_TAG_GRANULES) - 1;
	/* A chunk's last tag is like its first; but no tag follows at its length. */
	if ((uintptr_t)block % TIDE_GRANULE_BYTES != 0 || !(tag & TIDE_TAG_ISSUED) ||
	    last >= TIDE_REGION_GRANULES || tide_load_relaxed(&region->tag[last]) != tag)
		return TIDE_CLASS_NONE;
	return tide_class_of_granules(tag & TIDE_TAG_GRANULES);
}

bool tide_region_is_inside_block(const void *address)
{
	struct tide_region *region = tide_pagemap_region((uintptr_t)address);
	if (region == NULL)
		return false;
	unsigned granule = tide_region_granule(region, address);
	for (unsigned back = 0; back <= granule; back++) {
		unsigned first = granule - back;
		unsigned tag = tide_load_relaxed(&region->tag[first]);
		unsigned granules = tag & TIDE_TAG_GRANULES;
		if (tag == 0)
			continue;
		/* The first tag of a chunk has its equal at the other end; else it is a last
		 * tag. */
		bool is_first = first + granules <= TIDE_REGION_GRANULES &&
		                tide_load_relaxed(&region->tag[first + granules - 1]) == tag;
		return (tag & TIDE_TAG_ISSUED) != 0 && (is_first ? granules > back : back == 0);
	}
	return false;
}

bool tide_region_set_live(const void *block, unsigned cls, bool live)
{
	struct tide_region *region;
	struct tide_slab *slab;
	unsigned idx;
	if (!tide_region_find_block(block, cls, &region, &slab, &idx))
		return false;
	_Atomic uint64_t *words = slab != NULL ? tide_slab_own_bits(slab) : region->live;
	uint64_t bit = 1ull << (idx % 64);
	uint64_t before = live ? tide_or_acq_rel(&words[idx / 64], bit)
	                       : tide_and_acq_rel(&words[idx / 64], ~bit);
	return ((before & bit) != 0) != live;
}
