/* A heap: all that is carved, queued, drained and given back together. The process has one, the
 * default heap.
 *
 * Shared by all heaps: the page map, metadata, options, doorbell, token, the cache of large blocks,
 * bins and slab descriptors that hold nothing.
 *
 * A heap is found from what a function has in hand: a cache, a region (hence a slab, hence any
 * block) point to theirs. What has no such pointer is given its heap, or the part of it that it is
 * about.
 *
 * Touched by  see the headers of the parts
 * Memory      never unmapped
 */
#ifndef TIDE_HEAP_INTERNAL_H
#define TIDE_HEAP_INTERNAL_H

#include "frontier.h"
#include "orphan.h"
#include "queue.h"
#include "region.h"
#include "state.h"

struct tide_cache;

/* The caches of a heap. */
struct tide_roster {
	TIDE_OWN_LINE struct tide_stack parked;
	/* writers  the maker of a cache, by CAS    readers  every thread
	 * order    cas-release, load-acquire       edges    cache.roster */
	_Atomic(struct tide_cache *) all;
	/* Caches that are not parked.
	 * writers every thread  readers every thread  order relaxed: a counter  edges none */
	_Atomic uint32_t threads;
	/* Audit builds: frees by threads that could get no cache, and so have no counter.
	 * writers  such threads   readers  the audit   order  relaxed: counters   edges  none */
	_Atomic uint64_t uncounted_frees[TIDE_CLASS_SLOTS];
};

struct tide_heap {
	struct tide_queues queues;
	struct tide_frontier frontier;
	struct tide_orphans orphans;
	struct tide_roster roster;
	struct gc gc;
	struct tide_regions regions; /* last: it ends in a long table */
};

/* The process's own, from which malloc takes. */
TIDE_HIDDEN extern struct tide_heap tide_heap_default;

#endif
