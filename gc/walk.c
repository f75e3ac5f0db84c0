/* What a heap holds, for its owner: every live block, and the figures. */
#include "step.h"

#include "check.h"
#include "checked.h"
#include "pagemap.h"
#include "token.h"

struct walk {
	struct tide_heap *heap;
	int (*visit)(void *block, size_t bytes, void *context);
	void *context;
};

/* In checked mode the program knows a block by what it asked for. */
static int show(const struct walk *walk, void *block, size_t bytes)
{
	size_t asked;
	if (tide_checked_full() && tide_checked_is_sealed(block, bytes, &asked))
		bytes = asked;
	return walk->visit(block, bytes, walk->context);
}

static bool slab_is_ready(struct tide_heap *heap, const struct tide_slab *slab)
{
	struct tide_node *node =
	    tide_load_acquire(&heap->frontier.ready_slab[slab->cls].head.pointer); /* stack.hand */
	for (; node != NULL; node = tide_load_relaxed(&node->next)) {
		if (node == &slab->node)
			return true;
	}
	return false;
}

/* Blocks of the slab that were ever carved. (A lane that carved all of it in its life before may
 * have it by name still.) */
static unsigned carved_of(struct tide_heap *heap, const struct tide_slab *slab)
{
	for (unsigned lane = 0; lane < TIDE_LANES; lane++) {
		struct tide_slab *open;
		unsigned rest = tide_frontier_open_rest(&heap->frontier, lane, slab->cls, &open);
		if (open == slab && rest > 0)
			return tide_slab_shape[slab->cls].blocks - rest;
	}
	return slab_is_ready(heap, slab) ? 0 : tide_slab_shape[slab->cls].blocks;
}

/* Set the bits of blocks of the slab that lie in [from, to), slots of a thread's bin. */
static void mark_slots(const struct tide_slab *slab, void **from, void **to, uint64_t *bits)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	uintptr_t slab_bytes = (uintptr_t)shape->pages * TIDE_PAGE_BYTES;
	for (; from < to; from++) {
		uintptr_t offset = (uintptr_t)*from - slab->base;
		unsigned idx = (unsigned)((offset * shape->reciprocal) >> 32);
		if (offset < slab_bytes)
			bits[idx / 64] |= 1ull << (idx % 64);
	}
}

static void mark_place(struct tide_cache *cache, unsigned place, const struct tide_slab *slab,
                       uint64_t *bits)
{
	struct tide_bin *bin = cache->ready[place];
	if (bin != NULL)
		mark_slots(slab, &bin->slot[TIDE_BIN_BASE], cache->top[place] + 1, bits);
}

static void mark_bins(struct tide_heap *heap, const struct tide_slab *slab, uint64_t *bits)
{
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		struct tide_bin *pending = cache->pending[slab->cls];
		mark_place(cache, slab->cls, slab, bits);
		if (tide_pagemap_place(slab->cls) != slab->cls)
			mark_place(cache, tide_pagemap_place(slab->cls), slab, bits);
		if (pending != NULL)
			mark_slots(slab, &pending->slot[TIDE_BIN_BASE],
			           &pending->slot[TIDE_BIN_BASE + pending->count], bits);
	}
}

static bool is_in_slots(void **from, void **to, const void *block)
{
	for (; from < to; from++) {
		if (*from == block)
			return true;
	}
	return false;
}

static bool is_in_place(struct tide_cache *cache, unsigned place, const void *block)
{
	struct tide_bin *bin = cache->ready[place];
	return bin != NULL && is_in_slots(&bin->slot[TIDE_BIN_BASE], cache->top[place] + 1, block);
}

static bool is_in_bins(struct tide_heap *heap, unsigned cls, const void *block)
{
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		struct tide_bin *pending = cache->pending[cls];
		if (is_in_place(cache, cls, block) ||
		    is_in_place(cache, tide_pagemap_place(cls), block))
			return true;
		if (pending != NULL &&
		    is_in_slots(&pending->slot[TIDE_BIN_BASE],
		                &pending->slot[TIDE_BIN_BASE + pending->count], block))
			return true;
	}
	return false;
}

static int walk_slab(const struct walk *walk, struct tide_slab *slab)
{
	enum { WORDS = TIDE_SLAB_MAX_PAGES * TIDE_PAGE_BYTES / TIDE_ALIGN_BYTES / 64 };
	uint64_t not_live[WORDS];
	size_t bytes = tide_slab_shape[slab->cls].block_bytes;
	unsigned blocks = carved_of(walk->heap, slab);
	TIDE_ASSERT(blocks <= tide_slab_words(slab->cls) * 64);
	for (unsigned i = 0; i < tide_slab_words(slab->cls); i++) {
		not_live[i] = tide_load_relaxed(&slab->bits[i]);
		if (tide_option(TIDE_OPTION_CHECK) == 0) /* what a thread keeps (stash.h) */
			not_live[i] |= tide_load_relaxed(&tide_slab_own_bits(slab)[i]);
	}
	mark_bins(walk->heap, slab, not_live);
	for (unsigned idx = 0; idx < blocks; idx++) {
		if (not_live[idx / 64] >> (idx % 64) & 1)
			continue;
		void *block = (void *)(slab->base + (uintptr_t)idx * bytes);
		int result = show(walk, block, bytes);
		if (result != 0)
			return result;
	}
	return 0;
}

static int walk_region(const struct walk *walk, struct tide_region *region)
{
	unsigned end = tide_frontier_end(region);
	unsigned granules;
	for (unsigned at = 0; at < end; at += granules) {
		unsigned tag = tide_load_relaxed(&region->tag[at]);
		int result = 0;
		granules = tag & TIDE_TAG_GRANULES;
		if (granules == 0)
			break; /* never opened */
		if (tag & TIDE_TAG_SLAB) {
			unsigned page = at / TIDE_PAGE_GRANULES;
			result = walk_slab(walk, tide_load_relaxed(&region->slab[page]));
		} else if (tag & TIDE_TAG_ISSUED) {
			void *block = tide_region_address(region, at);
			unsigned cls = tide_class_of_granules(granules);
			if (!is_in_bins(walk->heap, cls, block))
				result = show(walk, block, tide_class_bytes(cls));
		}
		if (result != 0)
			return result;
	}
	return 0;
}

/* Region number `i`, if it is mapped. */
static struct tide_region *region_mapped(struct tide_heap *heap, uint32_t i)
{
	struct tide_region *region = tide_region_at(&heap->regions, i);
	if (region == NULL)
		return NULL;
	bool mapped = tide_pagemap_region(tide_load_relaxed(&region->base)) == region;
	return mapped ? region : NULL;
}

static int walk_all(const struct walk *walk)
{
	struct tide_heap *heap = walk->heap;
	int result = 0;
	for (uint32_t i = 0; i < tide_region_count(&heap->regions) && result == 0; i++) {
		struct tide_region *region = region_mapped(heap, i);
		if (region != NULL)
			result = walk_region(walk, region);
	}
	struct tide_large *large = tide_load_acquire(&heap->larges.all); /* large.list */
	for (; large != NULL && result == 0; large = large->all_next) {
		if (tide_large_is_live(large))
			result = show(walk, (void *)tide_load_relaxed(&large->base),
			              tide_load_relaxed(&large->bytes));
	}
	return result;
}

int tide_gc_walk(struct tide_heap *heap, int (*visit)(void *block, size_t bytes, void *context),
                 void *context)
{
	struct walk walk = { heap, visit, context };
	if (!tide_gc_wait(0))
		return 0;
	tide_gc_collect_all(heap);
	int result = walk_all(&walk);
	tide_token_release();
	return result;
}

uint64_t tide_gc_held_bytes(struct tide_heap *heap)
{
	uint64_t granules = 0;
	(void)tide_gc_drain_strays(heap);
	for (uint32_t i = 0; i < tide_region_count(&heap->regions); i++) {
		struct tide_region *region = region_mapped(heap, i);
		if (region != NULL && tide_load_relaxed(&region->tag[0]) != 0)
			granules += tide_frontier_end(region);
	}
	return granules * TIDE_GRANULE_BYTES - tide_load_relaxed(&heap->gc.count.free_set_bytes) +
	       tide_load_relaxed(&heap->gc.dirty_pages) * TIDE_PAGE_BYTES;
}

static uint64_t limit_or_0(_Atomic uint64_t *limit)
{
	uint64_t bytes = tide_load_relaxed(limit);
	return bytes != UINT64_MAX ? bytes : 0;
}

static void stats_of_limit(struct tide_budget *budget, struct tide_heap_stats *stats)
{
	int64_t used = tide_load_relaxed(&budget->used);
	int64_t charged = tide_load_relaxed(&budget->charged);
	stats->charged_bytes = charged > 0 ? (uint64_t)charged : 0;
	stats->counted_bytes = tide_budget_is_on(budget) && used > 0 ? (uint64_t)used : 0;
	stats->soft_bytes = limit_or_0(&budget->soft_bytes);
	stats->hard_bytes = limit_or_0(&budget->hard_bytes);
	stats->refusals = tide_load_relaxed(&budget->refusals);
}

void tide_gc_heap_stats(struct tide_heap *heap, struct tide_heap_stats *stats)
{
	bool held = tide_gc_wait(0);
	*stats = (struct tide_heap_stats){ 0 };
	stats_of_limit(&heap->budget, stats);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		uint64_t bytes = tide_class_bytes(cls);
		uint64_t blocks = tide_heap_blocks_racy(heap, cls) -
		                  tide_load_relaxed(&heap->gc.free_blocks[cls]);
		stats->block_bytes += blocks * bytes;
		stats->queued_bytes += tide_queue_blocks_racy(&heap->queues, cls) * bytes;
	}
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next)
		stats->backlog_bytes += tide_garbage_backlog_racy(&cache->garbage);
	stats->large_bytes = tide_load_relaxed(&heap->larges.live_bytes);
	stats->block_bytes += stats->large_bytes;
	stats->block_bytes -= stats->queued_bytes + stats->backlog_bytes;
	stats->free_set_bytes = tide_load_relaxed(&heap->gc.count.free_set_bytes);
	stats->held_bytes = stats->large_bytes + (held ? tide_gc_held_bytes(heap) : 0);
	stats->mapped_bytes = tide_region_mapped_bytes_racy(&heap->regions) + stats->large_bytes;
	stats->threads = tide_cache_threads_racy(heap);
	if (held)
		tide_token_release();
}
