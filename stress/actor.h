/* What a thread needs to use the allocator under test, and the calls themselves: every block is
 * made, resized, checked and freed here and nowhere else.
 *
 * Replay      All an actor draws follows from the seed, its number and the number of its step, not
 *             from what came before: a step asks for the same sizes whatever the other threads did.
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
	_Atomic uint64_t limited;   /* the same, in a heap that has a limit */
	_Atomic uint64_t heaps;     /* that it ended */
	_Atomic int64_t live_bytes; /* requested less freed; blocks of others make it negative */
	_Atomic uint64_t threads;   /* threads that this actor was */
	_Atomic uint64_t forks;     /* child processes */
	_Atomic uint64_t abandoned; /* corrupt blocks, which are not freed */
};

struct actor {
	_Alignas(64) struct tally tally;
	struct latency latency;
	struct random random;
	uint64_t stream;   /* from the seed and the number: where its random numbers come from */
	uint64_t sequence; /* blocks made, the numbers of their ids */
	uint64_t trace;    /* hash of all sizes and ways asked for, in their order */
	/* Where its blocks come from and go to, now; NULL: malloc. And whether NULL is right
	 * there. */
	struct tide_heap *heap;
	bool may_refuse;
	uint32_t number;
	uint32_t now_ms; /* as actor_read_clock found it */
};

void actor_start(struct actor *actor, uint32_t number, uint64_t seed);
/* Draw what belongs to this step from now on. */
static inline void actor_step(struct actor *actor, uint64_t step)
{
	random_seed(&actor->random, actor->stream, step);
}

/* The time of what is noted from now on. Once in a while: to read a clock for each block would cost
 * more than to allocate it. */
static inline void actor_read_clock(struct actor *actor)
{
	actor->now_ms = oracle_clock_ms();
}

/* Something happens to the block, by this actor. */
static inline void actor_note(const struct actor *actor, struct held *held, enum event_kind kind)
{
	oracle_note(held, kind, actor->number, actor->now_ms);
}

/* Make a block as the crew has it in this phase. `life` gets the number of allocations it should
 * live for, where that was recorded. False: refused or wrong; `held` is empty. */
bool actor_make(struct actor *actor, const struct crew *crew, const struct phase *phase,
                struct held *held, uint32_t *life);
/* Resize `held` `steps` times in a row, up and down around its size. */
void actor_resize_chain(struct actor *actor, const struct crew *crew, struct held *held,
                        uint32_t steps);
/* Check and free; `held` is empty after. */
void actor_free(struct actor *actor, struct held *held);
/* Check, and know no more of it: it goes with its heap. `held` is empty after. */
void actor_forget(struct actor *actor, struct held *held);
/* Check a block that another thread handed over. A wrong one is dropped: `held` is empty then. */
void actor_receive(struct actor *actor, struct held *held);
/* Check a block that stays where it is. A wrong one is dropped. */
void actor_look(struct actor *actor, struct held *held);

#endif
