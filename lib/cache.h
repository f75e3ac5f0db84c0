/* A thread's cache: for each class a ready bin, which malloc pops and free pushes, and a pending
 * bin, the spare that is swapped in when the ready bin is empty or full.
 *
 * A thread without a cache points at `tide_cache_of_none`, in which every bin is empty and full at
 * once and which is never written: its first malloc or free misses like any other, and no path asks
 * "initialised?". The same trick takes NULL, large blocks and foreign pointers off the fast path:
 * their classes have that bin for ever.
 *
 * Touched by  its thread; when parked, whoever takes it from the parked stack (a new thread, or
 *             the holder of the GC token, which empties it); the consuming end of `garbage` and
 *             the atomic fields, and between slow calls the pending bins of an idle thread and
 *             anybody's stashes, by the token's holder at any time
 * Life        made once, never unmapped. A thread that ends parks its cache with the bins still in
 *             it, so that the next thread starts warm; the GC's clock empties parked caches.
 *             A cache whose thread ended without notice is adopted by the GC.
 * Weak order  the owner's plain fields are read by others only after stack.hand, after the swap
 *             that takes the pending bins, or when the kernel says that the owner is gone
 *             (tide_fence_after_system)
 * Edges       stack.hand (parking), garbage.hand, cache.roster: maker -> who walks all caches,
 *             cache.pending, cache.depart: a thread that leaves -> who destroys the heap
 */
#ifndef TIDE_CACHE_H
#define TIDE_CACHE_H

#include "compiler.h"
#include "garbage.h"
#include "pagemap.h"
#include "stash.h"
#include "yield.h"

struct tide_heap;
struct tide_object_table;
struct tide_backtrace_memo;

/* A thread's cache in a heap, as long as the heap is of that generation. */
struct tide_seat {
	struct tide_cache *cache;
	uint32_t generation;
};

/* How bins of a class came and went, so that statistics cost nothing but where bins move.
 * writers  the cache's owner   readers  statistics   order  relaxed: counters   edges  none */
struct tide_cache_counts {
	_Atomic uint64_t
	    swaps; /* ready and pending bin changed places, or it was filled from the stash */
	_Atomic uint64_t from_queue;    /* misses served by a bin of the ready queue */
	_Atomic uint64_t from_gc;       /* by the free sets, under the token */
	_Atomic uint64_t from_frontier; /* by fresh memory */
	_Atomic uint64_t to_queue;      /* full bins to the ready queue */
	_Atomic uint64_t over_level; /* the same beyond its level, since the GC did not keep up */
	_Atomic uint64_t to_garbage; /* to the garbage bin */
	_Atomic uint64_t garbage_blocks;
};

struct tide_cache {
	/* Last block of the ready bin of each class, and in profile mode of the bin for returns
	 * (pagemap.h). First, so that its offset costs no instruction. */
	void **top[TIDE_PLACES];
	/* The page map's window, copied when the cache gets an owner: the hit case of free then has
	 * all it needs in plain fields of its own. */
	uintptr_t near_base, near_pages;
	_Atomic uint8_t *near_map;

	struct tide_heap *heap; /* plain: for ever */
	struct tide_bin *ready[TIDE_PLACES];
	struct tide_bin *pending[TIDE_CLASS_SLOTS];
	struct tide_stash stash[TIDE_STASH_LAST + 1];
	uint8_t capacity[TIDE_CLASS_SLOTS]; /* of the next bin; 0: not set yet */
	uint8_t misses[TIDE_CLASS_SLOTS];   /* since the capacity last changed */
	uint8_t spills[TIDE_CLASS_SLOTS];   /* full bins to garbage since the last miss */
	uint8_t fulls;                      /* full bins, to look into every so many */
	uint32_t guard_countdown;           /* calls that miss, to the next guarded block */
	uint8_t help_countdown;             /* slow calls until the next look at the clock */
	uint8_t threaded_misses;            /* misses while other threads used the allocator */
	bool has_pending;                   /* in this slow call the pending bins are the owner's */
	bool in_slow;                       /* the owner is in a slow call */
	/* Pending bins got blocks since the GC last took all, and slow_calls says so.
	 * writers  who has the pending bins   readers  the same   edges  cache.pending */
	bool noted;
	uint8_t lane;    /* of who has it; only in the default heap */
	bool in_reclaim; /* the program's function is making room (limit.c) */
	/* Profile mode (sample.h): allocations of the class that are not in the ready bin and yet
	 * to come before the next sample, and 1; 0: not drawn yet. The same for all others in
	 * bytes. */
	uint32_t countdown[TIDE_CLASS_BINNED_LAST + 1];
	uint64_t countdown_bytes;
	uint64_t sample_random;
	struct tide_backtrace_memo *backtrace; /* NULL: none yet */
	uint64_t pool_bytes;                   /* in pending bins of medium classes */
	uint64_t pooled[3];                    /* of those, which may have blocks (pool.c) */
	uint64_t unrung_bytes;                 /* published or freshly carved since the last ring */
	uint32_t seats_used;                   /* of `seats`: no seat from here on is taken */
	struct tide_seat *seats; /* the thread's caches in other heaps (seat.h), or NULL */

	/* The thread's bins for object caches, in its cache in the default heap; NULL: none yet.
	 * writers  the owner, once   readers  the token's holder
	 * order    release, acquire  edges    object.table */
	_Atomic(struct tide_object_table *) objects;

	struct tide_garbage garbage;

	/* Owner: times taken from the parked stack << 32 | thread id, the latter 0 when parked. The
	 * count keeps "this thread is gone" from being believed of a later owner with the same id.
	 * writers  the owner; who adopts, by CAS   readers  the GC
	 * order    relaxed: a thread that is gone writes nothing more  edges none */
	_Atomic uint64_t owner;
	struct tide_node node; /* parked caches; what adoption writes is in one page, mostly */
	/* Whether somebody is at pending bins and stashes: the owner in a slow call, or the GC, to
	 * take what a thread does not need or, as it seems idle, has. Nobody waits for it: who
	 * finds it taken does without.
	 * writers  both, by swap; its taker       readers  the same
	 * order    swap acq-rel, store-release    edges    cache.pending: from one to the next */
	_Atomic bool pending_taken;
	/* Slow calls so far, and more.
	 * writers  the owner    readers  the GC
	 * order    seq_cst where pending bins got blocks for the first time since the GC last took
	 *          all (`noted`), and before the GC sleeps; else relaxed
	 * edges    none: a third half of doorbell.state */
	_Atomic uint32_t slow_calls;
	/* Plain, the token's: how many there were at the last tick, and when the bins were
	 * taken. */
	uint32_t calls_at_tick, calls_at_take;
	/* Blocks in ready bin, pending bin and stash when the owner last had a look (a miss). Who
	 * empties the bins writes as well: the last one counts.
	 * writers  the owner, the token's holder   readers  statistics   order  relaxed: a hint
	 * edges    none */
	_Atomic uint32_t binned[TIDE_CLASS_SLOTS];
	/* Allocations that found no memory.
	 * writers  the owner   readers  statistics   order  relaxed: a counter   edges  none */
	_Atomic uint64_t failures;

	/* A thread has used it since it was last emptied.
	 * writers  who takes it from the parked stack   readers  the same   order relaxed
	 * edges    none: it travels by stack.hand */
	_Atomic bool used;
	struct tide_cache *all_next; /* plain: written before cache.roster */

	/* Last, the small classes first of each: what a thread doesn't use is not touched, and most
	 * threads get along with two pages of all this. */
	struct tide_cache_counts counts[TIDE_CLASS_SLOTS];
	/* Audit builds: calls by class.
	 * writers  the owner   readers  the audit   order  relaxed: counters   edges  none */
	_Atomic uint64_t mallocs[TIDE_CLASS_SLOTS];
	_Atomic uint64_t frees[TIDE_CLASS_SLOTS];
};

static inline struct tide_cache *tide_cache_of_node(struct tide_node *node)
{
	return node != NULL ? (void *)((char *)node - offsetof(struct tide_cache, node)) : NULL;
}

/* The thread's cache in the heap of that slot; NULL: none, or in a heap that was destroyed. */
TIDE_INLINE struct tide_cache *tide_cache_seated(const struct tide_cache *self, uint32_t slot,
                                                 uint32_t generation)
{
	if (TIDE_UNLIKELY(slot >= self->seats_used))
		return NULL;
	const struct tide_seat *seat = &self->seats[slot];
	return TIDE_LIKELY(seat->generation == generation) ? seat->cache : NULL;
}

/* The cache of a thread that has none: as much of one as anybody reads of it, and not the counts,
 * which would be memory of every process. */
struct tide_no_cache {
	_Alignas(struct tide_cache) void **top[TIDE_PLACES];
	char rest[offsetof(struct tide_cache, counts) - TIDE_PLACES * sizeof(void **)];
};
TIDE_HIDDEN extern struct tide_no_cache tide_cache_of_none;
#define TIDE_CACHE_NONE ((struct tide_cache *)(void *)&tide_cache_of_none)
TIDE_HIDDEN extern TIDE_THREAD_LOCAL struct tide_cache *tide_cache_self;
/* This is the GC thread, which never gets a cache. */
TIDE_HIDDEN extern TIDE_THREAD_LOCAL bool tide_cache_is_of_gc;

/* A cache of the heap for the calling thread, parked or new; NULL when there is no memory. */
TIDE_HIDDEN struct tide_cache *tide_cache_unpark(struct tide_heap *heap, uint32_t thread_id);
/* Give it up, bins and all. */
TIDE_HIDDEN void tide_cache_park(struct tide_cache *cache);
/* The same, unless somebody else did: a thread that ends and who destroys the heap may meet. */
TIDE_HIDDEN bool tide_cache_park_of(struct tide_cache *cache, uint64_t owner);
/* Park the cache of a thread that is gone; false: it has another owner by now. Token's holder. */
TIDE_HIDDEN bool tide_cache_adopt(struct tide_cache *cache, uint64_t owner);
/* Park all but that of the surviving thread, whose id is a new one; also those that a thread was
 * about to park or to take. Returns whether another thread had a cache. For the only thread of a
 * forked process; bins and counts that are as they should be are not written to. */
TIDE_HIDDEN bool tide_cache_adopt_all(struct tide_heap *heap, struct tide_cache *survivor,
                                      uint32_t thread_id);
static inline uint32_t tide_cache_thread_id(uint64_t owner)
{
	return (uint32_t)owner;
}
/* Take a parked one, to empty it; NULL when there is none. */
TIDE_HIDDEN struct tide_cache *tide_cache_take_parked(struct tide_heap *heap);

/* Every cache of the heap ever made, by all_next. */
TIDE_HIDDEN struct tide_cache *tide_cache_all(struct tide_heap *heap);
/* Caches of the heap that are not parked. */
TIDE_HIDDEN uint32_t tide_cache_threads_racy(struct tide_heap *heap);

/* Make `bin` the ready bin of its class, or the bin at that place. */
TIDE_HIDDEN void tide_cache_install(struct tide_cache *cache, struct tide_bin *bin);
TIDE_HIDDEN void tide_cache_install_at(struct tide_cache *cache, unsigned place,
                                       struct tide_bin *bin);
/* Take the bin at the place out, with its count set; NULL when there is none. The place of the
 * ready bin is the class. */
TIDE_HIDDEN struct tide_bin *tide_cache_remove_ready(struct tide_cache *cache, unsigned place);
/* Publish every block in the cache as garbage, but what the GC is taking just now; returns whether
 * there were any. */
TIDE_HIDDEN bool tide_cache_empty(struct tide_cache *cache);

/* Begin and end of a slow call: the pending bins become the owner's, unless the GC is at them. */
TIDE_INLINE void tide_cache_slow_enter(struct tide_cache *cache)
{
	TIDE_YIELD("cache.enter");
	cache->in_slow = true; /* not after the swap, which is a release */
	cache->has_pending = !tide_swap_acq_rel(&cache->pending_taken, true); /* cache.pending */
	tide_count_owned(&cache->slow_calls, 1u);
}

TIDE_INLINE void tide_cache_slow_leave(struct tide_cache *cache)
{
	TIDE_YIELD("cache.leave");
	if (cache->has_pending)
		tide_store_release(&cache->pending_taken, false); /* cache.pending */
	cache->has_pending = false;
	/* Last, also for who cancels this thread between two instructions. */
	atomic_signal_fence(memory_order_release);
	cache->in_slow = false;
}

/* In a slow call that gave a pending bin blocks, before the ring: a GC that goes to sleep has seen
 * this, or is rung (doorbell.h). (slow_enter's count is no use for that: it may still be on its way
 * when the doorbell is read. Nor may it come before the bins are taken: then the GC could empty
 * them in between and believe that it has seen the call.) Once is enough until the GC takes the
 * bins: till then it does not sleep without a limit. */
TIDE_INLINE void tide_cache_note_pending(struct tide_cache *cache)
{
	if (cache->noted)
		return;
	cache->noted = true;
	(void)tide_add_seq_cst(&cache->slow_calls, 1u); /* doorbell.state */
}

/* The pending bin of the class; NULL when there is none, or the GC is at it. In a slow call. */
TIDE_INLINE struct tide_bin *tide_cache_pending(const struct tide_cache *cache, unsigned cls)
{
	return cache->has_pending ? cache->pending[cls] : NULL;
}

/* Blocks in the bin at the place. */
TIDE_INLINE size_t tide_cache_blocks_at(const struct tide_cache *cache, unsigned place)
{
	const struct tide_bin *bin = cache->ready[place];
	return bin != NULL ? (size_t)(cache->top[place] - &bin->slot[TIDE_BIN_BASE - 1]) : 0;
}

/* Whether the block is in the bin that free fills, at an end where it shows at a glance. */
TIDE_INLINE bool tide_cache_is_at_an_end(const struct tide_cache *cache, const void *block,
                                         unsigned cls)
{
	unsigned place = tide_pagemap_place(cls);
	const struct tide_bin *bin = cache->ready[place];
	return *cache->top[place] == block || (bin != NULL && bin->slot[TIDE_BIN_BASE] == block &&
	                                       cache->top[place] >= &bin->slot[TIDE_BIN_BASE]);
}

/* In a slow call: note what bins and stash hold. */
TIDE_INLINE void tide_cache_note_bins(struct tide_cache *cache, unsigned cls)
{
	if (!cache->has_pending) /* who has them will */
		return;
	const struct tide_bin *pending = cache->pending[cls];
	size_t blocks = tide_cache_blocks_at(cache, cls) + (pending != NULL ? pending->count : 0u);
	if (cls <= TIDE_STASH_LAST)
		blocks += cache->stash[cls].blocks;
	if (TIDE_UNLIKELY(tide_pagemap_place(cls) != cls))
		blocks += tide_cache_blocks_at(cache, tide_pagemap_place(cls));
	tide_store_relaxed(&cache->binned[cls], (uint32_t)blocks);
}

/* For the token's holder, once a tick: the pending bins of a thread that made no slow call since
 * the last tick are emptied by `take`, bin by bin, and what it keeps of slabs taken over by
 * `take_slab`, slab by slab. Returns whether there was any. */
TIDE_HIDDEN bool tide_cache_take_idle(struct tide_cache *cache,
                                      void (*take)(struct tide_heap *heap, struct tide_bin *bin),
                                      void (*take_slab)(struct tide_slab *slab));

/* For the token's holder: what the thread keeps of slabs, all or what it did not need since the
 * last time (a bounded number of slabs), taken over by `take_slab`, slab by slab, unless the thread
 * is at it just now. Returns whether there were any. */
TIDE_HIDDEN bool tide_cache_take_stashes(struct tide_cache *cache, bool all,
                                         void (*take_slab)(struct tide_slab *slab));

/* Whether there may be something for it to take, at this tick or a later one. */
static inline bool tide_cache_is_to_take(struct tide_cache *cache)
{
	return tide_load_seq_cst(&cache->slow_calls) != cache->calls_at_take; /* doorbell.state */
}

/* The capacity for the next bin of the class. */
TIDE_HIDDEN unsigned tide_cache_capacity(struct tide_cache *cache, unsigned cls);
/* Note that the thread ran out of blocks, or had too many: capacities follow. */
TIDE_HIDDEN void tide_cache_missed(struct tide_cache *cache, unsigned cls);
TIDE_HIDDEN void tide_cache_spilled(struct tide_cache *cache, unsigned cls);

/* Whether bins and tops agree; for the owner, or when the owner stands still. */
TIDE_HIDDEN bool tide_cache_is_valid(const struct tide_cache *cache);
/* Blocks of the class in ready bin, pending bin and stash; likewise. */
TIDE_HIDDEN unsigned tide_cache_blocks(const struct tide_cache *cache, unsigned cls);

#endif
