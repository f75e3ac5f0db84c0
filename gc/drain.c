/* Garbage into free sets: the GC sees every block that leaves the bins, and this is where a block
 * that was freed twice, or was none, comes to light. */
#include "freeset.h"
#include "slabset.h"

#include "check.h"
#include "fatal.h"
#include "meta.h"
#include "options.h"
#include "pagemap.h"
#include "trace.h"
#include "yield.h"

#include <string.h>

/* Option `zero`: once a block is known to be a free one, and while it is nobody else's. Its memory
 * stays mapped that long: the GC alone gives it back, later. */
static bool zeroes(void)
{
	return tide_option(TIDE_OPTION_ZERO) != 0;
}

static void drain_small(struct tide_region *region, void *block, unsigned cls)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[cls];
	unsigned page = (unsigned)((uintptr_t)block >> TIDE_PAGE_SHIFT) % TIDE_REGION_PAGES;
	struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
	if (TIDE_UNLIKELY(slab == NULL || slab->cls != cls)) {
		/* The slab is gone: all of its blocks were free before this one came. */
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, shape->block_bytes);
		return;
	}
	uint64_t offset = (uintptr_t)block - slab->base;
	unsigned idx = (unsigned)((offset * shape->reciprocal) >> 32);
	if (TIDE_UNLIKELY(offset != (uint64_t)idx * shape->block_bytes))
		tide_fatal_misuse(TIDE_MISUSE_INTERIOR, "free", block, cls, shape->block_bytes);
	else if (TIDE_UNLIKELY(!tide_gc_slab_put(slab, idx)))
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, shape->block_bytes);
	else if (TIDE_UNLIKELY(zeroes()))
		memset(block, 0, shape->block_bytes);
}

static void drain_medium(struct tide_region *region, void *block, unsigned cls)
{
	unsigned first = tide_region_granule(region, block);
	unsigned tag = tide_load_relaxed(&region->tag[first]);
	unsigned granules = tag & TIDE_TAG_GRANULES;
	if (TIDE_UNLIKELY((uintptr_t)block % TIDE_GRANULE_BYTES != 0 ||
	                  !tide_region_tag_is_of(tag, cls))) {
		bool gone =
		    tide_pagemap_class((uintptr_t)block) != tide_heap_page_class(region->heap, cls);
		tide_fatal_misuse(gone ? TIDE_MISUSE_DOUBLE : TIDE_MISUSE_INTERIOR, "free", block,
		                  cls, tide_class_bytes(cls));
		return;
	}
	if (TIDE_UNLIKELY(zeroes()))
		memset(block, 0, (size_t)granules * TIDE_GRANULE_BYTES);
	tide_pagemap_set((uintptr_t)block, 1, TIDE_CLASS_INSIDE);
	tide_gc_chunk_free(region, first, granules, true);
	struct gc *gc = &region->heap->gc;
	tide_count_owned(&gc->made_blocks[cls], -1ull);
	tide_count_owned(&gc->count.made_bytes, -((uint64_t)granules * TIDE_GRANULE_BYTES));
}

static void drain_block(void *block, unsigned cls)
{
	struct tide_region *region = tide_pagemap_region((uintptr_t)block);
	if (TIDE_UNLIKELY(region == NULL)) {
		/* Its region was unmapped, so it was free before. */
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, tide_class_bytes(cls));
		return;
	}
	tide_gc_region_list(region);
	if (tide_class_is_small(cls))
		drain_small(region, block, cls);
	else
		drain_medium(region, block, cls);
}

void tide_gc_drain_bin(struct tide_heap *heap, struct tide_bin *bin)
{
	tide_count_owned(&heap->gc.count.drained_blocks, (uint64_t)bin->count);
	if (tide_class_is_small(bin->cls) && TIDE_LIKELY(!zeroes()))
		tide_gc_slab_put_bin(heap, bin);
	for (unsigned i = 0; i < bin->count; i++)
		drain_block(bin->slot[TIDE_BIN_BASE + i], bin->cls);
	bin->count = 0;
}

TIDE_USUAL unsigned tide_gc_drain_cache(struct tide_cache *cache, unsigned bins)
{
	unsigned done = 0;
	for (; done < bins; done++) {
		struct tide_bin *spent;
		struct tide_bin *bin = tide_garbage_consume(&cache->garbage, &spent);
		if (bin == NULL)
			break;
		tide_count_owned(&cache->heap->gc.by_class[bin->cls].garbage_drained,
		                 (uint64_t)bin->count);
		TIDE_YIELD("gc.drain");
		tide_gc_drain_bin(cache->heap, bin);
		tide_bin_recycle(spent);
	}
	if (done > 0)
		TIDE_TRACE_EVENT(drain, TIDE_TRACE_DRAIN, done, 0);
	return done;
}

unsigned tide_gc_drain_all(struct tide_heap *heap, unsigned bins, unsigned caches)
{
	struct gc *gc = &heap->gc;
	struct tide_cache *start = gc->drain_next != NULL ? gc->drain_next : tide_cache_all(heap);
	struct tide_cache *cache = start;
	unsigned done = 0;
	if (start == NULL)
		return 0;
	do {
		done += tide_gc_drain_cache(cache, bins - done);
		cache = cache->all_next != NULL ? cache->all_next : tide_cache_all(heap);
	} while (done < bins && cache != start && --caches > 0);
	gc->drain_next = cache;
	return done;
}

TIDE_USUAL enum gc_work tide_gc_drain_strays(struct tide_heap *heap)
{
	enum gc_work work = GC_IDLE;
	struct tide_region *region;
	while ((region = (struct tide_region *)tide_stack_pop(&heap->frontier.sealed)) != NULL) {
		tide_gc_region_list(region);
		unsigned from = tide_load_relaxed(&region->sealed_from);
		unsigned end = tide_load_relaxed(&region->granules);
		tide_budget_held_add(&heap->budget, (int64_t)(end - from) * TIDE_GRANULE_BYTES);
		tide_gc_chunk_free(region, from, end - from, false);
		region->heap->gc.grew = true;
		work = GC_WORKED;
	}
	for (struct tide_orphan *orphan = tide_orphan_take_all(&heap->orphans); orphan != NULL;) {
		void *block = orphan;
		unsigned cls = tide_pagemap_class((uintptr_t)block);
		if (cls == TIDE_CLASS_HEAP)
			cls = tide_region_class(block);
		orphan = orphan->next;
		drain_block(block, cls);
		work = GC_WORKED;
	}
	return work;
}
