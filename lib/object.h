/* Object caches, from inside (<tide/object_cache.h> is the outside).
 *
 *   a thread's shelf           the cache
 *   ready bin   --empty/full-> depot: a stack of bins of constructed objects
 *   pending bin                   | idle, or too many: destruct
 *                              slabs: raw objects, as bits of their slab
 *
 * A shelf is a ready and a pending bin, as malloc has them for a class (bin.h). The shelves of a
 * thread, one for each cache there may be, are a table that hangs on the thread's tide_cache and
 * goes with it: it is parked, adopted, emptied and taken over as the cache is, and its pending bins
 * are guarded by the same flag. So the end of a thread does nothing for object caches.
 *
 * Raw objects need no token. Who wants some first reserves them, by taking their number off the
 * slab's count of free objects, and then claims as many bits; who gives one back sets its bit and
 * then counts it. So there are always as many bits as rights to them, and when the count is the
 * whole slab nobody has any: who takes the count from there to RETIRED owns the slab.
 *
 * Touched by  shelves: see cache.h; depot, slabs and counters: every thread
 * Memory      all type-stable; a slab descriptor is its cache's for ever, a destroyed cache waits,
 *             with its slot in the tables, for the next to be created
 * Progress    lock-free; only destruction waits
 * Weak order  `free` and `some` change by read-modify-writes alone: of who sets a bit and who
 *             clears it one comes first, and if it is the setter, the other one's clearing acquires
 *             its count. `live` and `users` are each one's store before its load of the other's:
 *             seq_cst
 * Edges       stack.hand    bins, with the objects' content
 *             object.raw    who gives an object back (bit, release) -> who claims it (acquire)
 *             object.free   the maker of a slab, and who gives back -> who reserves, who retires
 *             object.table  the maker of a thread's table -> who walks all caches
 *             object.live   creation -> who walks the caches; their `users` -> destruction
 */
#ifndef TIDE_OBJECT_H
#define TIDE_OBJECT_H

#include "bin.h"
#include "compiler.h"

#include <tide/object_cache.h>

struct tide_cache;
struct tide_heap;

#define TIDE_OBJECT_WORDS (TIDE_OBJECT_SLAB_OBJECTS / 64)
#define TIDE_OBJECT_GROUP_SLABS 64
#define TIDE_OBJECT_GROUPS (TIDE_OBJECT_SLABS_MAX / TIDE_OBJECT_GROUP_SLABS)
#define TIDE_OBJECT_RETIRED UINT32_MAX

struct tide_object_slab {
	struct tide_node node;           /* must be first: descriptors without a slab */
	struct tide_object_cache *cache; /* plain: for ever */
	uint32_t index;                  /* likewise */
	/* Plain, the owner's of the slab: what its first page said as a block. */
	uint32_t page_class;
	/* writers  its owner   readers  who has an object of it, or a right to one
	 * order    relaxed     edges    none: object.free carries it, or the object's pointer */
	_Atomic uintptr_t base;
	/* Raw objects that nobody has reserved; 0 or RETIRED while there is no slab.
	 * writers  every thread, by CAS and fetch-add   readers  every thread
	 * order    acq-rel                              edges    object.free */
	_Atomic uint32_t free;
	/* Bit set: the object is raw, and not claimed.
	 * writers  every thread, fetch-or and fetch-and   readers  the same
	 * order    release, acquire                       edges    object.raw */
	_Atomic uint64_t raw[TIDE_OBJECT_WORDS];
	/* In checked mode, bit set: the object is live.
	 * writers  who allocates or frees it   readers  the same
	 * order    acq-rel: one freer wins     edges    none */
	_Atomic uint64_t live[TIDE_OBJECT_WORDS];
};

struct tide_object_group {
	/* Slabs that may have free objects. A set bit may be wrong, and who finds it so clears it;
	 * a clear one is right once everybody is through.
	 * writers  every thread, fetch-or and fetch-and   readers  every thread
	 * order    acq-rel: a count made before the bit is set is seen by who clears it after
	 * edges    none: advice */
	_Atomic uint64_t some;
	struct tide_object_slab slab[TIDE_OBJECT_GROUP_SLABS];
};

struct tide_object_cache {
	/* Plain, written before the cache is handed out. First what the hit case reads: where in a
	 * thread's table its entry is. */
	size_t at;
	uint32_t slot;    /* for ever */
	uint32_t stride;  /* bytes from object to object */
	uint32_t objects; /* in a slab */
	uint32_t slab_bytes;
	uint32_t bin_objects; /* the most in a bin */
	bool gc_may_drain;
	struct tide_heap *heap; /* NULL: the process's */
	int (*construct)(void *object, void *context);
	void (*destruct)(void *object, void *context);
	void *context;
	struct tide_node node; /* destroyed caches */

	TIDE_OWN_LINE struct tide_stack depot;
	/* Objects in the depot: raised before a push, lowered after a pop, so never too low; and
	 * the lowest it was since the last tick.
	 * writers  every thread   readers  every thread   order  relaxed: advice   edges  none */
	_Atomic uint32_t depot_objects, depot_low;

	/* writers  who creates and destroys   readers  every thread
	 * order    seq_cst, with `users`: who counts itself in and then finds the cache live is
	 *          seen by who declares it dead and then waits for the count
	 * edges    object.live */
	_Atomic bool live;
	/* Threads that are at it unasked: the GC, tide_purge, a thread that empties its bins. A
	 * futex word.
	 * writers  these, by fetch-add   readers  who destroys it
	 * order    seq_cst, see `live`   edges    object.live */
	_Atomic uint32_t users;
	/* One of the users minds the clock; who finds it taken does without.
	 * writers  users, by swap; its taker   readers  the same
	 * order    acq-rel, release            edges    object.clock: the two below */
	_Atomic bool clock_taken;
	uint64_t tick_ns; /* plain, the clock's */
	uint32_t due;     /* likewise: objects of the depot that nobody needed */

	TIDE_OWN_LINE struct tide_stack spare;
	/* Descriptors that were ever made.
	 * writers  makers, by CAS  readers  every thread  order  relaxed: a ticket  edges  none */
	_Atomic uint32_t slabs_used;
	/* Groups that may have a slab with free objects, as `some` of a group. */
	_Atomic uint64_t some[TIDE_OBJECT_GROUPS / 64];
	/* writers  makers of slabs, by CAS   readers  every thread
	 * order    release, acquire          edges    object.group: a group's descriptors */
	_Atomic(struct tide_object_group *) group[TIDE_OBJECT_GROUPS];

	/* writers  every thread, by fetch-add  readers  statistics  order  relaxed  edges  none */
	TIDE_OWN_LINE struct {
		_Atomic uint64_t constructed, destructed, failures, hits, misses, made, returned;
		_Atomic uint64_t uncounted_frees; /* by threads that could put them into no bin */
	} count;
};

/* Plain but for the counters: the thread's; see above who else. */
struct tide_object_shelf {
	struct tide_bin *ready, *pending;
	uint8_t capacity; /* of the next bin; 0: not set yet */
	uint8_t misses;   /* since the capacity last changed */
	/* Audit builds: calls.
	 * writers  the owner  readers  the audit  order  relaxed: counters  edges  none */
	_Atomic uint64_t allocs, frees;
};

struct tide_object_table {
	/* Last object of the ready bin for each cache, in place of bin->count. In checked mode
	 * never set between calls. First: see `at` above. */
	void **top[TIDE_OBJECT_CACHES_MAX];
	struct tide_object_shelf shelf[TIDE_OBJECT_CACHES_MAX];
	/* No shelf from here on was ever used.
	 * writers  the owner   readers  the token's holder
	 * order    relaxed     edges    none: a thread that has just begun to use one is not
	 * idle */
	_Atomic uint32_t used;
	uint8_t help_countdown; /* plain: slow calls until the next look at the clock */
};

/* That of a thread that has none: every bin is empty and full at once. It has no shelves: nobody
 * reads them there. */
struct tide_no_object_table {
	_Alignas(struct tide_object_table) void **top[TIDE_OBJECT_CACHES_MAX];
};
TIDE_HIDDEN extern struct tide_no_object_table tide_object_table_of_none;
#define TIDE_OBJECT_TABLE_NONE ((struct tide_object_table *)(void *)&tide_object_table_of_none)
/* The calling thread's. */
TIDE_HIDDEN extern TIDE_THREAD_LOCAL struct tide_object_table *tide_object_self;

/* object.c: tables and the depot. A table for the cache of the calling thread; NULL: no memory. */
TIDE_HIDDEN struct tide_object_table *tide_object_table_take(struct tide_cache *self);
/* Make `bin` the ready bin of the shelf; take it out again, with its count set (NULL: there is
 * none). */
TIDE_HIDDEN void tide_object_install(struct tide_object_table *table, uint32_t slot,
                                     struct tide_bin *bin, unsigned capacity);
TIDE_HIDDEN struct tide_bin *tide_object_remove(struct tide_object_table *table, uint32_t slot);
/* Checked mode: the ready bin between calls, with its count set and out of the hit case's sight. */
TIDE_HIDDEN void tide_object_hide(struct tide_object_table *table, uint32_t slot);
TIDE_HIDDEN void tide_object_show(struct tide_object_table *table, uint32_t slot);
/* A bin into the depot, which takes it over, or out of it (NULL: it is empty). */
TIDE_HIDDEN void tide_object_depot_push(struct tide_object_cache *cache, struct tide_bin *bin);
TIDE_HIDDEN struct tide_bin *tide_object_depot_pop(struct tide_object_cache *cache);
/* The bins of a shelf to the depot; `ready` and `pending` as below. */
TIDE_HIDDEN void tide_object_shelf_empty(struct tide_object_cache *cache,
                                         struct tide_object_table *table, bool ready, bool pending);
/* All bins of a table to the depots: `pending` tells whether the pending bins are the caller's, and
 * `ready` whether the ready bins are. NULL has none. */
TIDE_HIDDEN void tide_object_table_empty(struct tide_object_table *table, bool ready, bool pending);
/* The same for what one cache has in all tables. For destruction, when there are no users
 * any more. */
TIDE_HIDDEN void tide_object_collect(struct tide_object_cache *cache);
/* A table whose thread vanished in the middle of something: see bin.h. */
TIDE_HIDDEN void tide_object_table_repair(struct tide_object_table *table);

/* object_slab.c. Up to `want` raw objects, the caller's from now on; 0: no memory. Lowest first. */
TIDE_HIDDEN unsigned tide_object_take_raw(struct tide_object_cache *cache, void **objects,
                                          unsigned want);
/* The slab and number of an object; false: it is none of the cache's. Any address will do. */
TIDE_HIDDEN bool tide_object_find(const struct tide_object_cache *cache, const void *object,
                                  struct tide_object_slab **slab, unsigned *idx);
static inline bool tide_object_is_raw(struct tide_object_slab *slab, unsigned idx)
{
	return (tide_load_acquire(&slab->raw[idx / 64]) >> (idx % 64) & 1) != 0;
}
/* A raw object back to its slab; the slab, when it is whole, back to the heap. */
TIDE_HIDDEN void tide_object_put_raw(struct tide_object_slab *slab, unsigned idx);
/* All slabs back to the heap; returns how many objects were not raw. For a cache nobody uses. */
TIDE_HIDDEN uint64_t tide_object_drop_slabs(struct tide_object_cache *cache);
/* Whether counts, bits and advice agree, and how many objects are raw. When threads stand still. */
TIDE_HIDDEN bool tide_object_slabs_are_valid(struct tide_object_cache *cache, uint64_t *raw);

/* object_drain.c: objects from the depot back to their slabs. Any thread; not with the token. */
/* Destruct one object that is nobody's and give it back; reports what is none, or is
 * raw already. */
TIDE_HIDDEN bool tide_object_return(struct tide_object_cache *cache, void *object,
                                    const char *function);
/* Up to so many bins, or as many objects as are in the depot now; returns objects. */
TIDE_HIDDEN uint64_t tide_object_drain(struct tide_object_cache *cache, unsigned bins);
TIDE_HIDDEN uint64_t tide_object_drain_now(struct tide_object_cache *cache);
/* A bounded share of what is due. Returns whether there was work. */
TIDE_HIDDEN bool tide_object_step(struct tide_object_cache *cache);
/* The same for all caches, by the GC thread or by another one; drain all of them. */
TIDE_HIDDEN bool tide_object_step_all(bool by_gc_thread);
TIDE_HIDDEN uint64_t tide_object_drain_all(bool by_gc_thread);
/* Whether the GC thread would find something to do, now or at a later tick. */
TIDE_HIDDEN bool tide_object_is_left(void);
/* Whether the cache's depot holds more than it should in the long run. */
TIDE_HIDDEN bool tide_object_has_excess(const struct tide_object_cache *cache);

/* Count the calling thread among the users of a cache that the program may be destroying. False: it
 * is; leave all the same. */
TIDE_HIDDEN bool tide_object_enter(struct tide_object_cache *cache);
TIDE_HIDDEN void tide_object_leave(struct tide_object_cache *cache);

/* Cache number `slot`, ever made; NULL: none. */
TIDE_HIDDEN struct tide_object_cache *tide_object_at(uint32_t slot);
/* One that is not live yet; NULL: no memory, or too many. Give it back. */
TIDE_HIDDEN struct tide_object_cache *tide_object_new(void);
TIDE_HIDDEN void tide_object_recycle(struct tide_object_cache *cache);
/* In the only thread of a forked process: nobody else is at a cache. */
TIDE_HIDDEN void tide_object_fork_child(void);
/* What is wrong with the caches, or NULL; for the audit. */
TIDE_HIDDEN const char *tide_object_audit(void);

#endif
