/* Free sets into bins: for a thread that missed, and into the ready queues. */
#include "freeset.h"
#include "policy.h"
#include "slabset.h"

#include "check.h"
#include "options.h"
#include "pagemap.h"
#include "token.h"
#include "trace.h"
#include "yield.h"

/* Bins put into one queue in one visit, and taken back, so that a visit stays bounded. */
#define BINS_PER_VISIT 8
#define BINS_BACK_PER_VISIT 64

/* A free chunk becomes a medium block. */
static void *chunk_free_to_issued(struct tide_region *region, unsigned first, unsigned cls)
{
	unsigned granules = tide_class_granules(cls);
	tide_gc_chunk_will_be_used(region, first, granules);
	tide_region_tag(region, first, granules, TIDE_TAG_ISSUED);
	void *block = tide_region_address(region, first);
	tide_pagemap_set((uintptr_t)block, 1, tide_heap_page_class(region->heap, cls));
	struct gc *gc = &region->heap->gc;
	tide_count_owned(&gc->made_blocks[cls], 1u);
	tide_count_owned(&gc->count.made_bytes, (uint64_t)tide_class_bytes(cls));
	return block;
}

static TIDE_USUAL void *take_medium(struct tide_heap *heap, unsigned cls, unsigned align)
{
	struct tide_region *region;
	unsigned first;
	if (!tide_gc_chunk_take(heap, tide_class_granules(cls), align, &region, &first))
		return NULL;
	return chunk_free_to_issued(region, first, cls);
}

TIDE_USUAL unsigned tide_gc_refill_bin(struct tide_heap *heap, struct tide_bin *bin, unsigned want)
{
	unsigned taken = 0;
	if (tide_class_is_small(bin->cls)) {
		taken = tide_gc_slab_take(heap, bin, want);
		if (taken == 0 && tide_gc_slab_carve(heap, bin->cls))
			taken = tide_gc_slab_take(heap, bin, want);
	} else {
		void *block;
		while (taken < want && (block = take_medium(heap, bin->cls, 1)) != NULL) {
			tide_bin_add(bin, block);
			taken++;
		}
	}
	tide_count_owned(&heap->gc.count.refilled_blocks, (uint64_t)taken);
	tide_count_owned(&heap->gc.by_class[bin->cls].refilled, (uint64_t)taken);
	return taken;
}

void *tide_gc_chunk_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes)
{
	if (!tide_token_try())
		return NULL;
	(void)tide_gc_drain_cache(cache, BINS_PER_VISIT);
	void *block = take_medium(cache->heap, cls, (unsigned)(align_bytes / TIDE_GRANULE_BYTES));
	tide_token_release();
	return block;
}

static TIDE_USUAL uint32_t bin_blocks_of(unsigned cls)
{
	size_t fit = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES) / tide_class_bytes(cls);
	size_t most = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BLOCKS);
	return fit == 0 ? 1 : (uint32_t)(fit < most ? fit : most);
}

static enum gc_work fill(struct tide_heap *heap, unsigned cls)
{
	struct tide_queues *queues = &heap->queues;
	uint8_t own = tide_lane;
	tide_lane = tide_load_relaxed(&queues->asks[cls]); /* bins and blocks are for that one */
	uint32_t bin_blocks = bin_blocks_of(cls);
	enum gc_work work = GC_IDLE;
	for (int i = 0; i < BINS_PER_VISIT; i++) {
		if (tide_queue_blocks_racy(queues, cls) >= tide_load_relaxed(&queues->level[cls]))
			break;
		struct tide_bin *bin = tide_bin_new(cls, bin_blocks);
		if (bin == NULL)
			break;
		if (tide_gc_refill_bin(heap, bin, bin_blocks) == 0) {
			tide_bin_recycle(bin);
			break;
		}
		TIDE_YIELD("gc.fill");
		tide_queue_push(queues, bin);
		work = GC_WORKED;
	}
	tide_lane = own;
	return work;
}

/* Out of the lane that says it has most; else out of any, since a count may be too high for good. */
static struct tide_bin *pop_fullest(struct tide_queues *queues, unsigned cls)
{
	unsigned fullest = 0;
	uint32_t most = 0;
	for (unsigned lane = 0; lane < tide_lanes_used_racy(); lane++) {
		uint32_t blocks = tide_load_relaxed(&queues->of[lane][cls].blocks);
		if (blocks > most) {
			most = blocks;
			fullest = lane;
		}
	}
	struct tide_bin *bin = tide_queue_pop_from(queues, fullest, cls);
	return bin != NULL ? bin : tide_queue_pop(queues, cls);
}

/* Up to `blocks` out of the queue and into the free sets, in at most so many bins; returns bins. */
static uint32_t take_back(struct tide_heap *heap, unsigned cls, uint32_t blocks, uint32_t bins)
{
	uint32_t taken = 0;
	uint32_t done = 0;
	while (taken < blocks && done < bins) {
		struct tide_bin *bin = pop_fullest(&heap->queues, cls);
		if (bin == NULL)
			break;
		taken += bin->count;
		done++;
		tide_gc_drain_bin(heap, bin);
		tide_bin_recycle(bin);
	}
	return done;
}

/* What is above the level by more than `slack` goes, in at most so many bins; the rest at the next
 * visit. Returns bins: 0 also when there is nothing to take, whatever the count of blocks says,
 * which is too high for good where a thread was lost between raising it and its push. */
static TIDE_USUAL uint32_t lower(struct tide_heap *heap, unsigned cls, uint32_t slack,
                                 uint32_t bins)
{
	uint32_t blocks = tide_queue_blocks_racy(&heap->queues, cls);
	uint32_t level = tide_load_relaxed(&heap->queues.level[cls]);
	if (blocks <= level || blocks - level <= slack)
		return 0;
	uint32_t done = take_back(heap, cls, blocks - level, bins);
	if (done == bins && tide_queue_blocks_racy(&heap->queues, cls) > level + slack)
		tide_queue_attend(&heap->queues, cls);
	return done;
}

uint64_t tide_gc_queued_bytes(struct tide_heap *heap)
{
	uint64_t bytes = 0;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++)
		bytes +=
		    tide_queue_blocks_racy(&heap->queues, cls) * (uint64_t)tide_class_bytes(cls);
	return bytes;
}

/* Without a GC thread nobody empties queues while nobody misses: all levels together are a part of
 * what may be retained. */
static uint64_t most_bytes_alone(struct tide_heap *heap, uint64_t own_bytes)
{
	uint64_t all = 0;
	uint64_t may = tide_gc_retain_bytes(heap) / 4;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++)
		all +=
		    tide_load_relaxed(&heap->queues.level[cls]) * (uint64_t)tide_class_bytes(cls);
	return own_bytes + (may > all ? may - all : 0);
}

/* Medium blocks are many classes' common good, in chunks that merge and are cut: few are kept by
 * class, none for a single thread, whose pool has them. (As many as of small ones, and blocks of
 * 8 to 128 KiB held 1.5 times the memory.) */
static uint64_t most_bytes(struct tide_heap *heap, unsigned cls)
{
	uint64_t most = (uint64_t)tide_option(TIDE_OPTION_QUEUE_MAX_BYTES);
	uint64_t first = (uint64_t)tide_option(TIDE_OPTION_QUEUE_FIRST_BYTES);
	uint64_t few = most;
	if (!tide_class_is_small(cls))
		few = tide_cache_threads_racy(heap) > 1 ? TIDE_QUEUE_MEDIUM_BYTES : first;
	else if (!tide_gc_thread_runs())
		few = most_bytes_alone(heap, tide_load_relaxed(&heap->queues.level[cls]) *
		                                 (uint64_t)tide_class_bytes(cls));
	return few < most ? few : most;
}

/* How many steps a queue may grow that was found empty so often. Where there is no GC thread, also
 * no more than it was found full: what threads lead past it on purpose (slow_free.c) needs no room
 * there, and would take it from other classes. */
static uint32_t steps_to_grow(struct tide_heap *heap, unsigned cls, uint32_t misses)
{
	uint32_t *grown = &heap->gc.queue_fulls_grown[cls];
	if (tide_gc_thread_runs())
		return misses;
	uint32_t fulls = tide_queue_fulls_racy(&heap->queues, cls) - *grown;
	uint32_t steps = misses < fulls ? misses : fulls;
	*grown += steps;
	return steps;
}

/* A queue that was found empty grows, a step for each time; by no more, though, than what of the
 * class went through the free sets since: so much a higher level would have saved. Memory that only
 * grows raises no level, and what comes and goes in turns is soon kept whole. (At a fixed pace to
 * 1 MiB, four threads that build and drop trees took 1.5 times the CPU and twice the memory: while
 * the GC thread was not on a processor, what they had freed waited for it, and they carved.) */
TIDE_USUAL void tide_gc_queue_grow(struct tide_heap *heap, unsigned cls)
{
	struct gc *gc = &heap->gc;
	uint32_t misses = tide_queue_misses_racy(&heap->queues, cls) - gc->queue_misses[cls];
	gc->queue_misses[cls] += misses;
	uint32_t steps = misses > 0 ? steps_to_grow(heap, cls, misses) : 0;
	if (steps == 0)
		return;
	uint64_t through = tide_load_relaxed(&gc->by_class[cls].garbage_drained) +
	                   tide_load_relaxed(&gc->by_class[cls].refilled);
	uint64_t most = most_bytes(heap, cls) / tide_class_bytes(cls);
	uint32_t level = tide_load_relaxed(&heap->queues.level[cls]);
	uint32_t next = tide_gc_policy_grow(
	    level, steps, (uint32_t)tide_option(TIDE_OPTION_QUEUE_GROW_BINS) * bin_blocks_of(cls),
	    through - gc->queue_through[cls], (uint32_t)most);
	gc->queue_through[cls] = through;
	if (next != level) {
		tide_count_owned(&gc->count.level_grows, 1u);
		tide_count_owned(&gc->by_class[cls].level_grows, 1u);
		TIDE_TRACE_EVENT(level, TIDE_TRACE_LEVEL, cls, next);
		tide_store_relaxed(&heap->queues.level[cls], next);
	}
}

static enum gc_work visit(struct tide_heap *heap, unsigned cls)
{
	struct gc *gc = &heap->gc;
	uint32_t fulls = tide_queue_fulls_racy(&heap->queues, cls);
	tide_gc_queue_grow(heap, cls);
	if (lower(heap, cls, BINS_PER_VISIT * bin_blocks_of(cls), BINS_BACK_PER_VISIT) > 0)
		return GC_WORKED;
	if (fulls != gc->queue_fulls[cls]) {
		gc->queue_fulls[cls] = fulls;
		uint32_t blocks = tide_gc_policy_reclaim(
		    tide_queue_blocks_racy(&heap->queues, cls), ++gc->queue_fulls_run[cls],
		    (uint32_t)tide_option(TIDE_OPTION_QUEUE_FULL_COUNT),
		    (uint32_t)tide_option(TIDE_OPTION_QUEUE_RECLAIM_PERCENT));
		if (blocks > 0) {
			gc->queue_fulls_run[cls] = 0;
			tide_count_owned(&gc->count.level_reclaims, 1u);
			tide_count_owned(&gc->by_class[cls].level_shrinks, 1u);
			(void)take_back(heap, cls, blocks, BINS_BACK_PER_VISIT);
		}
		return blocks > 0 ? GC_WORKED : GC_IDLE;
	}
	/* A single thread helps itself: nothing is put ready for it. */
	return tide_cache_threads_racy(heap) > 1 ? fill(heap, cls) : GC_IDLE;
}

/* Levels that saw no miss since the last time come down. */
static TIDE_USUAL void settle(struct tide_heap *heap)
{
	struct gc *gc = &heap->gc;
	/* With a GC thread the rest follows, visit by visit. */
	uint32_t bins = tide_gc_thread_runs() ? BINS_BACK_PER_VISIT : UINT32_MAX;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		uint32_t misses = tide_queue_misses_racy(&heap->queues, cls);
		uint32_t level = tide_load_relaxed(&heap->queues.level[cls]);
		if (misses == gc->queue_tick_misses[cls]) {
			uint32_t settled = tide_gc_policy_settle(level, bin_blocks_of(cls));
			if (settled != level) {
				tide_count_owned(&gc->count.level_settles, 1u);
				tide_count_owned(&gc->by_class[cls].level_shrinks, 1u);
				TIDE_TRACE_EVENT(level, TIDE_TRACE_LEVEL, cls, settled);
			}
			level = settled;
			tide_store_relaxed(&heap->queues.level[cls], level);
		}
		gc->queue_tick_misses[cls] = misses;
		uint32_t done = lower(heap, cls, 0, bins);
		bins -= bins != UINT32_MAX ? done : 0;
		if (!tide_queue_is_empty_racy(&heap->queues, cls))
			gc->unsettled = true;
	}
}

TIDE_USUAL enum gc_work tide_gc_refill_queues(struct tide_heap *heap)
{
	enum gc_work work = GC_IDLE;
	/* Once between two ticks: a queue that serves all who come has no misses either. */
	if (heap->gc.grew && !heap->gc.settled_early) {
		heap->gc.settled_early = true;
		settle(heap);
	}
	heap->gc.grew = false;
	for (unsigned i = 0; i < TIDE_QUEUE_WORDS; i++) {
		_Atomic uint64_t *attention = &heap->queues.attention[i];
		if (tide_load_relaxed(attention) == 0)
			continue;
		uint64_t word = tide_swap_acq_rel(attention, (uint64_t)0);
		for (; word != 0; word &= word - 1) {
			if (visit(heap, i * 64 + (unsigned)__builtin_ctzll(word)) == GC_WORKED)
				work = GC_WORKED;
		}
	}
	return work;
}

void tide_gc_empty_queues(struct tide_heap *heap)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		tide_store_relaxed(&heap->queues.level[cls], 0);
		(void)take_back(heap, cls, UINT32_MAX, UINT32_MAX);
	}
}

void tide_gc_settle_queues(struct tide_heap *heap)
{
	heap->gc.settled_early = false;
	settle(heap);
}
