/* The audit: every structure walked, every block accounted for. For when other threads stand
 * still. */
#include "freeset.h"
#include "slabset.h"

#include "check.h"
#include "object.h"
#include "token.h"

/* Blocks by class, wherever they are. */
struct tally {
	uint64_t carved, in_bins, in_queues, in_garbage, in_sets;
	int64_t live;
};

static const char *tally_caches(struct tide_heap *heap, struct tally *tally)
{
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++)
		tally[cls].live -= (int64_t)tide_load_relaxed(&heap->roster.uncounted_frees[cls]);
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		if (!tide_cache_is_valid(cache))
			return "a thread's bins are not valid";
		for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
			tally[cls].in_bins += tide_cache_blocks(cache, cls);
			tally[cls].live += (int64_t)tide_load_relaxed(&cache->mallocs[cls]);
			tally[cls].live -= (int64_t)tide_load_relaxed(&cache->frees[cls]);
		}
		struct tide_node *node = tide_load_seq_cst(&cache->garbage.head->node.next);
		for (; node != NULL; node = tide_load_relaxed(&node->next)) {
			struct tide_bin *bin = (struct tide_bin *)node;
			if (!tide_bin_is_valid(bin))
				return "a garbage bin is not valid";
			tally[bin->cls].in_garbage += bin->count;
		}
	}
	return NULL;
}

static const char *tally_queue(struct tide_queue *queue, unsigned cls, struct tally *tally)
{
	uint64_t blocks = 0;
	struct tide_node *node = tide_load_relaxed(&queue->bins.head.pointer);
	for (; node != NULL; node = tide_load_relaxed(&node->next)) {
		struct tide_bin *bin = (struct tide_bin *)node;
		if (bin->cls != cls || !tide_bin_is_valid(bin))
			return "a bin in a ready queue is not valid";
		blocks += bin->count;
	}
	tally->in_queues += blocks;
	return blocks == tide_load_relaxed(&queue->blocks)
	           ? NULL
	           : "a ready queue's count is not what it holds";
}

/* All lanes, whether in use or not. */
static const char *tally_queues(struct tide_heap *heap, struct tally *tally)
{
	const char *wrong = NULL;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		for (unsigned lane = 0; lane < TIDE_LANES && wrong == NULL; lane++)
			wrong = tally_queue(&heap->queues.of[lane][cls], cls, &tally[cls]);
	}
	return wrong;
}

static const char *tally_regions(struct tide_heap *heap, struct tally *tally)
{
	for (uint32_t i = 0; i < heap->gc.regions; i++) {
		struct tide_region *region = tide_region_at(&heap->regions, i);
		if (region == NULL || !region->listed)
			continue;
		unsigned end = tide_frontier_end(region);
		if (!tide_region_is_valid(region, end))
			return "a region's tags do not tile it";
		if (!tide_gc_freeset_is_valid(region, end))
			return "a free set does not match the tags";
		for (unsigned at = 0; at < end;) {
			unsigned tag = tide_load_relaxed(&region->tag[at]);
			if (tag & TIDE_TAG_SLAB) {
				struct tide_slab *slab =
				    tide_load_relaxed(&region->slab[at / TIDE_PAGE_GRANULES]);
				if (slab == NULL || !tide_gc_slab_is_valid(slab))
					return "a slab is not valid";
				tally[slab->cls].in_sets += slab->free_blocks;
			}
			at += tag & TIDE_TAG_GRANULES;
		}
	}
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		if (tally[cls].in_sets != tide_load_relaxed(&heap->gc.free_blocks[cls]))
			return "a class's count of free blocks is not what its slabs hold";
	}
	return NULL;
}

/* Whether the limit is compared with what there is. */
static const char *compare_budget(struct tide_heap *heap, const struct tally *tally)
{
	struct tide_budget *budget = &heap->budget;
	uint64_t due = tide_load_relaxed(&heap->larges.live_bytes);
	if (tide_load_relaxed(&budget->counts_held))
		due += tide_gc_held_bytes(heap);
	if (tide_load_relaxed(&budget->counts_charged))
		due += (uint64_t)tide_load_relaxed(&budget->charged);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		const struct tally *own = &tally[cls];
		if (tide_load_relaxed(&budget->counts_blocks))
			due += (own->carved - own->in_queues - own->in_garbage - own->in_sets) *
			       tide_class_bytes(cls);
	}
	/* Heaps within its limit. */
	struct tide_heap *other = &tide_heap_default;
	for (; other != NULL; other = tide_heap_next(other)) {
		if (other->budget.within == budget)
			due += (uint64_t)tide_load_relaxed(&other->budget.used);
	}
	bool right = (uint64_t)tide_load_relaxed(&budget->used) == due;
	return !tide_budget_is_on(budget) || right ? NULL : "a limit's count is not what there is";
}

static const char *audit(struct tide_heap *heap)
{
	struct tally tally[TIDE_CLASS_SLOTS] = { 0 };
	(void)tide_gc_drain_strays(heap);
	const char *wrong = tally_caches(heap, tally);
	if (wrong == NULL)
		wrong = tally_queues(heap, tally);
	if (wrong == NULL)
		wrong = tally_regions(heap, tally);
	if (wrong != NULL)
		return wrong;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tally *own = &tally[cls];
		own->carved = tide_heap_blocks_racy(heap, cls);
		uint64_t held = own->in_bins + own->in_queues + own->in_garbage + own->in_sets;
		if ((int64_t)(own->carved - held) < 0)
			return "more free blocks of a class than were carved";
		if (TIDE_AUDITED && own->carved - held != (uint64_t)own->live)
			return "carved is not live + bins + queues + garbage + free sets";
	}
	return compare_budget(heap, tally);
}

const char *tide_gc_audit(void)
{
	if (!tide_gc_wait(0)) /* nobody gives the token back, and it was half done */
		return "the GC was lost";
	const char *wrong = NULL;
	struct tide_heap *heap = &tide_heap_default;
	for (; heap != NULL && wrong == NULL; heap = tide_heap_next(heap))
		wrong = audit(heap);
	tide_token_release();
	if (wrong == NULL)
		wrong = tide_object_audit();
	return wrong;
}
