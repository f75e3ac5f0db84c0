#include "move.h"

#include "leave.h"
#include "memory.h"
#include "rcu.h"

#include <string.h>

/* Until the next try, when there was no room. */
#define RETRY_NS (100 * TIDE_STORE_MILLISECOND)
/* While puts make room: the longest pause between two looks, and for how long it gives way. */
#define PAUSE_MAX_NS (8 * TIDE_STORE_MILLISECOND)
#define GIVE_WAY_NS (100 * TIDE_STORE_MILLISECOND)

uint64_t tide_move_held_bytes(struct tide_store *store, unsigned *heaps)
{
	uint64_t bytes = 0;
	*heaps = 0;
	(void)pthread_mutex_lock(&store->heaps_lock);
	for (unsigned i = 0; i < 2; i++) {
		if (store->heap[i] != NULL) {
			bytes += tide_memory_held_bytes(store->heap[i]);
			++*heaps;
		}
	}
	(void)pthread_mutex_unlock(&store->heaps_lock);
	return bytes;
}

static bool open_heap(struct tide_store *store)
{
	uint32_t home = tide_load_relaxed(&store->home);
	if (store->heap[1 - home] != NULL)
		return true; /* one that was stopped */
	bool limits = store->options.counts != TIDE_STORE_BODIES;
	struct tide_heap *heap =
	    tide_memory_bodies(store->base, limits ? store->options.limit_bytes : 0,
	                       store->options.counts == TIDE_STORE_CHARGED);
	if (heap == NULL)
		return false;
	(void)pthread_mutex_lock(&store->heaps_lock);
	store->heap[1 - home] = heap;
	(void)pthread_mutex_unlock(&store->heaps_lock);
	tide_store_release(&store->home, 1 - home); /* store.home */
	tide_rcu_wait();                            /* for who puts into the old one */
	return true;
}

bool tide_move_start(struct tide_store *store, bool by_timer)
{
	struct tide_move *move = &store->move;
	unsigned heaps;
	uint64_t held_bytes = tide_move_held_bytes(store, &heaps);
	if (!open_heap(store))
		return false;
	move->runs = true;
	move->from = 1 - tide_load_relaxed(&store->home);
	move->resume_ns = move->pause_ns = 0;
	(void)pthread_mutex_lock(&store->lock);
	tide_age_mark_oldest(&store->age, &move->mark);
	store->verdict = TIDE_STORE_DEFRAGMENTING;
	store->kept.starts++;
	store->kept.by_timer += by_timer;
	store->kept.held_before_bytes = held_bytes;
	(void)pthread_mutex_unlock(&store->lock);
	return true;
}

/* Under the held lock. */
static void free_retired(struct tide_move *move)
{
	if (move->retired_count == 0)
		return;
	tide_rcu_wait();
	while (move->retired_count > 0)
		tide_leave_free_body(move->retired[--move->retired_count]);
}

/* The next entry whose body is in the old heap, held from now on; NULL: a pass is over, or many
 * entries were skipped (*over tells). */
static struct tide_store_entry *take_next(struct tide_store *store, bool *over)
{
	enum { MOST_SKIPPED = 64 };
	struct tide_move *move = &store->move;
	struct tide_store_entry *found = NULL;
	(void)pthread_mutex_lock(&store->lock);
	*over = store->home_bodies[move->from] == 0;
	for (unsigned i = 0; !*over && found == NULL && i < MOST_SKIPPED; i++) {
		struct tide_age_link *link = tide_age_next(&store->age, &move->mark, NULL);
		if (link == NULL) {
			/* From the oldest again, for those that were touched. */
			tide_age_remove(&move->mark);
			tide_age_mark_oldest(&store->age, &move->mark);
			break;
		}
		struct tide_store_entry *entry = tide_entry_of_age(link);
		if (entry->bytes > 0 && link->home == move->from)
			found = entry;
	}
	store->moving = found;
	(void)pthread_mutex_unlock(&store->lock);
	return found;
}

/* The copy is complete: the entry has it from now on, if it is still there. */
static void publish(struct tide_store *store, struct tide_store_entry *entry)
{
	struct tide_move *move = &store->move;
	const void *old = move->copy;
	(void)pthread_mutex_lock(&store->lock);
	if (tide_load_relaxed(&entry->age.state) == TIDE_AGE_LIVE) {
		old = tide_load_relaxed(&entry->body);
		tide_store_release(&entry->body, (const void *)move->copy); /* entry.body */
		store->home_bodies[entry->age.home]--;
		entry->age.home = 1 - move->from;
		store->home_bodies[entry->age.home]++;
		store->kept.moved_entries++;
		store->kept.moved_bytes += entry->bytes;
	}
	store->moving = NULL;
	(void)pthread_mutex_unlock(&store->lock);
	move->copy = NULL;
	move->retired[move->retired_count++] = old;
}

/* The entry is let go, its body where it was. Under the held lock. */
static void abandon(struct tide_store *store)
{
	struct tide_move *move = &store->move;
	tide_memory_free(move->copy);
	move->copy = NULL;
	(void)pthread_mutex_lock(&store->lock);
	store->moving = NULL;
	(void)pthread_mutex_unlock(&store->lock);
}

/* Copy a piece of the held entry's body. Under the held lock. False: no memory. */
static bool copy_piece(struct tide_store *store, struct tide_store_entry *entry)
{
	struct tide_move *move = &store->move;
	size_t bytes = entry->bytes;
	if (move->copy == NULL) {
		move->copy = tide_memory_alloc(store->heap[1 - move->from], bytes);
		move->copied_bytes = 0;
		if (move->copy == NULL) {
			abandon(store);
			return false;
		}
	}
	size_t piece_bytes = bytes - move->copied_bytes;
	if (piece_bytes > TIDE_MOVE_PIECE_BYTES)
		piece_bytes = TIDE_MOVE_PIECE_BYTES;
	const char *body = tide_load_relaxed(&entry->body); /* the mover alone writes it now */
	memcpy((char *)move->copy + move->copied_bytes, body + move->copied_bytes, piece_bytes);
	move->copied_bytes += piece_bytes;
	if (move->copied_bytes == bytes)
		publish(store, entry);
	return true;
}

static void end(struct tide_store *store)
{
	struct tide_move *move = &store->move;
	tide_leave_drain(store); /* those that have left may have blocks in it */
	struct tide_heap *old = store->heap[move->from];
	if (TIDE_AUDITED && !tide_memory_is_empty(old))
		__builtin_trap();
	(void)pthread_mutex_lock(&store->heaps_lock);
	store->heap[move->from] = NULL;
	(void)pthread_mutex_unlock(&store->heaps_lock);
	tide_memory_destroy(old);
	move->runs = false;
	unsigned heaps;
	uint64_t held_bytes = tide_move_held_bytes(store, &heaps);
	(void)pthread_mutex_lock(&store->lock);
	tide_age_remove(&move->mark);
	store->kept.ends++;
	store->kept.held_after_bytes = held_bytes;
	store->verdict =
	    tide_store_checks(store) ? TIDE_STORE_NOT_CHECKED : TIDE_STORE_SWITCHED_OFF;
	(void)pthread_mutex_unlock(&store->lock);
}

static void count_slice(struct tide_store *store, uint64_t slice_ns, bool room)
{
	(void)pthread_mutex_lock(&store->lock);
	store->kept.slices++;
	if (slice_ns > store->kept.longest_slice_ns)
		store->kept.longest_slice_ns = slice_ns;
	store->verdict = room ? TIDE_STORE_DEFRAGMENTING : TIDE_STORE_WAITS_FOR_ROOM;
	(void)pthread_mutex_unlock(&store->lock);
}

/* What came of a slice. */
struct turn {
	unsigned pieces;
	bool gave_way, no_room, moved, full, over;
};

/* One piece of a body, or, for puts that make room, none: what they drop is for them, and what is
 * held is let go. */
static void step(struct tide_store *store, struct turn *turn)
{
	struct tide_move *move = &store->move;
	(void)pthread_mutex_lock(&store->held_lock);
	turn->gave_way = !move->insists && tide_load_relaxed(&store->room_makers) != 0;
	struct tide_store_entry *entry = (struct tide_store_entry *)(uintptr_t)store->moving;
	if (turn->gave_way) {
		if (entry != NULL)
			abandon(store);
	} else {
		turn->pieces++;
		if (entry == NULL)
			entry = take_next(store, &turn->over);
		turn->no_room = entry != NULL && !copy_piece(store, entry);
		turn->moved |= entry != NULL && !turn->no_room && store->moving == NULL;
		turn->full = move->retired_count == TIDE_MOVE_RETIRED;
	}
	(void)pthread_mutex_unlock(&store->held_lock);
}

/* It has given way for so long that it has its turn now, until a body has moved. */
static bool insist(struct tide_store *store, uint64_t now_ns)
{
	struct tide_move *move = &store->move;
	(void)pthread_mutex_lock(&store->held_lock);
	bool insists = move->pause_ns != 0 && now_ns - move->gave_way_ns >= GIVE_WAY_NS;
	move->insists = insists;
	(void)pthread_mutex_unlock(&store->held_lock);
	return insists;
}

static void settle(struct tide_store *store, bool moved)
{
	struct tide_move *move = &store->move;
	(void)pthread_mutex_lock(&store->held_lock);
	free_retired(move);
	move->insists = move->insists && !moved && store->moving != NULL;
	(void)pthread_mutex_unlock(&store->held_lock);
}

/* Longer and longer: a put may wait for a reader. */
static void pause_for_puts(struct tide_store *store, uint64_t now_ns)
{
	struct tide_move *move = &store->move;
	if (move->pause_ns == 0) {
		move->gave_way_ns = now_ns;
		move->pause_ns = store->options.defragment_slice_ns;
	} else {
		move->pause_ns *= 2;
	}
	move->pause_ns = tide_store_min(move->pause_ns, PAUSE_MAX_NS);
	move->resume_ns = now_ns + move->pause_ns;
}

enum tide_move_result tide_move_slice(struct tide_store *store, uint64_t now_ns)
{
	struct tide_move *move = &store->move;
	if (now_ns < move->resume_ns)
		return TIDE_MOVE_ON;
	struct turn turn = { 0 };
	bool insists = insist(store, now_ns);
	uint64_t begin_ns = tide_time_monotonic_ns(), slice_ns;
	do {
		step(store, &turn);
		slice_ns = tide_time_monotonic_ns() - begin_ns;
	} while (!turn.gave_way && !turn.no_room && !turn.full && !turn.over &&
	         slice_ns < store->options.defragment_slice_ns);
	settle(store, turn.moved);
	if (turn.pieces > 0)
		count_slice(store, slice_ns, !turn.no_room);
	if (turn.over) {
		end(store);
		return TIDE_MOVE_ENDED;
	}
	if (turn.moved || turn.no_room || (!turn.gave_way && !insists))
		move->pause_ns = 0;
	if (turn.gave_way) {
		pause_for_puts(store, now_ns);
		return TIDE_MOVE_ON;
	}
	move->resume_ns = now_ns + 2 * slice_ns; /* pausing for as long as it took */
	if (!turn.no_room)
		return TIDE_MOVE_ON;
	/* What has moved, and what has left, is room when its pages are free. */
	tide_leave_drain(store);
	tide_memory_purge(store->heap[move->from]);
	move->resume_ns = now_ns + RETRY_NS;
	return TIDE_MOVE_NO_ROOM;
}

void tide_move_let_go(struct tide_store *store)
{
	struct tide_move *move = &store->move;
	(void)pthread_mutex_lock(&store->held_lock);
	const struct tide_store_entry *entry = store->moving;
	if (entry != NULL &&
	    (!move->insists || tide_load_relaxed(&entry->age.state) == TIDE_AGE_LEFT))
		abandon(store);
	free_retired(move);
	(void)pthread_mutex_unlock(&store->held_lock);
}

void tide_move_stop(struct tide_store *store)
{
	struct tide_move *move = &store->move;
	if (!move->runs)
		return;
	(void)pthread_mutex_lock(&store->held_lock);
	if (store->moving != NULL)
		abandon(store);
	free_retired(move);
	(void)pthread_mutex_unlock(&store->held_lock);
	move->runs = false;
	(void)pthread_mutex_lock(&store->lock);
	tide_age_remove(&move->mark);
	store->verdict = TIDE_STORE_STOPPED;
	(void)pthread_mutex_unlock(&store->lock);
}
