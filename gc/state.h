/* What the GC knows of a heap. One object, plain fields, no locks: it belongs to whoever holds the
 * GC token, and travels from holder to holder by token.pass. The counters alone are atomic, for
 * statistics.
 *
 * Free memory is found by size first, then by age: for each kind of thing there is a bitmap of the
 * regions that have one, in order of region number, so "the oldest region first" is a
 * find-first-set. Regions are grouped by 64; a group has one word for each kind.
 */
#ifndef TIDE_GC_STATE_H
#define TIDE_GC_STATE_H

#include "atomic.h"
#include "region.h"

struct tide_cache;

struct gc {
	uint32_t regions; /* 1 + highest region number listed */

	/* Free sets: no group below `first` has one. */
	uint64_t chunk_sets[(TIDE_CHUNK_SETS + 63) / 64]; /* sets that are not empty */
	uint32_t chunk_count[TIDE_CHUNK_SETS];
	uint32_t chunk_first[TIDE_CHUNK_SETS];
	uint32_t slab_first[TIDE_CLASS_SMALL_LAST + 1];
	/* Free in slabs, and not so at the last sweep: put there, or a chunk then; less what was
	 * taken out since. And how much of that was before the sweep that is going on. */
	int64_t slab_fresh_bytes, sweep_fresh_bytes;

	/* The clock. */
	uint64_t tick; /* decay ticks so far */
	uint64_t tick_start_ns;
	/* Regions the sweep has still to visit, from the youngest; 0: done. */
	uint32_t sweep_region;
	bool sweep_slabs; /* an excess sweep goes through to the end, for pages inside slabs */
	uint64_t sweep_clean_bytes; /* free, and known to hold no memory */
	uint32_t sweep_slab_pages[TIDE_CLASS_SMALL_LAST + 1]; /* the part of it inside slabs */
	bool unsettled;                                       /* something is left to age */
	/* Ticks in a row at which a mapping was left that the system will not have. */
	uint32_t discards;
	uint32_t refusals; /* sweeps of a region in a row in which the system took nothing back */
	uint32_t queue_misses[TIDE_CLASS_SLOTS]; /* counters of the queues at the last visit */
	uint32_t queue_fulls[TIDE_CLASS_SLOTS];
	uint32_t queue_fulls_run[TIDE_CLASS_SLOTS];
	uint64_t queue_through[TIDE_CLASS_SLOTS];     /* blocks drained and refilled by then */
	uint32_t queue_fulls_grown[TIDE_CLASS_SLOTS]; /* of the fulls, those a step was made for */
	/* A region was used up: what queues have too much of is wanted elsewhere; and levels were
	 * lowered for that since the last tick. */
	bool grew, settled_early;
	uint32_t queue_tick_misses[TIDE_CLASS_SLOTS]; /* misses as of the last tick */
	uint32_t put_bins;                            /* by tide_gc_put so far */
	struct tide_cache *drain_next;                /* where the round of caches goes on */

	/* writers  the token's holder   readers  statistics
	 * order    relaxed: counters    edges    none */
	struct {
		_Atomic uint64_t cycles, inline_steps, drained_blocks, refilled_blocks, merges;
		_Atomic uint64_t returned_bytes, level_grows, level_reclaims;
		_Atomic uint64_t free_set_bytes, purged_bytes, made_bytes;
		_Atomic uint64_t ticks, purges, refusals, level_settles;
	} count;
	/* Likewise: how much there is, and of each class. */
	_Atomic uint64_t free_blocks[TIDE_CLASS_SLOTS]; /* small: free, in no bin */
	_Atomic uint64_t made_blocks[TIDE_CLASS_SLOTS]; /* carved by the GC, less unmade again */
	/* Wholly in free chunks, and holding memory: page_free and not page_clean. */
	_Atomic uint64_t dirty_pages;
	/* Likewise, by class: never reset. */
	struct gc_class_counts {
		_Atomic uint64_t garbage_drained; /* blocks out of garbage bins */
		_Atomic uint64_t refilled;        /* blocks into bins */
		_Atomic uint64_t level_grows, level_shrinks;
	} by_class[TIDE_CLASS_SLOTS];
	/* Pages inside slabs that hold no memory, as of the last whole sweep. */
	_Atomic uint64_t slab_purged_pages[TIDE_CLASS_SMALL_LAST + 1];
};

#endif
