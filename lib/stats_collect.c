#include "stats_collect.h"

#include "cache.h"
#include "doorbell.h"
#include "gc.h"
#include "heap.h"
#include "large.h"
#include "meta.h"
#include "options.h"
#include "token.h"

#include <string.h>

/* Blocks that may be between two places while we look, for each thread: a bin at each end. */
#define BLOCKS_IN_TRANSIT (4u * TIDE_BIN_SLOTS)

struct collection {
	struct tide_stats *all;
	struct tide_stats_snapshot *snapshot; /* or NULL */
	const struct tide_heap *listed[TIDE_STATS_HEAPS];
	struct tide_stats_heap heap[TIDE_STATS_HEAPS];
	unsigned heaps;
	bool balanced;
};

static struct tide_stats_heap *entry_of(struct collection *to, const struct tide_heap *heap)
{
	for (unsigned i = 0; i < to->heaps; i++) {
		if (to->listed[i] == heap)
			return &to->heap[i];
	}
	return NULL;
}

static uint64_t limit_or_0(_Atomic uint64_t *limit)
{
	uint64_t bytes = tide_load_relaxed(limit);
	return bytes != UINT64_MAX ? bytes : 0;
}

static uint64_t or_0(int64_t number)
{
	return number > 0 ? (uint64_t)number : 0;
}

static void list_heap(struct collection *to, struct tide_heap *heap)
{
	if (to->heaps == TIDE_STATS_HEAPS)
		return;
	bool limited = tide_budget_is_on(&heap->budget);
	to->listed[to->heaps] = heap;
	to->heap[to->heaps++] = (struct tide_stats_heap){
		.heap = heap == &tide_heap_default ? 0 : heap->slot + 1,
		.large_bytes = tide_load_relaxed(&heap->larges.live_bytes),
		.free_set_bytes = tide_load_relaxed(&heap->gc.count.free_set_bytes),
		.purged_bytes = tide_load_relaxed(&heap->gc.count.purged_bytes),
		.mapped_bytes = tide_region_mapped_bytes_racy(&heap->regions),
		.threads = tide_cache_threads_racy(heap),
		.counted_bytes = limited ? or_0(tide_load_relaxed(&heap->budget.used)) : 0,
		.charged_bytes = or_0(tide_load_relaxed(&heap->budget.charged)),
		.soft_bytes = limit_or_0(&heap->budget.soft_bytes),
		.hard_bytes = limit_or_0(&heap->budget.hard_bytes),
		.returned_bytes = tide_load_relaxed(&heap->gc.count.returned_bytes),
	};
}

/* Class `cls` of one heap, added to `sum`. */
static void add_class(struct collection *to, struct tide_heap *heap, unsigned cls,
                      struct tide_stats_class *sum)
{
	struct gc *gc = &heap->gc;
	uint64_t bytes = tide_class_bytes(cls);
	uint64_t published = 0;
	uint64_t binned = 0;
	unsigned caches = 0;

	/* Taken out before put in, so that it is never negative. */
	uint64_t drained = tide_load_relaxed(&gc->by_class[cls].garbage_drained);
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next, caches++) {
		struct tide_cache_counts *counts = &cache->counts[cls];
		published += tide_load_relaxed(&counts->garbage_blocks);
		binned += tide_load_relaxed(&cache->binned[cls]);
		sum->swaps += tide_load_relaxed(&counts->swaps);
		sum->from_queue += tide_load_relaxed(&counts->from_queue);
		sum->from_gc += tide_load_relaxed(&counts->from_gc);
		sum->from_frontier += tide_load_relaxed(&counts->from_frontier);
		sum->to_queue += tide_load_relaxed(&counts->to_queue);
		sum->to_garbage += tide_load_relaxed(&counts->to_garbage);
		sum->over_level += tide_load_relaxed(&counts->over_level);
	}
	uint64_t queued = tide_queue_blocks_racy(&heap->queues, cls);
	uint64_t garbage = published > drained ? published - drained : 0;
	uint64_t in_sets = tide_load_relaxed(&gc->free_blocks[cls]);
	uint64_t carved = tide_heap_blocks_racy(heap, cls);
	int64_t handed_out = (int64_t)(carved - in_sets - queued - garbage);
	if (handed_out < -(int64_t)(BLOCKS_IN_TRANSIT * (caches + 1)))
		to->balanced = false;
	uint64_t in_hands = or_0(handed_out);
	if (binned > in_hands)
		binned = in_hands;

	sum->live_blocks += in_hands - binned;
	sum->bin_blocks += binned;
	sum->queued_blocks += queued;
	sum->garbage_blocks += garbage;
	sum->free_blocks += in_sets;
	sum->held_bytes += or_0((int64_t)carved) * bytes;
	if (tide_class_is_small(cls))
		sum->purged_bytes +=
		    tide_load_relaxed(&gc->slab_purged_pages[cls]) * TIDE_PAGE_BYTES;
	sum->level_blocks += tide_load_relaxed(&heap->queues.level[cls]);
	sum->queue_misses += tide_queue_misses_racy(&heap->queues, cls);
	sum->queue_fulls += tide_queue_fulls_racy(&heap->queues, cls);
	sum->level_grows += tide_load_relaxed(&gc->by_class[cls].level_grows);
	sum->level_shrinks += tide_load_relaxed(&gc->by_class[cls].level_shrinks);
	sum->drained_blocks += drained;
	sum->refilled_blocks += tide_load_relaxed(&gc->by_class[cls].refilled);

	struct tide_stats_heap *entry = entry_of(to, heap);
	if (entry != NULL) {
		entry->live_bytes += (in_hands - binned) * bytes;
		entry->bin_bytes += binned * bytes;
		entry->queued_bytes += queued * bytes;
		entry->backlog_bytes += garbage * bytes;
	}
}

/* Whether anything was ever done in the class; its level is set from the start. */
static bool is_used(const struct tide_stats_class *own)
{
	return own->held_bytes != 0 || own->from_queue != 0 || own->from_gc != 0 ||
	       own->from_frontier != 0 || own->to_queue != 0 || own->to_garbage != 0;
}

static void collect_class(struct collection *to, unsigned cls)
{
	struct tide_stats *all = to->all;
	struct tide_stats_class own = { .block_bytes = tide_class_bytes(cls) };
	/* Destroyed ones as well: nothing is in them, but what they counted stays true. */
	struct tide_heap *heap = &tide_heap_default;
	for (; heap != NULL; heap = tide_load_acquire(&heap->next)) /* heap.list */
		add_class(to, heap, cls, &own);

	all->live_bytes += own.live_blocks * own.block_bytes;
	all->bin_bytes += own.bin_blocks * own.block_bytes;
	all->carved_bytes += own.held_bytes;
	all->queued_bytes += own.queued_blocks * own.block_bytes;
	all->queue_level_bytes += own.level_blocks * own.block_bytes;
	all->slab_free_bytes += own.free_blocks * own.block_bytes;
	all->slab_purged_bytes += own.purged_bytes;
	all->queue_misses += own.queue_misses;
	all->swaps += own.swaps;
	all->from_queue += own.from_queue;
	all->from_gc += own.from_gc;
	all->from_frontier += own.from_frontier;
	all->to_queue += own.to_queue;
	all->to_garbage += own.to_garbage;
	all->over_level += own.over_level;
	if (to->snapshot != NULL && is_used(&own))
		to->snapshot->of_class[to->snapshot->class_count++] = own;
}

static void list_thread(struct collection *to, struct tide_cache *cache, uint64_t number)
{
	struct tide_stats_snapshot *snapshot = to->snapshot;
	uint32_t thread_id = tide_cache_thread_id(tide_load_relaxed(&cache->owner));
	if (snapshot == NULL || thread_id == 0 || snapshot->thread_count == TIDE_STATS_THREADS)
		return;
	struct tide_stats_thread own = {
		.thread_id = thread_id,
		.heap = number,
		.slow_calls = tide_load_relaxed(&cache->slow_calls),
		.backlog_bytes = tide_garbage_backlog_racy(&cache->garbage),
		.failures = tide_load_relaxed(&cache->failures),
	};
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tide_cache_counts *counts = &cache->counts[cls];
		own.bin_bytes += tide_load_relaxed(&cache->binned[cls]) * tide_class_bytes(cls);
		own.swaps += tide_load_relaxed(&counts->swaps);
		own.from_queue += tide_load_relaxed(&counts->from_queue);
		own.from_gc += tide_load_relaxed(&counts->from_gc);
		own.from_frontier += tide_load_relaxed(&counts->from_frontier);
		own.to_queue += tide_load_relaxed(&counts->to_queue);
		own.to_garbage += tide_load_relaxed(&counts->to_garbage);
		own.over_level += tide_load_relaxed(&counts->over_level);
	}
	snapshot->thread[snapshot->thread_count++] = own;
}

static void collect_heap(struct collection *to, struct tide_heap *heap)
{
	struct tide_stats *all = to->all;
	bool live = heap == &tide_heap_default || tide_load_acquire(&heap->live); /* heap.live */
	uint64_t number = heap == &tide_heap_default ? 0 : heap->slot + 1;
	struct tide_gc_counts gc;
	tide_gc_counts_read(heap, &gc);
	if (live) {
		list_heap(to, heap);
		all->heaps++;
	}
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		all->backlog_bytes += tide_garbage_backlog_racy(&cache->garbage);
		all->failures += tide_load_relaxed(&cache->failures);
		list_thread(to, cache, number);
	}
	all->mapped_bytes += tide_region_mapped_bytes_racy(&heap->regions);
	all->regions_mapped += tide_load_relaxed(&heap->regions.maps);
	all->regions_unmapped += tide_load_relaxed(&heap->regions.unmaps);
	all->free_set_bytes += gc.free_set_bytes;
	all->purged_bytes += gc.purged_bytes;
	all->chunk_dirty_bytes += tide_load_relaxed(&heap->gc.dirty_pages) * TIDE_PAGE_BYTES;
	all->gc_cycles += gc.cycles;
	all->gc_inline_steps += gc.inline_steps;
	all->gc_drained_blocks += gc.drained_blocks;
	all->gc_refilled_blocks += gc.refilled_blocks;
	all->gc_merges += gc.merges;
	all->gc_returned_bytes += gc.returned_bytes;
	all->level_grows += gc.level_grows;
	all->level_reclaims += gc.level_reclaims;
	all->level_settles += tide_load_relaxed(&heap->gc.count.level_settles);
	all->gc_ticks += tide_load_relaxed(&heap->gc.count.ticks);
	all->gc_purges += tide_load_relaxed(&heap->gc.count.purges);
	all->gc_refusals += tide_load_relaxed(&heap->gc.count.refusals);
}

static void collect_thread(struct collection *to)
{
	struct tide_stats *all = to->all;
	struct tide_gc_thread_counts *gc = &tide_gc_thread_counts;
	all->gc_wakes = tide_load_relaxed(&tide_doorbell.wakes);
	all->gc_container_purges = tide_gc_container_purges_racy();
	all->gc_thread_runs = tide_gc_thread_runs();
	all->gc_state = tide_load_relaxed(&gc->state);
	all->gc_seen_ns = tide_load_relaxed(&gc->seen_ns);
	all->gc_steps = tide_load_relaxed(&gc->steps);
	all->gc_step_ns = tide_load_relaxed(&gc->step_ns);
	all->gc_step_max_ns = tide_load_relaxed(&gc->step_max_ns);
	all->gc_cpu_ns = tide_load_relaxed(&gc->cpu_ns);
	if (to->snapshot == NULL)
		return;
	for (unsigned i = 0; i < TIDE_STATS_STEP_TIMES; i++)
		to->snapshot->gc_step_times[i] = tide_load_relaxed(&gc->step_times[i]);
}

static void collect_all(struct collection *to)
{
	struct tide_stats *all = to->all;
	struct tide_heap *heap = &tide_heap_default;
	for (; heap != NULL; heap = tide_load_acquire(&heap->next)) /* heap.list */
		collect_heap(to, heap);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++)
		collect_class(to, cls);
	collect_thread(to);

	all->large_bytes = tide_large_live_bytes_racy();
	all->large_blocks = tide_large_live_blocks_racy();
	all->large_cached_bytes = tide_large_cached_bytes_racy();
	all->mapped_bytes += all->large_bytes + all->large_cached_bytes;
	all->live_bytes += all->large_bytes;
	all->metadata_bytes = tide_meta_bytes_racy();
	all->threads = tide_cache_threads_racy(&tide_heap_default);
	all->chunk_free_bytes = all->free_set_bytes > all->slab_free_bytes
	                            ? all->free_set_bytes - all->slab_free_bytes
	                            : 0;
	/* As of the last sweep; what it found may be in use again, or given back whole. */
	if (all->purged_bytes > all->free_set_bytes)
		all->purged_bytes = all->free_set_bytes;
	if (all->slab_purged_bytes > all->slab_free_bytes)
		all->slab_purged_bytes = all->slab_free_bytes;
	all->resident_bytes = all->carved_bytes - all->slab_purged_bytes + all->chunk_dirty_bytes +
	                      all->large_bytes + all->large_cached_bytes;
}

void tide_stats_collect(struct tide_stats *all, struct tide_stats_snapshot *snapshot)
{
	struct collection to = { .all = all, .snapshot = snapshot, .balanced = true };
	*all = (struct tide_stats){ 0 };
	if (snapshot != NULL)
		snapshot->thread_count = snapshot->class_count = 0;
	/* Totals alone are read often: they must not keep a thread that misses from the token. */
	bool settled = snapshot != NULL && tide_token_try();
	collect_all(&to);
	if (settled)
		tide_token_release();
	if (snapshot == NULL)
		return;
	memcpy(snapshot->heap, to.heap, to.heaps * sizeof to.heap[0]);
	snapshot->heap_count = to.heaps;
	snapshot->settled = settled;
	/* While the GC takes blocks from one place to another nothing can be said. */
	snapshot->balanced = to.balanced || !settled;
	snapshot->taken_ns = tide_os_clock_ns();
	snapshot->decay_ms = (uint64_t)tide_option(TIDE_OPTION_DECAY_MS);
	snapshot->process_id = tide_os_process_id();
	snapshot->library =
	    (uint64_t)TIDE_VERSION_MAJOR << 32 | TIDE_VERSION_MINOR << 16 | TIDE_VERSION_PATCH;
	snapshot->bytes = sizeof *snapshot;
	snapshot->layout = TIDE_STATS_LAYOUT;
}
