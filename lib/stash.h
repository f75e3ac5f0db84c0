/* Stash: free blocks of a small class that a thread keeps for itself, beyond its ready and its
 * pending bin, while there is a GC thread. They are bits in their slabs, as in the free sets, but
 * the thread's own: so what a thread freed comes back to it side by side, whatever the order in
 * which it was freed, is its own and warm in its processor's cache, and threads that build and drop
 * what only they use have nothing to do with each other or with the GC.
 *
 * It is only as large as the thread's need: it starts with room for none, and at a miss gets room
 * for as much again as it has, but for no more than the thread had to give away. So who only frees
 * keeps nothing. What was not needed from one tick of the GC's clock to the next goes, half of it
 * at a time, in small parts, by its own thread; that of a thread that is idle, and of all when
 * memory is short, all at once to the free sets.
 *
 * Of a slab at most one thread keeps blocks at a time: the first that puts one by, until it took
 * the last. Others' blocks of the slab go to the GC. Nor are bins put by whose blocks lie all over
 * the place: there is little to gain, and each block would be a slab to claim.
 *
 * Touched by  its thread in a slow call, with the pending bins in hand; as these, by the token's
 *             holder when the thread is idle or gone (cache.h)
 * Invariants  `blocks` is the sum of the slabs' own_free, which is the number of own bits set; no
 *             block is in own bits and anywhere else
 * Progress    wait-free
 * Edges       slab.own  who took the last (store-release) -> who puts the first (CAS acquire): own
 *             bits and fields of the slab
 */
#ifndef TIDE_STASH_H
#define TIDE_STASH_H

#include "bin.h"
#include "region.h"
#include "yield.h"

struct tide_stash {
	struct tide_slab *top; /* the others by own_next */
	uint32_t blocks;
	uint32_t most;  /* when there are so many, no more are put by */
	uint32_t least; /* there were at any time since the last look */
	uint32_t gave;  /* given away for want of room, and not asked back yet */
	uint32_t due;   /* to go */
	uint32_t ticks; /* at the last look */
};

/* Ticks of the GC's clock.
 * writers  the token's holder    readers  every thread
 * order    relaxed: advice       edges    none */
TIDE_HIDDEN extern _Atomic uint32_t tide_stash_ticks;

/* Put the blocks of a full bin by, as far as there is room, and as they are no other's; those that
 * are no blocks, or free already, stay in the bin as well. */
TIDE_HIDDEN void tide_stash_put(struct tide_stash *stash, struct tide_bin *bin);
/* Blocks into the bin, as many as it holds, the lowest address on top; how many they were. */
TIDE_HIDDEN unsigned tide_stash_take(struct tide_stash *stash, struct tide_bin *bin);
/* A block was wanted when it was empty: room for more, at least `step` blocks if so many were given
 * away, at most for `limit`. */
TIDE_HIDDEN void tide_stash_missed(struct tide_stash *stash, uint32_t step, uint32_t limit);
/* After a tick, see what was not needed since the last. Returns how many blocks are to go now. */
TIDE_HIDDEN uint32_t tide_stash_look(struct tide_stash *stash);
/* Take a slab out, with its blocks, which the caller puts elsewhere before tide_stash_let_go; NULL:
 * there is none. */
TIDE_HIDDEN struct tide_slab *tide_stash_take_slab(struct tide_stash *stash);
/* No thread keeps blocks of the slab any more. */
static inline void tide_stash_let_go(struct tide_slab *slab)
{
	slab->own_free = 0;
	TIDE_YIELD("stash.let_go");
	tide_store_release(&slab->owner, NULL); /* slab.own */
}
/* Of a thread that vanished, or that a fork left behind: make the counts true. */
TIDE_HIDDEN void tide_stash_repair(struct tide_stash *stash);
TIDE_HIDDEN bool tide_stash_is_valid(const struct tide_stash *stash);

#endif
