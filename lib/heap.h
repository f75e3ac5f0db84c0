/* A heap: all that is carved, queued, drained and given back together. The process has one, the
 * default heap; a program may make more (<tide/heap.h>).
 *
 * The pages of those say TIDE_CLASS_HEAP in the page map, a class whose bins are full for ever: so
 * the hit case of free never takes their blocks for its own.
 *
 * Shared by all heaps: the page map, metadata, options, doorbell, token, the cache of large blocks,
 * bins and slab descriptors that hold nothing.
 *
 * A heap is found from what a function has in hand: a cache, a region (hence a slab, hence any
 * block) point to theirs. What has no such pointer is given its heap, or the part of it that it is
 * about.
 *
 * Touched by  see the headers of the parts
 * Memory      type-stable: a destroyed heap waits, with its caches and tables, for the next to be
 *             created. Its generation tells the two apart.
 * Edges       heap.live  creation -> who walks the heaps; heap.list  maker -> who walks the heaps
 */
#ifndef TIDE_HEAP_INTERNAL_H
#define TIDE_HEAP_INTERNAL_H

#include "budget.h"
#include "frontier.h"
#include "large.h"
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
	struct tide_larges larges;
	struct tide_budget budget;
	struct gc gc;

	struct tide_node node; /* destroyed heaps */
	/* Heaps that were ever made, the default heap first.
	 * writers  the maker, by CAS at the default heap's   readers  every thread
	 * order    cas-release, load-acquire                 edges    heap.list */
	_Atomic(struct tide_heap *) next;
	/* writers  who creates and destroys (with the token)   readers  every thread
	 * order    store-release, load-acquire                 edges    heap.live */
	_Atomic bool live;
	/* Times destroyed, and 1.
	 * writers  who destroys      readers  every thread
	 * order    relaxed           edges    none: who uses a heap knows that it is not destroyed
	 *                                     meanwhile */
	_Atomic uint32_t generation;
	uint32_t slot; /* plain: its seat in the threads' tables, for ever */
	/* Plain: set before the heap is used. */
	uint64_t reserve_bytes; /* so much address space is kept */
	bool reserve_touched;   /* and its memory */
	/* The program's function (its tag; 0: none) and that one's context, always of one call.
	 * writers  the program, both by one CAS   readers  every thread at the limit, likewise
	 * order    release, acquire               edges    heap.reclaim: what the context has */
	struct tide_tagged reclaim;

	struct tide_regions regions; /* last: it ends in a long table */
};

/* The process's own, from which malloc takes. */
TIDE_HIDDEN extern struct tide_heap tide_heap_default;

/* The live heap after this one, NULL when there is none; the default heap is the first. */
TIDE_HIDDEN struct tide_heap *tide_heap_next(struct tide_heap *heap);
/* A heap that is not live yet; NULL: no memory, or too many. */
TIDE_HIDDEN struct tide_heap *tide_heap_take(void);
/* Give it back, dismantled. */
TIDE_HIDDEN void tide_heap_recycle(struct tide_heap *heap);

/* Blocks of the class that were carved and not unmade: live, in bins, queues, garbage or free sets.
 * By two counters: while both move it may be off by a slab, also below 0. */
static inline uint64_t tide_heap_blocks_racy(struct tide_heap *heap, unsigned cls)
{
	return tide_frontier_carved_racy(&heap->frontier, cls) +
	       tide_load_relaxed(&heap->gc.made_blocks[cls]);
}

/* What a page says in which a block of class `cls` starts. */
static inline unsigned tide_heap_page_class(const struct tide_heap *heap, unsigned cls)
{
	return heap == &tide_heap_default ? cls : TIDE_CLASS_HEAP;
}

#endif
