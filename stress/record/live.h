/* The blocks that are live, by address: when each was made, and in which range its size is.
 *
 * Touched by  every thread; an address only by the thread that has just got it from the allocator or
 *             is about to give it back, so that the program itself keeps its two ends in order.
 * Progress    lock-free: an entry is won by a CAS and given up by a store, nobody waits.
 * Invariant   an address is in the table at most once.
 * Edges       live.slot   take is done with an entry  -> put overwrites it
 */
#ifndef RECORD_LIVE_H
#define RECORD_LIVE_H

#include <stdbool.h>
#include <stdint.h>

struct live {
	uint64_t birth; /* number of the allocation that made it */
	uint32_t range;
};

/* False: no room near its place, or no memory; the block is not followed. */
bool live_put(const void *block, const struct live *live);
/* False: it is not there. */
bool live_take(const void *block, struct live *live);

#endif
