/* A heap is destroyed: its memory goes back to the system, its metadata waits for the next heap. */
#include "step.h"

#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "token.h"
#include "yield.h"

#include <string.h>

static void bin_drop(struct tide_bin *bin)
{
	if (bin == NULL)
		return;
	bin->count = 0;
	tide_bin_recycle(bin);
}

/* Nobody's any more, and with nothing in it. A thread that ends just now may park it instead. */
static void cache_empty(struct tide_cache *cache)
{
	struct tide_bin *spent;
	(void)tide_cache_park_of(cache, tide_load_relaxed(&cache->owner));
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		/* What was counted down already goes unused (sample.h). */
		if (cls <= TIDE_CLASS_BINNED_LAST && cache->countdown[cls] != 0)
			cache->countdown[cls] += (uint32_t)tide_cache_blocks_at(cache, cls);
		bin_drop(tide_cache_remove_ready(cache, cls));
		if (tide_pagemap_place(cls) != cls)
			bin_drop(tide_cache_remove_ready(cache, tide_pagemap_place(cls)));
		bin_drop(cache->pending[cls]);
		cache->pending[cls] = NULL;
		cache->capacity[cls] = 0;
		tide_store_relaxed(&cache->mallocs[cls], 0);
		tide_store_relaxed(&cache->frees[cls], 0);
		tide_store_relaxed(&cache->binned[cls], 0);
	}
	/* The last one stays in the queue, emptied. */
	for (struct tide_bin *bin; (bin = tide_garbage_consume(&cache->garbage, &spent)) != NULL;) {
		tide_count_owned(&cache->heap->gc.by_class[bin->cls].garbage_drained,
		                 (uint64_t)bin->count);
		bin->count = 0;
		tide_bin_recycle(spent);
	}
	cache->pool_bytes = 0;
	memset(cache->pooled, 0, sizeof cache->pooled);
	tide_store_relaxed(&cache->pending_taken, false);
	tide_store_relaxed(&cache->used, false);
}

static void caches_empty(struct tide_heap *heap)
{
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next)
		cache_empty(cache);
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++)
		tide_store_relaxed(&heap->roster.uncounted_frees[cls], 0);
}

static void queues_empty(struct tide_queues *queues)
{
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		struct tide_bin *bin;
		while ((bin = tide_queue_pop(queues, cls)) != NULL)
			bin_drop(bin);
	}
	for (unsigned i = 0; i < TIDE_QUEUE_WORDS; i++)
		tide_store_relaxed(&queues->attention[i], 0);
}

/* A word that nobody used is not written to: it may lie in a page that there is not. */
static void word_clear(struct tide_frontier_word *open)
{
	if (tide_load_relaxed(&open->word) != 0)
		tide_store_release(&open->word, 0);
}

static void frontier_close(struct tide_frontier *frontier)
{
	for (unsigned kind = 0; kind < TIDE_FRONTIERS; kind++)
		tide_store_release(&frontier->open_region[kind].word, 0);
	for (unsigned cls = 0; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		for (unsigned lane = 0; lane < TIDE_LANES; lane++)
			word_clear(&frontier->open_slab[lane][cls]);
		while (tide_stack_pop(&frontier->ready_slab[cls]) != NULL)
			continue; /* it is in its region's table as well */
	}
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++)
		tide_store_relaxed(&frontier->carved_blocks[cls], 0);
	while (tide_stack_pop(&frontier->sealed) != NULL)
		continue;
	while (tide_stack_pop(&frontier->spare_region) != NULL)
		continue;
}

static void region_clear(struct tide_region *region)
{
	for (unsigned page = 0; page < TIDE_REGION_PAGES; page++) {
		struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
		if (slab != NULL)
			tide_slab_unmake(slab);
	}
	for (unsigned i = 0; i < TIDE_REGION_GRANULES; i++)
		tide_store_relaxed(&region->tag[i], 0);
	for (unsigned i = 0; i < TIDE_REGION_GRANULES / 64; i++)
		tide_store_relaxed(&region->live[i], 0);
	memset(region->set_head, 0, sizeof region->set_head);
	memset(region->slab_partial, 0, sizeof region->slab_partial);
	region->listed = false;
}

/* What the system refuses to unmap (it may have too many mappings) the next heap opens. */
static void region_drop(struct tide_region *region)
{
	uintptr_t base = tide_load_relaxed(&region->base);
	region_clear(region);
	if (tide_region_unmap(region))
		return;
	size_t bytes = (size_t)tide_load_relaxed(&region->granules) * TIDE_GRANULE_BYTES;
	tide_pagemap_set(base, bytes / TIDE_PAGE_BYTES, TIDE_CLASS_INSIDE);
	if (!tide_os_purge((void *)base, bytes))
		memset((void *)base, 0, bytes); /* the frontier's memory is known to be zero */
	tide_region_reset(region);
	tide_stack_push(&region->heap->frontier.spare_region, &region->node);
}

static void regions_drop(struct tide_heap *heap)
{
	for (uint32_t i = 0; i < tide_region_count(&heap->regions); i++) {
		struct tide_region *region = tide_region_at(&heap->regions, i);
		/* Mapped: the page map says so. */
		if (region != NULL &&
		    tide_pagemap_region(tide_load_relaxed(&region->base)) == region)
			region_drop(region);
		if (i % 64 == 0 && region != NULL) {
			struct tide_region_group *group = tide_region_group_of(&heap->regions, i);
			memset(group->chunk, 0, sizeof group->chunk);
			memset(group->slab, 0, sizeof group->slab);
		}
	}
}

static void gc_clear(struct tide_heap *heap)
{
	struct gc *gc = &heap->gc;
	memset(gc, 0, offsetof(struct gc, count));
	/* What was seen of the counters that go on. */
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		gc->queue_misses[cls] = tide_queue_misses_racy(&heap->queues, cls);
		gc->queue_tick_misses[cls] = gc->queue_misses[cls];
		gc->queue_fulls[cls] = tide_queue_fulls_racy(&heap->queues, cls);
		gc->queue_fulls_grown[cls] = gc->queue_fulls[cls];
		gc->queue_through[cls] = tide_load_relaxed(&gc->by_class[cls].garbage_drained) +
		                         tide_load_relaxed(&gc->by_class[cls].refilled);
	}
	/* Statistics may be read meanwhile. */
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		tide_store_relaxed(&gc->free_blocks[cls], 0);
		tide_store_relaxed(&gc->made_blocks[cls], 0);
	}
	tide_store_relaxed(&gc->dirty_pages, 0);
	tide_store_relaxed(&gc->count.free_set_bytes, 0);
	tide_store_relaxed(&gc->count.purged_bytes, 0);
	tide_store_relaxed(&gc->count.made_bytes, 0);
	for (unsigned cls = 0; cls <= TIDE_CLASS_SMALL_LAST; cls++)
		tide_store_relaxed(&gc->slab_purged_pages[cls], 0);
}

void tide_gc_dismantle(struct tide_heap *heap)
{
	/* In a process without a GC for ever (gc.h) the heap is left as it is, and lost. */
	tide_store_release(&heap->live, false);
	if (!tide_gc_wait(0))
		return;
	TIDE_YIELD("gc.dismantle");
	(void)tide_add_relaxed(&heap->generation, 1u);
	TIDE_YIELD("gc.other_generation");
	tide_budget_clear(&heap->budget);
	caches_empty(heap);
	queues_empty(&heap->queues);
	(void)tide_orphan_take_all(&heap->orphans);
	frontier_close(&heap->frontier);
	tide_large_free_all(heap);
	regions_drop(heap);
	gc_clear(heap);
	TIDE_YIELD("gc.dismantled");
	tide_token_release();
	tide_heap_recycle(heap);
}
