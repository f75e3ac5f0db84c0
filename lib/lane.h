/* Lanes: a structure that all threads share exists a few times, so that each thread uses one, and
 * another only when its own has nothing. What a thread gives away then comes back to it, out of its
 * processor's cache, and threads that have nothing to do with each other write to few of each
 * other's lines: neither to the structure's nor, what is much more, to the bins' and the blocks'.
 * Ready queues, empty bins and open slabs are by lanes; of slabs with free blocks, those that the
 * lane took from last are preferred. (Not where a heap's held memory has a limit: there all slabs
 * are one lane's.) No lane owns memory, as other allocators' arenas do: where one has nothing it
 * takes from any, so nothing that is free lies idle while another lane needs it.
 *
 * (Threads that build and drop trees of 31 to 520,000 nodes of 32 bytes got nearly half of their
 * nodes from each other; with lanes it is 2 in 100. Two of them took 0.5 to 0.7 of the time, four
 * 0.5 to 0.8.)
 *
 * Lanes do not keep threads' blocks apart for good: who finds its own empty takes a bin from another,
 * and after some hundred rounds of it each page has blocks of several. (Carving instead, for who
 * gives as much as it takes, came too late, since the first to start is robbed by the next; for
 * whoever has given nothing yet, too, it gave a producer 12 MiB where 2.4 do.) What threads keep for
 * themselves (stash.h) does.
 *
 * A lane goes with a thread's cache in the default heap, in turns; so a process with one thread has
 * one, and uses no memory of the others. (Caches are used again last in first out: where many
 * threads have ended, those that stay may be in few lanes.) The GC thread is in the first; who
 * fills a queue, in the lane that asked meanwhile.
 *
 * Touched by  every thread     Progress  wait-free
 * Invariants  tide_lane < tide_lanes_used_racy() <= TIDE_LANES, for a thread with a cache
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
	return lane < used ? lane : lane % used;
}

#endif
