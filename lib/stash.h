/* Stash: free blocks of a small class that a thread keeps for itself, beyond its ready and its
 * pending bin, while there is a GC thread. They are bits in their slabs, as in the free sets, but
 * the thread's own: so what a thread freed comes back to it side by side, whatever the order in
 * which it was freed, is its own and warm in its processor's cache, and threads that build and drop
 * what only they use have nothing to do with each other or with the GC.
 *
 * (Trees of 4 MiB that each of four threads built, walked and dropped again and again took 40 to 47
 * ns a node through ready queues and the common free sets, where blocks got out of order with each
 * round until every sixth lay far from the one before; 14 with stashes. Trees of 16 MiB: 57 and
 * 20.)
 *
 * It is only as large as the thread's need: it has room for as much as the thread got from
 * elsewhere and did not give away, less what it turned out not to need. So who only frees keeps
 * nothing. (When a thread had to miss before it had room, each tree larger than those before went
 * through the queues first: four threads that go from trees of 2 MiB to 16 took 1.2 times as long,
 * and half as much again to walk them.) Who got much and let others free it has room for as much of
 * theirs, once. Of what was not needed from one tick of the GC's clock to the next, the GC takes
 * half and up to a slab more, what was put by first, mostly; what a thread keeps that is idle, or
 * anybody when memory is short, it takes whole. It takes slabs over as they are, between the
 * thread's slow calls.
 *
 * Of a slab at most one thread keeps blocks at a time: the first that puts one by, until it took
 * the last. Others' blocks of the slab go to the GC. Nor are bins put by whose blocks lie all over
 * the place, but for a few among many others: where most are so, there is little to gain, and each
 * block would be a slab to claim.
 *
 * Touched by  its thread in a slow call, with the pending bins in hand; as these, by the token's
 *             holder, between the thread's slow calls (cache.h)
 * Invariants  `blocks` is the sum of the own_free of the slabs in the list, which is the number of
 *             their own bits set and not 0; no block is in own bits and anywhere else
 * fork        a slab may be its owner's and not in the list, in the child of a fork that came in
 *             between: own_listed tells, and it is put there when a block of it comes up again
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
	uint32_t took; /* got from elsewhere, less what was given away and what room was made for */
	uint32_t trust; /* bins in order of late, more or less (stash.c) */
	/* Bins not to look at, and how many it will be after the next one that is others'. */
	uint16_t pause, next_pause;
};

/* Put the blocks of a full bin by, as far as there is room, and as they are no other's. Those that
 * are no blocks, or free already, stay in the bin as well; returns how many those are. */
TIDE_HIDDEN unsigned tide_stash_put(struct tide_stash *stash, struct tide_bin *bin);
/* Blocks into the bin, as many as it holds, the lowest address on top; how many they were. */
TIDE_HIDDEN unsigned tide_stash_take(struct tide_stash *stash, struct tide_bin *bin);
/* The thread got so many from elsewhere: room for as many more, when they come, but not for more
 * than `limit` in all. */
TIDE_HIDDEN void tide_stash_took(struct tide_stash *stash, uint32_t blocks, uint32_t limit);
/* It gave so many away. */
static inline void tide_stash_gave(struct tide_stash *stash, uint32_t blocks)
{
	stash->took -= blocks < stash->took ? blocks : stash->took;
}
/* So many are to go, and the room for them. */
static inline void tide_stash_less_room(struct tide_stash *stash, uint32_t blocks)
{
	stash->most -= blocks < stash->most ? blocks : stash->most;
}
/* Once a tick: how many blocks were not needed since the last, and are to go. */
TIDE_HIDDEN uint32_t tide_stash_due(struct tide_stash *stash);
/* Take slabs out, with their blocks, which `take` puts elsewhere before it says tide_stash_let_go:
 * the last in the list, with so many blocks and up to a slab more, but no more than `slabs` of
 * them. Returns how many. */
TIDE_HIDDEN unsigned tide_stash_take_slabs(struct tide_stash *stash, uint32_t blocks,
                                           unsigned slabs, void (*take)(struct tide_slab *slab));
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
