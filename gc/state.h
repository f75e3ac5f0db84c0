/* What the GC knows. One object, plain fields, no locks: it belongs to whoever holds the GC token,
 * and travels from holder to holder by token.pass. The counters alone are atomic, for statistics.
 *
 * Free memory is found by size first, then by age: for each kind of thing there is a bitmap of the
 * regions that have one, in order of region number, so "the oldest region first" is a
 * find-first-set. Regions are grouped by 64; a group has one word for each kind.
 */
#ifndef TIDE_GC_STATE_H
#define TIDE_GC_STATE_H

#include "atomic.h"
#include "gc.h"
#include "region.h"

struct gc {
	uint32_t regions; /* 1 + highest region number listed */

	/* Free sets: no group below `first` has one. */
	uint64_t chunk_sets[(TIDE_CHUNK_SETS + 63) / 64]; /* sets that are not empty */
	uint32_t chunk_count[TIDE_CHUNK_SETS];
	uint32_t chunk_first[TIDE_CHUNK_SETS];
	uint32_t slab_first[TIDE_CLASS_SMALL_LAST + 1];
	uint64_t free_blocks[TIDE_CLASS_SLOTS]; /* small: free, in no bin */
	uint64_t made_blocks[TIDE_CLASS_SLOTS]; /* carved by the GC, less unmade again */
	uint64_t
	    dirty_pages; /* wholly in free chunks, and holding memory: page_free and not page_clean */
	int64_t
	    slab_fresh_bytes; /* freed into slabs since the last sweep, less what was taken out again */

	/* The clock. */
	uint64_t tick; /* decay ticks so far */
	uint64_t tick_start_ns;
	uint32_t
	    sweep_region; /* regions the sweep has still to visit, from the youngest; 0: done */
	bool sweep_slabs; /* an excess sweep goes through to the end, for pages inside slabs */
	uint64_t sweep_clean_bytes; /* free, and known to hold no memory */
	bool unsettled;             /* something is left to age */
	uint32_t refusals; /* sweeps of a region in a row in which the system took nothing back */
	uint32_t queue_misses[TIDE_CLASS_SLOTS]; /* counters of the queues at the last visit */
	uint32_t queue_fulls[TIDE_CLASS_SLOTS];
	uint32_t queue_fulls_run[TIDE_CLASS_SLOTS];
	uint32_t queue_tick_misses[TIDE_CLASS_SLOTS]; /* misses as of the last tick */
	struct tide_cache *drain_next;                /* where the round of caches goes on */

	/* writers  the token's holder   readers  statistics   order  relaxed: counters  edges  none */
	struct {
		_Atomic uint64_t cycles, inline_steps, drained_blocks, refilled_blocks, merges;
		_Atomic uint64_t returned_bytes, level_grows, level_reclaims;
		_Atomic uint64_t free_set_bytes, purged_bytes, made_bytes;
	} count;
};

TIDE_HIDDEN extern struct gc tide_gc;

/* This process was forked while a frozen thread had the token: nobody will ever be the GC.
 * writers  the child, before it has a second thread   readers  who would wait for the token
 * order    relaxed: a flag of its own                 edges    none */
TIDE_HIDDEN extern _Atomic bool tide_gc_lost;

/* What a step did, so that the loop parks only after a round in which all were idle. */
enum gc_work { GC_IDLE, GC_WORKED };

/* Count the region among those the sweep visits. */
static inline void tide_gc_region_list(struct tide_region *region)
{
	region->listed = true;
	if (tide_gc.regions <= region->index)
		tide_gc.regions = region->index + 1;
}

/* drain.c. Move up to `bins` garbage bins of one cache, or of the next so many in turn, to the free
 * sets. */
TIDE_HIDDEN unsigned tide_gc_drain_cache(struct tide_cache *cache, unsigned bins);
TIDE_HIDDEN unsigned tide_gc_drain_all(unsigned bins, unsigned caches);
/* What is neither in bins nor in garbage: orphans, and the rests of regions left behind. */
TIDE_HIDDEN enum gc_work tide_gc_drain_strays(void);
/* The free blocks of `bin` to the free sets; the bin is empty afterwards. */
TIDE_HIDDEN void tide_gc_drain_bin(struct tide_bin *bin);

/* refill.c. Up to `want` free blocks of the bin's class into the bin. */
TIDE_HIDDEN unsigned tide_gc_refill_bin(struct tide_bin *bin, unsigned want);
/* Serve the queues that readers found empty; adapt the levels. */
TIDE_HIDDEN enum gc_work tide_gc_refill_queues(void);
/* Levels to 0, and all that is queued to the free sets. */
TIDE_HIDDEN void tide_gc_empty_queues(void);
/* Once a tick: levels that saw no miss come down, and what is above them goes to the free sets. */
TIDE_HIDDEN void tide_gc_settle_queues(void);

/* release.c. The decay clock; the sweep it starts; a sweep of everything now. */
TIDE_HIDDEN enum gc_work tide_gc_release_step(unsigned calls);
TIDE_HIDDEN size_t tide_gc_release_all(void);
/* In a process without GC thread: keep free memory under the bound. */
TIDE_HIDDEN void tide_gc_release_excess(void);

#endif
