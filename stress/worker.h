/* The threads of a run: what each role does. See run.h for what they share. */
#ifndef STRESS_WORKER_H
#define STRESS_WORKER_H

#include "run.h"

/* Steps between two looks at phase and stop. */
enum { BURST_STEPS = 64 };

/* Numbers of steps that are none: choices of heaps, beginnings of lives, and drops. */
#define STEP_OF_ROOM (UINT64_C(1) << 61)
#define STEP_OF_LIFE (UINT64_C(1) << 62)
#define STEP_OF_DROP (UINT64_C(1) << 63)

/* The thread function; the argument is the struct worker. */
void *worker_main(void *worker);
/* Whether the role counts steps of its own; the others go on until the stop. */
static inline bool worker_has_steps(const struct worker *worker)
{
	return worker->role <= ROLE_MAKER;
}

/* The next step begins: draw its random numbers, and start the short thread or the child process
 * that may belong to it. */
void worker_step(struct worker *worker);
/* Give `held` to a slot, or to a ring. False: no room, it is still the caller's. */
bool worker_put(struct worker *worker, struct exchange *exchange, uint32_t slot, struct held *held);
bool worker_put_ring(struct worker *worker, struct ring *ring, struct held *held);
/* The size to which the set is filled in this phase. */
static inline uint32_t worker_target(const struct worker *worker, uint32_t slots)
{
	return (uint32_t)((uint64_t)slots * worker->phase->fill_percent / 100);
}

/* A burst of each role, in its phase; steps done, 0: nothing could be done. */
uint32_t own_burst(struct worker *worker);
uint32_t exchange_burst(struct worker *worker);
uint32_t heap_burst(struct worker *worker);
uint32_t maker_burst(struct worker *worker);
uint32_t stage_burst(struct worker *worker);
uint32_t taker_burst(struct worker *worker);

/* Free so much of what the role holds. */
void own_drop(struct worker *worker, uint32_t percent);
void exchange_drop(struct worker *worker, uint32_t percent);
void heap_drop(struct worker *worker, uint32_t percent);

/* Start a thread that lives for a moment, and wait for its end. */
void mayfly_run(struct worker *worker);
/* Fork; the child checks what it inherits, uses the allocator and ends; wait for that. */
void fork_run(struct worker *worker);

#endif
