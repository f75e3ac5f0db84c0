/* Lanes: a shared structure of hand-over that there is a few times, so that threads use one each and
 * another's only when their own has nothing. What a thread gives away then comes back to it, out of
 * its processor's cache, and threads that have nothing to do with each other write to few of each
 * other's lines: neither to the structure's nor, what is much more, to the bins' and the blocks'.
 * Ready queues, empty bins and open slabs are by lanes; of slabs with free blocks those are preferred
 * that the lane took from last. Not thread's own, as other allocators' arenas are: a lane that has
 * nothing takes from any, so what one thread frees and another needs lies in nobody's way.
 *
 * (Threads that build and drop trees of 31 to 520,000 nodes of 32 bytes got nearly half of their
 * nodes from each other; with lanes it is 2 in 100. Two of them took 0.5 to 0.7 of the time, four
 * 0.5 to 0.8.)
 *
 * A lane goes with a thread's cache in the default heap, in turns; so a process with one thread has
 * one, and uses no memory of the others. The GC is in the first, and while it fills a queue in the
 * lane that asked.
 *
 * Touched by  every thread     Progress  wait-free
 * Invariants  tide_lane < tide_lanes_used_racy() <= TIDE_LANES
 */
#ifndef TIDE_LANE_H
#define TIDE_LANE_H

#include "atomic.h"

#define TIDE_LANES 4u

/* The calling thread's. */
TIDE_HIDDEN extern TIDE_THREAD_LOCAL uint8_t tide_lane;
/* Caches of the default heap until now.
 * writers  who makes one, by fetch-add   readers  every thread
 * order    relaxed: advice. A thread that does not know of a lane finds nothing there, which may be
 *          so in any case                edges    none */
TIDE_HIDDEN extern _Atomic uint32_t tide_lane_caches;

/* For a new cache. */
static inline uint8_t tide_lane_next(void)
{
	return (uint8_t)(tide_add_relaxed(&tide_lane_caches, 1u) % TIDE_LANES);
}

/* How many there may be anything in, this thread's among them. */
static inline unsigned tide_lanes_used_racy(void)
{
	uint32_t caches = tide_load_relaxed(&tide_lane_caches);
	if (caches == 0)
		return 1;
	return caches < TIDE_LANES ? caches : TIDE_LANES;
}

/* Number `turn` of `used` lanes, in the order in which the calling thread goes through them; 0: its
 * own. */
static inline unsigned tide_lane_at(unsigned turn, unsigned used)
{
	unsigned lane = tide_lane + turn;
	return lane < used ? lane : lane - used;
}

#endif
