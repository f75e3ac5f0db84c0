/* The mover: puts every body of one heap into a new one, then gives the old heap back whole.
 *
 *   start   a new heap takes new bodies; after a grace period none goes into the old one any more
 *   slice   entries in order of age: copy the body (without a lock; large ones in pieces), publish
 *           the copy under the lock if the entry is still there; after a grace period free the old
 *           blocks. Over again from the oldest until the old heap has no body of a live entry, as
 *           touched entries change their places
 *   end     free all that has left, after another grace period, so that the old heap has no block
 *           at all; destroy it
 *
 * A body that is being copied in pieces is held (`store->moving`): when its entry leaves
 * meanwhile, it is freed after the copying has stopped. The mover may stop between any two slices:
 * each body is in one of two heaps, and the next run goes on.
 *
 * While a put makes room (`store->room_makers`) the mover gives way: it holds nothing and takes
 * nothing, and what it held before the put takes from it (tide_move_let_go). So that it comes to an
 * end where there is always such a put, it has a turn after 100 ms of that, until a body has moved.
 *
 * Touched by  whoever has the work lock; tide_move_let_go: any thread
 * Progress    a slice ends at its time's end, after 64 KiB at most; ends wait for read sections
 */
#ifndef TIDE_STORE_MOVE_H
#define TIDE_STORE_MOVE_H

#include "state.h"

enum tide_move_result {
	TIDE_MOVE_ON,      /* a slice was done, or it pauses until move.resume_ns */
	TIDE_MOVE_NO_ROOM, /* no memory; tried again at move.resume_ns */
	TIDE_MOVE_ENDED
};

/* Begin, or go on with what was stopped. False: no memory for a heap. */
TIDE_HIDDEN bool tide_move_start(struct tide_store *store, bool by_timer);
TIDE_HIDDEN enum tide_move_result tide_move_slice(struct tide_store *store, uint64_t now_ns);
TIDE_HIDDEN void tide_move_stop(struct tide_store *store);
/* Between two pieces, by who is counted in room_makers, in no read section: the mover's copy goes,
 * unless it has its turn and the entry is still there, and so do the blocks that it has emptied;
 * what has left is held no more. */
TIDE_HIDDEN void tide_move_let_go(struct tide_store *store);
/* Memory in the heaps of bodies. */
TIDE_HIDDEN uint64_t tide_move_held_bytes(struct tide_store *store, unsigned *heaps);

#endif
