/* The snapshot, the GC controls and the version: what a program asks Tide about itself. */
#include <malloc.h>
#include <tide/stats.h>

#include "alias.h"
#include "cache.h"
#include "doorbell.h"
#include "gc.h"
#include "heap.h"
#include "large.h"
#include "meta.h"

#include <errno.h>
#include <string.h>

static void add_gc(struct tide_stats *all, struct tide_heap *heap)
{
	struct tide_gc_counts gc;
	tide_gc_counts_read(heap, &gc);
	all->carved_bytes += gc.made_bytes;
	all->free_set_bytes += gc.free_set_bytes;
	all->purged_bytes += gc.purged_bytes;
	all->gc_cycles += gc.cycles;
	all->gc_inline_steps += gc.inline_steps;
	all->gc_drained_blocks += gc.drained_blocks;
	all->gc_refilled_blocks += gc.refilled_blocks;
	all->gc_merges += gc.merges;
	all->gc_returned_bytes += gc.returned_bytes;
	all->level_grows += gc.level_grows;
	all->level_reclaims += gc.level_reclaims;
}

static void add_heap(struct tide_stats *all, struct tide_heap *heap)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tide_queue *queue = &heap->queues.of[cls];
		uint64_t bytes = tide_class_bytes(cls);
		all->carved_bytes += tide_frontier_carved_racy(&heap->frontier, cls) * bytes;
		all->queued_bytes += tide_load_relaxed(&queue->blocks) * bytes;
		all->queue_level_bytes += tide_load_relaxed(&queue->level) * bytes;
		all->queue_misses += tide_load_relaxed(&queue->misses);
	}
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next)
		all->backlog_bytes += tide_garbage_backlog_racy(&cache->garbage);
	all->mapped_bytes += tide_region_mapped_bytes_racy(&heap->regions);
	all->regions_mapped += tide_load_relaxed(&heap->regions.maps);
	all->regions_unmapped += tide_load_relaxed(&heap->regions.unmaps);
	add_gc(all, heap);
}

void tide_stats_read(struct tide_stats *stats, size_t size)
{
	struct tide_stats all = { 0 };
	/* Destroyed ones as well: nothing is in them, but what they counted stays true. */
	struct tide_heap *heap = &tide_heap_default;
	for (; heap != NULL; heap = tide_load_acquire(&heap->next)) /* heap.list */
		add_heap(&all, heap);
	all.large_bytes = tide_large_live_bytes_racy();
	all.gc_container_purges = tide_gc_container_purges_racy();
	all.large_cached_bytes = tide_large_cached_bytes_racy();
	all.mapped_bytes += all.large_bytes + all.large_cached_bytes;
	all.metadata_bytes = tide_meta_bytes_racy();
	all.gc_wakes = tide_load_relaxed(&tide_doorbell.wakes);
	all.threads = tide_cache_threads_racy(&tide_heap_default);
	all.gc_thread_runs = tide_gc_thread_runs();
	memcpy(stats, &all, size < sizeof all ? size : sizeof all);
	if (size > sizeof all)
		memset((char *)stats + sizeof all, 0, size - sizeof all);
}

struct mallinfo2 tide_mallinfo2(void)
{
	struct tide_stats stats;
	struct mallinfo2 info = { 0 };
	tide_stats_read(&stats, sizeof stats);
	uint64_t not_live = stats.queued_bytes + stats.backlog_bytes + stats.free_set_bytes;
	uint64_t small = stats.mapped_bytes - stats.large_bytes - stats.large_cached_bytes;
	info.arena = small;
	info.hblkhd = stats.large_bytes;
	info.uordblks = stats.carved_bytes > stats.queued_bytes + stats.backlog_bytes
	                    ? stats.carved_bytes - stats.queued_bytes - stats.backlog_bytes
	                    : 0;
	info.fordblks = not_live < small ? not_live : small;
	info.keepcost =
	    stats.free_set_bytes -
	    (stats.purged_bytes < stats.free_set_bytes ? stats.purged_bytes : stats.free_set_bytes);
	return info;
}
TIDE_ALIAS(struct mallinfo2, mallinfo2, tide_mallinfo2, void);

int tide_gc_start(void)
{
	return tide_gc_thread_start();
}

int tide_gc_stop(void)
{
	return tide_gc_thread_stop();
}

int tide_gc_step(void)
{
	return tide_gc_step_once();
}

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *tide_version(void)
{
	return STRING(TIDE_VERSION_MAJOR) "." STRING(TIDE_VERSION_MINOR) "." STRING(
	    TIDE_VERSION_PATCH);
}
