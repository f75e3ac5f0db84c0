/* The store: many entries that are held for a while, within a memory budget. For job queues,
 * caches, sessions. In libtide-store.a, which needs libtide.a (or libtide-core.a), liburcu-mb and
 * liburcu-cds.
 *
 * An entry has an id, a body that never changes, a lifetime, an age, and a few user bytes, which
 * the program keeps its own state in. Put copies the body and gives the id, by which the entry is
 * found:
 *
 *   struct tide_store_put options = { .ttl_ns = 60 * TIDE_STORE_SECOND };
 *   uint64_t id = tide_store_put(store, body, bytes, &options);
 *
 *   tide_store_read_begin(store);
 *   struct tide_store_entry *entry = tide_store_get(store, id);
 *   if (entry != NULL)
 *           write(fd, tide_store_body(entry), tide_store_bytes(entry));
 *   tide_store_read_end(store);
 *
 * Read sections. What get, walk and the callbacks give stays readable, unchanged, until the
 * thread's read section ends, also when the entry is removed or its body moved meanwhile. Sections
 * nest, are short (memory that others removed waits for their end) and need no preparation of the
 * thread (its first one takes a lock for a moment). Beginning, ending, get and the accessors below
 * it never wait. Two calls for the body in one section may give two addresses, with the same
 * bytes.
 *
 * Thread safety: every function may be called by any thread at any time, except where it says so.
 * Writers (put, touch, remove, walk) take a lock for a few hundred instructions. After fork, the
 * child must not use its parent's stores.
 *
 * Read sections are those of liburcu-mb, with which the store registers each thread at its first
 * one, until the thread ends. A program that uses urcu-mb itself must not register or unregister
 * the threads that use stores (urcu_mb_register_thread): liburcu keeps one record for a thread and
 * does not take it twice.
 *
 * Each store takes two of the 1024 heaps that a process may have (<tide/heap.h>), a third while it
 * defragments, and one of the 256 object caches (<tide/object_cache.h>); where there is none left,
 * create or defragment fails with ENOMEM.
 *
 * Limits. What is counted (enum tide_store_counts) is kept at or below limit_bytes; put counts
 * before it takes memory. At the limit, put fails (TIDE_STORE_REFUSE), or drops the oldest entries
 * until there is room (TIDE_STORE_DROP_OLDEST). With BODIES, exactly as many as are needed are
 * dropped; with HELD and CHARGED, where a dropped body makes room only when whole pages get free,
 * batches of up to a 64th of the limit's bytes, each of which waits for the running read sections.
 * An entry that has left counts no more with BODIES and max_entries, though its memory waits for
 * read sections: put waits for these when more than an eighth of the limit, and more than 1 MiB or
 * 1024 entries, has left. With HELD and CHARGED all memory counts until it is given back.
 *
 * Defragmentation. Long-lived entries that lie scattered among short-lived ones that are gone keep
 * their pages in memory. When held/used of the bodies (headers do not move: programs have pointers
 * into them; tide_store_stats shows both) has stayed above a threshold for a while, the store moves
 * every body to a new heap, in slices, while readers and writers go on, and gives the old heap
 * back whole. Under a limit with HELD or CHARGED it stays within the limit, waiting for room when
 * there is none. It drops no entry itself. By itself it starts, where entries are dropped at such a
 * limit, only while an eighth of the limit is free (else the verdict is WAITS_FOR_ROOM), and while
 * puts make room it gives way to them, for up to 100 ms. On demand it starts at once; new bodies
 * then go into the new heap, and the holes of the old one are of no use to puts until it ends: they
 * may have to drop more meanwhile, or be refused where nothing is dropped.
 *
 * The store's own thread, tide-store, expires entries, frees what was removed, and defragments.
 * Entries expire without anybody calling in. It sleeps as long as there is nothing to do.
 */
#ifndef TIDE_STORE_H
#define TIDE_STORE_H

#include <stdint.h>
#include <tide/tide.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tide_store;
struct tide_store_entry;

/* Times are in nanoseconds, of the monotonic clock; lifetimes are exact to 2^20 ns, about a
 * millisecond, and never shorter than asked for. */
#define TIDE_STORE_MILLISECOND UINT64_C(1000000)
#define TIDE_STORE_SECOND UINT64_C(1000000000)
#define TIDE_STORE_FOREVER UINT64_MAX /* a lifetime without end; a timeout without end */

enum tide_store_counts {
	TIDE_STORE_BODIES, /* bytes of bodies, as put: exactly what was asked for */
	/* Memory held for bodies and entry headers, free pages included that were not given back
	 * yet; not the index, up to 32 bytes an entry. */
	TIDE_STORE_HELD,
	TIDE_STORE_CHARGED /* the same, and what the program adds with tide_store_charge */
};

enum tide_store_policy { TIDE_STORE_REFUSE, TIDE_STORE_DROP_OLDEST };

/* Why an entry leaves the store. */
enum tide_store_reason {
	TIDE_STORE_LIMIT,    /* the oldest, at a limit */
	TIDE_STORE_EXPIRED,  /* its lifetime is over */
	TIDE_STORE_REMOVED,  /* tide_store_remove */
	TIDE_STORE_DESTROYED /* tide_store_destroy */
};

/* All 0: no limits, no lifetimes, no user bytes, defragmentation as said below. */
struct tide_store_options {
	uint64_t limit_bytes; /* 0: none. With HELD and CHARGED at least 1 MiB */
	enum tide_store_counts counts;
	enum tide_store_policy policy;
	uint64_t max_entries;    /* 0: no limit; the policy is the same */
	uint64_t max_body_bytes; /* put refuses larger ones; 0: no limit */
	uint64_t ttl_ns;         /* the lifetime where put says none; 0: FOREVER */
	/* User bytes of each entry, at most 4096; aligned to 16, zeroed if put gives none. */
	uint32_t user_bytes;
	uint64_t first_id; /* the first id that put gives; 0: 1. Not UINT64_MAX, which is no id */

	/* Each entry that leaves the store is told here, once, after it can no more be found. The
	 * entry, its body and user bytes are readable until the call returns (then, until the read
	 * sections of others end). Called by the thread that makes the entry leave: in put
	 * (LIMIT), in remove, in destroy, or on the store's thread (EXPIRED), with no lock of the
	 * store taken, in a read section; so it may get, touch and remove, but must not put,
	 * defragment or destroy. */
	void (*dropped)(struct tide_store *store, struct tide_store_entry *entry,
	                enum tide_store_reason reason, void *context);
	void *context;

	/* Defragmentation starts by itself when held/used, in per cent, is at or above
	 * defragment_percent, and held - used at or above defragment_waste_bytes, at every check
	 * (defragment_check_ns apart) for defragment_after_ns. 0 takes the default. */
	uint32_t defragment_percent;     /* 200; UINT32_MAX: never by itself */
	uint64_t defragment_waste_bytes; /* 16 MiB */
	uint64_t defragment_after_ns;    /* 10 s */
	uint64_t defragment_check_ns;    /* 1 s */
	/* The latency budget: moving stops at the first opportunity (64 KiB of a body) after so
	 * long, and pauses for as long. Moving holds no lock, whatever the slice. */
	uint64_t defragment_slice_ns; /* 500 us */

	/* Not 0: no thread is started; the program calls tide_store_work. */
	int no_thread;
	/* Where the time comes from, in ns, never going back; NULL: CLOCK_MONOTONIC. Another clock
	 * is for no_thread only, and is called with locks taken. */
	uint64_t (*clock)(void *context);
};

/* A new store; `options` may be NULL. NULL with errno EINVAL for options out of their range,
 * ENOMEM, or EAGAIN when the thread, or a key for thread-specific data, is not to be had. */
TIDE_API struct tide_store *tide_store_create(const struct tide_store_options *options);
/* End the store's thread, tell `dropped` of every entry (DESTROYED, oldest first), and give all
 * back. A defragmentation in progress is left where it is. No thread may be using the store, nor
 * do so any more. Not in a read section. NULL is ignored. */
TIDE_API void tide_store_destroy(struct tide_store *store);

/* What put is told beside the body. All 0, or NULL instead of it: a new id and the store's
 * lifetime. */
struct tide_store_put {
	/* 0: the next one. Else this one, as when a log is read again; later puts get larger ones.
	 * That no other entry ever had it is for the caller to see to; one that is in the store now
	 * is refused. UINT64_MAX is no id. */
	uint64_t id;
	uint64_t ttl_ns;  /* 0: the store's */
	const void *user; /* user_bytes to copy; NULL: zeroes */
};

/* Put an entry: `bytes` at `body` are copied (`body` may be NULL for 0 bytes). It is the youngest.
 * Returns its id, never 0 nor UINT64_MAX; or 0 and errno:
 *   EMSGSIZE  larger than max_body_bytes, or than the limit alone allows (nothing was dropped)
 *   ENOSPC    at a limit of the store, and no room could be made, or policy REFUSE; or what the
 *             program has charged leaves no room for it (nothing was dropped)
 *   ENOMEM    the system has no memory (no entry is dropped for that)
 *   EEXIST    the id that was asked for is in the store
 *   EINVAL    UINT64_MAX was asked for
 *   EOVERFLOW no id was asked for, and UINT64_MAX - 1 was given already
 *   EDEADLK   called in a read section, whose end put may have to wait for
 */
TIDE_API uint64_t tide_store_put(struct tide_store *store, const void *body, size_t bytes,
                                 const struct tide_store_put *options);

TIDE_API void tide_store_read_begin(struct tide_store *store);
TIDE_API void tide_store_read_end(struct tide_store *store);

/* The entry, or NULL when there is none, or none any more. In a read section. An entry whose
 * lifetime is over is not found, told or not. */
TIDE_API struct tide_store_entry *tide_store_get(struct tide_store *store, uint64_t id);

/* Of an entry, in the read section that got it. */
TIDE_API uint64_t tide_store_id(const struct tide_store_entry *entry);
TIDE_API size_t tide_store_bytes(const struct tide_store_entry *entry);
/* Aligned to 16. Not NULL, also for 0 bytes. Not to be written to. */
TIDE_API const void *tide_store_body(const struct tide_store_entry *entry);
/* The user bytes. They stay where they are as long as the entry lives, and are the program's to
 * protect: the store reads and writes them only in put, before the entry can be found. A program
 * that learns of the end of its entries by `dropped` may use them outside of read sections up to
 * then. */
TIDE_API void *tide_store_user(const struct tide_store_entry *entry);
/* Whether it is still in the store: nothing has made it leave. Asks for no time: an entry whose
 * lifetime is over is live until its end is told, while tide_store_get does not find it any more.
 */
TIDE_API int tide_store_is_live(const struct tide_store_entry *entry);

struct tide_store_times {
	uint64_t put_ns;     /* when it was put */
	uint64_t touched_ns; /* when it was touched last, else put_ns */
	uint64_t expires_ns; /* when its lifetime ends; TIDE_STORE_FOREVER */
};
TIDE_API void tide_store_times(const struct tide_store_entry *entry,
                               struct tide_store_times *times);

/* Make an entry the youngest, and let its lifetime begin again, with ttl_ns (0: the one it has).
 * Returns 0, or ENOENT. */
TIDE_API int tide_store_touch(struct tide_store *store, uint64_t id, uint64_t ttl_ns);
/* Take an entry out; `dropped` is told (REMOVED). Returns 0, or ENOENT: of several threads, one
 * gets 0. */
TIDE_API int tide_store_remove(struct tide_store *store, uint64_t id);

/* Call `visit` for each entry, oldest first, until it returns something else than 0, which is
 * returned; 0 at the end. Entries that are put or touched after the start are left out. `visit` is
 * called in a read section of its own, without a lock, and may get, touch and remove, but must not
 * put. */
TIDE_API int tide_store_walk(struct tide_store *store,
                             int (*visit)(struct tide_store_entry *entry, void *context),
                             void *context);

/* Count memory of the program's own: more of it, or less. Returns 0, or ENOSPC when the store
 * counts TIDE_STORE_CHARGED and the limit is reached (under DROP_OLDEST: and no more entry is left
 * to drop, or charges alone would pass it: then none was dropped); EDEADLK in a read section, for
 * more of it. Less is never refused. */
TIDE_API int tide_store_charge(struct tide_store *store, ptrdiff_t bytes);

/* Defragment now, however fragmented the store is, or go on with what was stopped; wait up to
 * timeout_ns for the end. Not in a read section. Returns
 *   0            all bodies that were there at the start have moved, and the old heap is gone
 *   EINPROGRESS  it goes on (0: did not wait)
 *   ECANCELED    tide_store_defragment_stop was called
 *   ENOMEM       no memory for a new heap, or for a body in it, within the limit or at all; it
 *                will be tried again, and nothing is lost
 *   EDEADLK      called in a read section
 * With no_thread the caller does the work itself, in one go. */
TIDE_API int tide_store_defragment(struct tide_store *store, uint64_t timeout_ns);
/* Stop a defragmentation at the end of its slice, and wait for that. Bodies are in both heaps
 * then; the next one goes on with those that are left. Not in a read section. */
TIDE_API void tide_store_defragment_stop(struct tide_store *store);

/* For no_thread: do what there is to do, one slice at most, on the calling thread. Returns how
 * many ns may pass until the next call; TIDE_STORE_FOREVER: until something is put or removed. Not
 * in a read section. */
TIDE_API uint64_t tide_store_work(struct tide_store *store);

/* Why the store does or does not defragment. */
enum tide_store_verdict {
	TIDE_STORE_NOT_CHECKED,    /* no check was due yet */
	TIDE_STORE_SWITCHED_OFF,   /* defragment_percent is UINT32_MAX */
	TIDE_STORE_COMPACT,        /* held/used is below the threshold */
	TIDE_STORE_LITTLE_WASTE,   /* above it, but held - used is too little to care */
	TIDE_STORE_FRAGMENTED,     /* above both, not for long enough yet: fragmented_ns */
	TIDE_STORE_DEFRAGMENTING,  /* it runs */
	TIDE_STORE_WAITS_FOR_ROOM, /* it runs, or should, but there is no room for a body */
	TIDE_STORE_STOPPED         /* tide_store_defragment_stop, in the middle */
};
/* One line of English. */
TIDE_API const char *tide_store_verdict_text(enum tide_store_verdict verdict);

struct tide_store_stats {
	/* Now. */
	uint64_t entries;
	uint64_t body_bytes;       /* of their bodies: used */
	uint64_t body_held_bytes;  /* memory that the heaps of bodies hold: held */
	uint64_t entry_held_bytes; /* memory that the heap of entry headers holds */
	uint64_t charged_bytes;    /* by hand */
	uint64_t counted_bytes;    /* what the limit is compared with */
	uint64_t limit_bytes;      /* 0: none */
	uint64_t leaving_entries;  /* removed, waiting for read sections to end */
	uint64_t leaving_bytes;    /* their bodies */
	uint64_t oldest_ns;        /* since the oldest entry was put or touched; 0: none */

	/* Since the start. */
	uint64_t puts;
	uint64_t refused; /* puts that failed with ENOSPC or EMSGSIZE */
	uint64_t dropped; /* LIMIT */
	uint64_t expired; /* EXPIRED */
	uint64_t removed; /* REMOVED */

	/* Defragmentation. */
	uint64_t held_percent;      /* 100 * body_held_bytes / body_bytes; 0 without bodies */
	uint64_t fragmented_ns;     /* for how long at or above both thresholds */
	uint32_t verdict;           /* enum tide_store_verdict */
	uint32_t body_heaps;        /* 1, or 2 in a defragmentation */
	uint64_t defragment_starts; /* of these by itself: */
	uint64_t defragment_by_timer;
	uint64_t defragment_ends; /* an old heap was given back */
	uint64_t moved_entries;
	uint64_t moved_bytes;
	uint64_t slices;
	uint64_t longest_slice_ns;
	uint64_t held_before_bytes; /* body_held_bytes at the start of the last one */
	uint64_t held_after_bytes;  /* and at its end */

	/* Of headers, with the user bytes: what of entry_held_bytes is used now, by entries that
	 * are there. No part of held_percent, which moving could not lower then. */
	uint64_t entry_bytes;
};
/* Fill in `stats`, of which the caller's header knows `size` bytes (pass sizeof *stats). While
 * threads run, the figures are not of one instant. Waits for a step of the allocator's GC. */
TIDE_API void tide_store_stats(struct tide_store *store, struct tide_store_stats *stats,
                               size_t size);

#ifdef __cplusplus
}
#endif

#endif
