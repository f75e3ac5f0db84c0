#include "room.h"

#include "leave.h"
#include "memory.h"
#include "move.h"
#include "rcu.h"

#include <errno.h>

/* What is dropped at once where pages are counted, as a part of the limit: the first time, and at
 * most. One page's worth of entries at a time would be a grace period for each put at the limit. */
enum { FIRST_BATCH_SHIFT = 10, LAST_BATCH_SHIFT = 6 };
/* What may have left without being freed, as a part of the limit and at least. */
enum { MOVE_SHIFT = 3 }; /* what is free before entries move by themselves, likewise */
enum { LEFT_SHIFT = 3, LEFT_MIN_BYTES = 1 << 20, LEFT_MIN_ENTRIES = 1024 };

static bool counts_bodies(const struct tide_store *store)
{
	return store->options.counts == TIDE_STORE_BODIES;
}

/* Raise a count by `more` unless it would pass the limit; 0 is none. No moment's overshoot, at
 * which another thread's put, which fits, would fail. */
static bool raise(_Atomic uint64_t *count, uint64_t more, uint64_t limit)
{
	uint64_t old = tide_load_relaxed(count);
	do {
		if (limit != 0 && (more > limit || old > limit - more))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	    count, &old, old + more, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static bool reserve_once(struct tide_store *store, size_t bytes)
{
	uint64_t limit_bytes = counts_bodies(store) ? store->options.limit_bytes : 0;
	if (!raise(&store->entries, 1, store->options.max_entries))
		return false;
	if (raise(&store->body_bytes, bytes, limit_bytes))
		return true;
	(void)tide_sub_relaxed(&store->entries, 1u);
	return false;
}

/* What the heaps hold, at least, for an entry that has the store for itself. */
static uint64_t least_held_bytes(const struct tide_store *store, size_t bytes)
{
	return store->header_held_bytes +
	       (((uint64_t)bytes + TIDE_PAGE_BYTES - 1) & ~(uint64_t)(TIDE_PAGE_BYTES - 1));
}

static bool is_too_large(const struct tide_store *store, size_t bytes)
{
	const struct tide_store_options *options = &store->options;
	if (options->max_body_bytes != 0 && bytes > options->max_body_bytes)
		return true;
	if (bytes > PTRDIFF_MAX)
		return true;
	if (options->limit_bytes == 0)
		return false;
	return (counts_bodies(store) ? bytes : least_held_bytes(store, bytes)) >
	       options->limit_bytes;
}

/* Whether what the program has charged leaves no room for so many bytes, with all entries dropped:
 * then none is, for nothing. */
static bool charges_are_in_the_way(const struct tide_store *store, uint64_t bytes)
{
	const struct tide_store_options *options = &store->options;
	int64_t charged_bytes = tide_load_relaxed(&store->charged_bytes);
	if (options->counts != TIDE_STORE_CHARGED || options->limit_bytes == 0)
		return false;
	if (charged_bytes < 0)
		charged_bytes = 0;
	return bytes > options->limit_bytes ||
	       (uint64_t)charged_bytes > options->limit_bytes - bytes;
}

int tide_room_reserve(struct tide_store *store, size_t bytes)
{
	if (is_too_large(store, bytes))
		return EMSGSIZE;
	if (charges_are_in_the_way(store, least_held_bytes(store, bytes)))
		return ENOSPC;
	while (!reserve_once(store, bytes)) {
		if (store->options.policy == TIDE_STORE_REFUSE ||
		    tide_leave_oldest(store, TIDE_STORE_LIMIT) == 0)
			return ENOSPC;
	}
	return 0;
}

void tide_room_unreserve(struct tide_store *store, size_t bytes)
{
	(void)tide_sub_relaxed(&store->body_bytes, bytes);
	(void)tide_sub_relaxed(&store->entries, 1u);
}

static bool is_much(uint64_t left, uint64_t limit, uint64_t least)
{
	return limit != 0 && left > least && left > limit >> LEFT_SHIFT;
}

bool tide_room_much_has_left(const struct tide_store *store)
{
	const struct tide_store_options *options = &store->options;
	return is_much(store->leaving_entries, options->max_entries, LEFT_MIN_ENTRIES) ||
	       (counts_bodies(store) &&
	        is_much(store->leaving_bytes, options->limit_bytes, LEFT_MIN_BYTES));
}

/* What has left is freed; `purge`: and what is free in one heap becomes room in another. */
static void collect(struct tide_store *store, bool purge)
{
	tide_move_let_go(store);
	tide_leave_drain(store);
	if (!purge)
		return;
	(void)pthread_mutex_lock(&store->heaps_lock);
	for (unsigned i = 0; i < 2; i++) {
		if (store->heap[i] != NULL)
			tide_memory_purge(store->heap[i]);
	}
	tide_memory_headers_drain(store->headers);
	tide_memory_purge(store->base);
	(void)pthread_mutex_unlock(&store->heaps_lock);
}

/* Whether the limit was in the way: surely if what is counted is near it; else if the last try
 * made one more refusal, since meanwhile others may have made room. The first time it may have to
 * be tried once more to know. */
static bool limit_was_reached(const struct tide_store *store, struct tide_room *room, bool *unsure)
{
	const struct tide_store_options *options = &store->options;
	uint64_t counted_bytes, before = room->refusals;
	bool knew = room->knows_refusals;
	*unsure = false;
	if (options->limit_bytes == 0 || counts_bodies(store))
		return false;
	tide_memory_limit(store->base, &counted_bytes, &room->refusals);
	room->knows_refusals = true;
	if (counted_bytes + room->bytes + TIDE_MEMORY_SLACK_BYTES > options->limit_bytes)
		return true;
	*unsure = !knew;
	return knew && room->refusals != before;
}

bool tide_room_is_there_to_move(struct tide_store *store)
{
	const struct tide_store_options *options = &store->options;
	uint64_t counted_bytes, refusals;
	if (options->limit_bytes == 0 || counts_bodies(store) ||
	    options->policy != TIDE_STORE_DROP_OLDEST)
		return true;
	tide_memory_limit(store->base, &counted_bytes, &refusals);
	return counted_bytes <= options->limit_bytes - (options->limit_bytes >> MOVE_SHIFT);
}

static bool something_waits(struct tide_store *store, bool *moves)
{
	(void)pthread_mutex_lock(&store->lock);
	bool waits = store->leaving != NULL;
	*moves = store->move_active;
	(void)pthread_mutex_unlock(&store->lock);
	return waits || *moves;
}

/* Drop a batch of entries, twice as much as the last time. False: there was none. */
static bool drop_batch(struct tide_store *store, struct tide_room *room)
{
	uint64_t limit_bytes = store->options.limit_bytes, dropped_bytes = 0;
	if (room->batch_bytes == 0)
		room->batch_bytes = limit_bytes >> FIRST_BATCH_SHIFT;
	else if (room->batch_bytes < limit_bytes >> LAST_BATCH_SHIFT)
		room->batch_bytes *= 2;
	uint64_t want_bytes = room->batch_bytes > room->bytes ? room->batch_bytes : room->bytes;
	while (dropped_bytes < want_bytes) {
		uint64_t bytes = tide_leave_oldest(store, TIDE_STORE_LIMIT);
		if (bytes == 0)
			break;
		dropped_bytes += bytes;
	}
	return dropped_bytes > 0;
}

int tide_room_make(struct tide_store *store, struct tide_room *room)
{
	bool first = room->tries++ == 0, moves, unsure;
	if (something_waits(store, &moves) && first) {
		collect(store, moves);
		return 0;
	}
	if (!limit_was_reached(store, room, &unsure))
		return unsure ? 0 : ENOMEM;
	if (store->options.policy == TIDE_STORE_REFUSE || room->last)
		return ENOSPC;
	/* With nothing left to drop, once more: what others dropped may just have been freed. The
	 * first batch may do as it is: its blocks are in this thread's bins. */
	room->last = !drop_batch(store, room);
	collect(store, moves || room->dropped);
	room->dropped = true;
	return 0;
}

int tide_store_charge(struct tide_store *store, ptrdiff_t bytes)
{
	/* No block will do, it must be pages: as after a drop that was not enough. */
	struct tide_room room = { .bytes = bytes > 0 ? (size_t)bytes : 0, .dropped = true };
	if (bytes > 0 && tide_rcu_is_reading())
		return EDEADLK;
	if (bytes > 0 && charges_are_in_the_way(store, (uint64_t)bytes))
		return ENOSPC;
	if (tide_memory_charge(store->base, bytes) != 0) {
		int error;
		tide_room_make_begin(store);
		do
			error = tide_room_make(store, &room);
		while (error == 0 && tide_memory_charge(store->base, bytes) != 0);
		tide_room_make_end(store);
		if (error != 0)
			return ENOSPC;
	}
	(void)tide_add_relaxed(&store->charged_bytes, bytes);
	return 0;
}
