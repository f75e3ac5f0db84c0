/* The steps of the GC, for each other. All of it belongs to the holder of the GC token.
 */
#ifndef TIDE_GC_STEP_H
#define TIDE_GC_STEP_H

#include "atomic.h"
#include "gc.h"
#include "heap.h"
#include "regret.h"

/* Nobody will ever be the GC: the process was forked while a frozen thread had the token, or a thread
 * ended with it.
 * writers  fork's child; who can't have the token   readers  who would wait for it
 * order    relaxed: a flag of its own               edges    none */
TIDE_HIDDEN extern _Atomic bool tide_gc_lost;
/* lost.c. Wait for the token, at most timeout_ns (0: for ever); false as well when it is lost. */
TIDE_HIDDEN bool tide_gc_wait(uint64_t timeout_ns);
/* By who can't have the token: see whether its holder is there still; false: it is lost. */
TIDE_HIDDEN bool tide_gc_look_for_holder(void);

/* What a step did, so that the loop parks only after a round in which all were idle. */
enum gc_work { GC_IDLE, GC_WORKED };

/* Count the region among those the sweep visits. */
static inline void tide_gc_region_list(struct tide_region *region)
{
	if (TIDE_LIKELY(region->listed))
		return;
	struct gc *gc = &region->heap->gc;
	region->listed = true;
	if (gc->regions <= region->index)
		gc->regions = region->index + 1;
}

/* drain.c. Move up to `bins` garbage bins of one cache, or of the next so many in turn, to the free
 * sets. */
TIDE_HIDDEN unsigned tide_gc_drain_cache(struct tide_cache *cache, unsigned bins);
TIDE_HIDDEN unsigned tide_gc_drain_all(struct tide_heap *heap, unsigned bins, unsigned caches);
/* What is neither in bins nor in garbage: orphans, and the rests of regions left behind. */
TIDE_HIDDEN enum gc_work tide_gc_drain_strays(struct tide_heap *heap);
/* The free blocks of `bin` to the free sets; the bin is empty afterwards. */
TIDE_HIDDEN void tide_gc_drain_bin(struct tide_heap *heap, struct tide_bin *bin);

/* refill.c. Up to `want` free blocks of the bin's class into the bin. */
TIDE_HIDDEN unsigned tide_gc_refill_bin(struct tide_heap *heap, struct tide_bin *bin,
                                        unsigned want);
/* Serve the queues that readers found empty; adapt the levels. */
TIDE_HIDDEN enum gc_work tide_gc_refill_queues(struct tide_heap *heap);
/* Raise the level of a queue that was found empty. */
TIDE_HIDDEN void tide_gc_queue_grow(struct tide_heap *heap, unsigned cls);
/* Of small classes, in ready queues; never too low. */
TIDE_HIDDEN uint64_t tide_gc_queued_bytes(struct tide_heap *heap);
/* Levels to 0, and all that is queued to the free sets. */
TIDE_HIDDEN void tide_gc_empty_queues(struct tide_heap *heap);
/* Once a tick: levels that saw no miss come down, and what is above them goes to the free sets. */
TIDE_HIDDEN void tide_gc_settle_queues(struct tide_heap *heap);

/* release.c. The decay clock; the sweep it starts; a sweep of everything now. */
TIDE_HIDDEN enum gc_work tide_gc_release_step(struct tide_heap *heap, unsigned calls);
TIDE_HIDDEN size_t tide_gc_release_all(struct tide_heap *heap);
/* All that is in nobody's hands to the free sets. */
TIDE_HIDDEN void tide_gc_collect_all(struct tide_heap *heap);
/* walk.c. Memory of the heap's regions in use or not given back, exact when nobody carves. */
TIDE_HIDDEN uint64_t tide_gc_held_bytes(struct tide_heap *heap);
/* What threads that do nothing have put by, likewise. */
TIDE_HIDDEN void tide_gc_empty_idle(struct tide_heap *heap);
/* What a process without GC thread may keep of free memory. */
TIDE_HIDDEN uint64_t tide_gc_retain_bytes(struct tide_heap *heap);
/* Memory of the heap went back for want of a clock; memory that holds none is to be used. What the
 * program's own heaps do so is theirs: their bound does not rise. */
static inline void tide_gc_gave(struct tide_heap *heap, uint64_t bytes)
{
	if (heap == &tide_heap_default)
		tide_regret_gave(bytes);
}
static inline void tide_gc_need(struct tide_heap *heap, uint64_t bytes)
{
	if (heap == &tide_heap_default)
		tide_regret_need(bytes);
}
/* In a process without GC thread: keep free memory under the bound. */
TIDE_HIDDEN void tide_gc_release_excess(struct tide_heap *heap);

#endif
