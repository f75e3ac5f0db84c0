/* Room for an entry: what the store counts itself is reserved before memory is taken (entries, and
 * bytes of bodies where these are limited); what the heaps count, they refuse at the limit, and
 * room is made here.
 *
 * Touched by  who puts, with no lock and not in a read section
 */
#ifndef TIDE_STORE_ROOM_H
#define TIDE_STORE_ROOM_H

#include "state.h"

/* Count an entry, dropping the oldest ones if the policy says so. Returns 0, ENOSPC or EMSGSIZE. */
TIDE_HIDDEN int tide_room_reserve(struct tide_store *store, size_t bytes);
TIDE_HIDDEN void tide_room_unreserve(struct tide_store *store, size_t bytes);
/* Under the lock: whether so much has left and waits for read sections, which the store's own count
 * does not count, that puts should wait for these, too. */
TIDE_HIDDEN bool tide_room_much_has_left(const struct tide_store *store);

/* Whether a defragmentation that nobody asked for may start: where entries are dropped at the limit
 * of the heaps, an eighth of it must be free, or it would be entries that make room for copies. */
TIDE_HIDDEN bool tide_room_is_there_to_move(struct tide_store *store);

/* One put's tries; `bytes` set, the rest 0. */
struct tide_room {
	size_t bytes;
	unsigned tries;
	uint64_t batch_bytes;
	uint64_t refusals; /* of the limit, known at the last failure */
	bool knows_refusals, dropped, last;
};
/* Around one or more calls of tide_room_make. */
static inline void tide_room_make_begin(struct tide_store *store)
{
	(void)tide_add_relaxed(&store->room_makers, 1u);
}
static inline void tide_room_make_end(struct tide_store *store)
{
	(void)tide_sub_relaxed(&store->room_makers, 1u);
}
/* After memory was refused: 0: try again; ENOSPC: it is the limit; ENOMEM: it is not. */
TIDE_HIDDEN int tide_room_make(struct tide_store *store, struct tide_room *room);

#endif
