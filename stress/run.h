/* One run of a scenario: all that its threads share.
 *
 * Made by run_start, before any thread; the tables are mapped and touched then, so that they show
 * in the base of the resident memory and not in what the allocator is charged with.
 */
#ifndef STRESS_RUN_H
#define STRESS_RUN_H

#include "actor.h"
#include "exchange.h"

#include <pthread.h>

enum role { ROLE_MIXED, ROLE_PRODUCER, ROLE_CONSUMER };

/* A place in the run, filled by one thread after the other: when its thread ends, the next goes on
 * with what it held. Touched by that thread, and by the main thread between two of them. */
struct worker {
	struct run *run;
	struct actor *actor;
	struct actor *mayfly; /* the identity of the short-lived threads it starts */
	enum role role;
	uint32_t phase_seen; /* phase number up to which it acted */
	uint64_t steps_left; /* until its thread ends */

	struct held *held; /* mixed: the working set */
	uint32_t slots, filled;
	struct exchange *pair; /* producer and consumer: the way between them */
	uint32_t pair_slot;    /* next place in it */

	pthread_t thread;
	bool running;
	/* The thread ended and wants a successor.
	 * writers  the thread; main at its start        readers  the main thread
	 * order    release, acquire                     edges    none: the join carries the data */
	_Atomic bool resting, finished;
};

struct faults;

struct run {
	const struct faults *faults;
	const struct scenario *scenario;
	uint64_t seed;
	uint32_t threads;

	/* Number of the phase since the start, and the end.
	 * writers  the main thread                      readers  every thread
	 * order    relaxed                              edges    none: late news does no harm */
	_Alignas(64) _Atomic uint32_t phase;
	_Atomic bool stop;

	struct worker *worker; /* [threads] */
	struct actor *actor;   /* [2 * threads]: workers, then their mayflies */
	uint32_t actors;
	struct exchange exchange;
};

/* False, after a message, when the tables can't be had. */
bool run_start(struct run *run, const struct scenario *scenario, uint64_t seed, uint32_t threads);
static inline const struct phase *run_phase(const struct run *run, uint32_t number)
{
	return &run->scenario->phase[number % run->scenario->phases];
}

/* The threads. False, after a message: one could not be started, or (run_join) did not end. */
bool run_launch(struct run *run);
bool run_replace_resting(struct run *run);
bool run_join(struct run *run);
/* Free what is left in the exchange arrays; on the main thread, after the others ended. */
void run_drain(struct run *run);

#endif
