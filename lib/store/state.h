/* What a store is made of. entry: one header for each, from an object cache; its body in a heap of
 * bodies. The index finds it by id, the age list and the wheel hold it under one lock.
 *
 * Life of an entry   NEW (put: built, then in the index) -> LIVE (in the age list) -> LEFT (out of
 *                    list, wheel and index, in the list of those that leave) -> freed, after a
 *                    grace period. LIVE -> LEFT happens once, under the lock; who does it tells
 *                    `dropped`.
 * Bodies             never change. Which block has the bytes changes when the mover, under the lock
 *                    and only while the entry is LIVE, publishes a copy; the old block is freed
 *                    after a grace period. So whoever finds an entry LEFT and lets a grace period
 *                    pass has its last block.
 * Locks, in order    work (one mover, one who expires), held (a piece of a body is copied, or
 *                    emptied blocks wait for readers), drain (one who frees), heaps (no heap comes
 *                    or goes), lock (lists and counts: some hundred instructions, no calls out).
 *                    Readers take none.
 */
#ifndef TIDE_STORE_STATE_H
#define TIDE_STORE_STATE_H

#include "age.h"
#include "config.h"
#include "wheel.h"

#include <pthread.h>
#include <tide/store.h>
#include <urcu/rculfhash.h>

struct tide_heap;
struct tide_object_cache;

struct tide_store_entry {
	struct cds_lfht_node node; /* liburcu's */
	/* writers  who puts, before the entry is in the index   readers  every thread
	 * order    release, acquire   edges    entry.id: all that put wrote */
	_Atomic uint64_t id;
	/* A block of the heap `age.home`; the empty body when `bytes` is 0.
	 * writers  who puts; the mover, under the lock   readers  every thread
	 * order    release, acquire                      edges    entry.body: the bytes in it */
	_Atomic(const void *) body;
	size_t bytes;    /* plain: by entry.id */
	uint64_t put_ns; /* plain: likewise */
	/* writers  under the lock   readers  every thread  order  relaxed: a time  edges  none */
	_Atomic uint64_t touched_ns;
	struct tide_age_link age; /* `next` alone, once it has left: the list of those that leave */
	struct tide_wheel_item wheel;
	_Alignas(16) char user[];
};
_Static_assert(sizeof(struct tide_store_entry) == 112, "what lib/store/README.md says of it");

/* The mover's own; under the work lock, and as it says under the held lock, too. */
enum { TIDE_MOVE_RETIRED = 256, TIDE_MOVE_PIECE_BYTES = 64 << 10 };
struct tide_move {
	bool runs;
	uint32_t from; /* the home that is to become empty */
	struct tide_age_link mark;
	/* The body that is being copied in pieces; NULL. This and what follows: held lock. */
	void *copy;
	size_t copied_bytes;
	/* Old blocks, to be freed after a grace period. */
	const void *retired[TIDE_MOVE_RETIRED];
	unsigned retired_count;
	bool insists;         /* it does not give way to puts that make room */
	uint64_t resume_ns;   /* pausing until then; this and what follows: work lock only */
	uint64_t gave_way_ns; /* to such puts, for the first time */
	uint64_t pause_ns;    /* the last pause for them; 0: none, gave_way_ns says nothing */
};

/* When defragmentation starts by itself; under the work lock. */
struct tide_judge {
	uint64_t since_ns; /* fragmented since; UINT64_MAX: it is not */
};

/* Under the lock. */
struct tide_store_counts_kept {
	uint64_t puts, dropped, expired, removed;
	uint64_t starts, by_timer, ends, moved_entries, moved_bytes, slices, longest_slice_ns;
	uint64_t held_before_bytes, held_after_bytes;
};

struct tide_store {
	/* Set when it is made. */
	struct tide_store_options options; /* with defaults in place of zeroes */
	struct tide_heap *base;
	struct tide_object_cache *headers;
	struct cds_lfht *index;
	size_t header_bytes;
	uint64_t header_held_bytes; /* by the base for one header; 0 without a limit to that */

	/* What is in the store or about to be, as the limits count it.
	 * writers  every thread, by CAS or fetch-sub   readers  every thread
	 * order    relaxed: counts                     edges    none */
	TIDE_OWN_LINE _Atomic uint64_t entries;
	_Atomic uint64_t body_bytes;
	/* The next id. Likewise, by fetch-add and CAS. */
	_Atomic uint64_t next_id;
	/* Puts that were refused; relaxed: a counter. */
	_Atomic uint64_t refused;
	_Atomic int64_t charged_bytes; /* by hand; likewise */
	/* Puts and charges that make room at the limit of the heaps: what they drop is for them.
	 * writers  these   readers  the mover, which takes none meanwhile
	 * order    relaxed: exact once the writer has had the held lock   edges    none */
	_Atomic uint32_t room_makers;

	/* Which heap takes new bodies.
	 * writers  the mover                         readers  who puts, in a read section
	 * order    release, acquire                  edges    store.home: heap[home] */
	_Atomic uint32_t home;
	/* Two while bodies move. Written by the mover, under the heaps lock; read under it, or in a
	 * read section by who had `home` in it, or by the mover. */
	struct tide_heap *heap[2];

	TIDE_OWN_LINE pthread_mutex_t lock;
	struct tide_age age;
	struct tide_wheel wheel;
	struct tide_store_entry *leaving; /* by age.next */
	uint64_t leaving_entries, leaving_bytes;
	uint64_t buckets;                      /* of the index */
	uint64_t home_bodies[2];               /* blocks of LIVE entries in each heap */
	const struct tide_store_entry *moving; /* is being copied: not to be freed; held lock */
	struct tide_store_counts_kept kept;
	uint32_t verdict;
	uint64_t fragmented_ns;
	bool unchecked; /* something changed since the last check */
	uint64_t drain_due_ns, check_due_ns;

	/* The store's thread; under the lock. */
	pthread_cond_t wake, ended;
	uint64_t sleeps_until_ns; /* 0: it is awake, or woken */
	bool quits;
	/* Defragmentation on demand; under the lock. */
	bool move_wanted, move_stop, move_active;
	uint64_t move_stops, move_blocks; /* times it was stopped, times it found no room */

	pthread_mutex_t heaps_lock, drain_lock, held_lock, work_lock;
	struct tide_move move;
	struct tide_judge judge;
	pthread_t thread;
};

static inline uint64_t tide_store_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline struct tide_store_entry *tide_entry_of_age(struct tide_age_link *link)
{
	return (struct tide_store_entry *)(void *)((char *)link -
	                                           offsetof(struct tide_store_entry, age));
}

static inline struct tide_store_entry *tide_entry_of_wheel(struct tide_wheel_item *item)
{
	return (struct tide_store_entry *)(void *)((char *)item -
	                                           offsetof(struct tide_store_entry, wheel));
}

/* time.c */
TIDE_HIDDEN uint64_t tide_time_monotonic_ns(void);
static inline uint64_t tide_time_now_ns(const struct tide_store *store)
{
	return store->options.clock != NULL ? store->options.clock(store->options.context)
	                                    : tide_time_monotonic_ns();
}
/* Whether the entry's lifetime is over; looks at the clock only if it has an end. */
static inline bool tide_entry_is_over(const struct tide_store *store,
                                      const struct tide_store_entry *entry)
{
	uint64_t expires_ns = tide_load_relaxed(&entry->wheel.expires_ns);
	return expires_ns != UINT64_MAX && tide_time_now_ns(store) >= expires_ns;
}

/* The store's thread has something to do at `due_ns`: under the lock. */
static inline void tide_store_wake(struct tide_store *store, uint64_t due_ns)
{
	if (due_ns >= store->sleeps_until_ns)
		return;
	store->sleeps_until_ns = 0;
	(void)pthread_cond_signal(&store->wake);
}

/* Whether defragmentation may start by itself. */
static inline bool tide_store_checks(const struct tide_store *store)
{
	return store->options.defragment_percent != UINT32_MAX;
}

/* Something changed that a check should look at: under the lock. */
static inline void tide_store_changed(struct tide_store *store)
{
	if (store->unchecked || !tide_store_checks(store))
		return;
	store->unchecked = true;
	tide_store_wake(store, 0);
}

#endif
