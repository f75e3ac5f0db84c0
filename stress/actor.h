/* What a thread needs to use the allocator under test, and the calls themselves: every block is
 * made, resized, checked and freed here and nowhere else.
 *
 * Touched by  the thread that is the actor; its tally is read by the sampler.
 */
#ifndef STRESS_ACTOR_H
#define STRESS_ACTOR_H

#include "latency.h"
#include "oracle.h"
#include "random.h"
#include "scenario.h"

/* What one actor did, since the start.
 * writers  the actor                            readers  the sampler
 * order    relaxed                              edges    none: counts carry no data */
struct tally {
	_Atomic uint64_t made;      /* blocks from malloc, calloc and posix_memalign */
	_Atomic uint64_t freed;     /* blocks */
	_Atomic uint64_t resized;   /* calls of realloc */
	_Atomic uint64_t handed;    /* blocks given to other threads */
	_Atomic uint64_t refused;   /* calls that gave NULL */
	_Atomic int64_t live_bytes; /* requested less freed; blocks of others make it negative */
	_Atomic uint64_t threads;   /* threads that this actor was */
	_Atomic uint64_t forks;     /* child processes */
	_Atomic uint64_t abandoned; /* corrupt blocks, which are not freed */
};

struct actor {
	_Alignas(64) struct tally tally;
	struct latency latency;
	struct random random;
	uint64_t sequence; /* blocks made, the numbers of their ids */
	uint32_t number;
};

/* Make a block as the scenario has it in this phase. False: refused or wrong; `held` is empty. */
bool actor_make(struct actor *actor, const struct scenario *scenario, const struct phase *phase,
                struct held *held);
/* Resize `held` `steps` times in a row, up and down around its size. */
void actor_resize_chain(struct actor *actor, struct held *held, uint32_t steps);
/* Check and free; `held` is empty after. */
void actor_free(struct actor *actor, struct held *held);
/* Check a block that another thread handed over. A wrong one is dropped: `held` is empty then. */
void actor_receive(struct actor *actor, struct held *held);

#endif
