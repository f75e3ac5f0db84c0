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
 * Touched by  whoever has the work lock
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
/* Memory in the heaps of bodies. */
TIDE_HIDDEN uint64_t tide_move_held_bytes(struct tide_store *store, unsigned *heaps);

#endif
