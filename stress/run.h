/* One run of a scenario: all that its threads share.
 *
 * Made by run_start, before any thread; the tables are mapped and touched then, so that they show
 * in the base of the resident memory and not in what the allocator is charged with.
 */
#ifndef STRESS_RUN_H
#define STRESS_RUN_H

#include "actor.h"
#include "ring.h"
#include "room.h"

#include <pthread.h>

struct faults;

enum role {
	ROLE_OWN,      /* replaces blocks of its working set */
	ROLE_EXCHANGE, /* replaces blocks of the crew's array */
	ROLE_HEAP,     /* replaces blocks of the crew's heaps, and the heaps */
	ROLE_MAKER,    /* makes blocks and hands them on */
	ROLE_STAGE,    /* hands on what it got */
	ROLE_TAKER,    /* frees what it got */
};

/* A crew of the scenario with the threads it has in this run. */
struct team {
	const struct crew *crew;
	uint32_t first, threads; /* its workers */
	struct exchange exchange;
	struct ring *ring; /* [rings] */
	struct room *room; /* [rooms] */
	uint32_t rings, rooms;
};

/* A place in the run, filled by one thread after the other: when its thread ends, the next goes on
 * with what it held. Touched by that thread, and by the main thread between two of them. */
struct worker {
	struct run *run;
	struct team *team;
	struct actor *actor;
	struct actor *mayfly; /* the identity of the short-lived threads it starts */
	enum role role;
	const struct phase *phase; /* that it acts in */
	uint32_t phase_seen;       /* phase number up to which it acted */
	uint64_t steps_left;       /* until its thread ends */

	struct held *held;      /* OWN: the working set; MAKER, STAGE: the one in hand */
	uint32_t slots, filled; /* of `held` */
	uint32_t place;         /* OWN: where it is, if blocks are not replaced at random */
	struct ring *in, *out;  /* the rings it takes from and puts into, in turn */
	uint32_t ins, outs, in_turn, out_turn;
	uint32_t fruitless; /* bursts without a step, in a row */

	pthread_t thread;
	bool running;
	/* Steps so far: what its random numbers follow from, and a sign of life.
	 * writers  the thread                           readers  the main thread
	 * order    relaxed                              edges    none: a count */
	_Atomic uint64_t step;
	/* The thread ended and wants a successor; all its steps are done and it wants none.
	 * writers  the thread; main at its start        readers  the main thread
	 * order    release, acquire                     edges    none: the join carries the data */
	_Atomic bool resting, finished;
};

struct run {
	const struct scenario *scenario;
	struct faults *faults;
	uint64_t seed;
	uint64_t steps; /* of each thread that makes blocks; 0: until the stop */
	uint32_t threads;

	/* Number of the phase since the start, and the end.
	 * writers  the main thread                      readers  every thread
	 * order    relaxed                              edges    none: late news does no harm */
	_Alignas(64) _Atomic uint32_t phase;
	_Atomic bool stop;

	struct worker *worker; /* [threads] */
	struct actor *actor;   /* [2 * threads]: workers, then their mayflies */
	uint32_t actors;
	struct team team[CREWS_MAX];
};

/* What to run; the rest is the run's own. */
struct run_plan {
	const struct scenario *scenario;
	struct faults *faults;
	uint64_t seed, steps;
	uint32_t threads;
};

/* Whether the allocator has what the scenario uses. False, after a message. */
bool run_can_have(const struct scenario *scenario);
/* False, after a message, when the tables can't be had. */
bool run_start(struct run *run, const struct run_plan *plan);
static inline const struct phase *run_phase(const struct run *run, uint32_t number)
{
	return &run->scenario->phase[number % run->scenario->phases];
}

/* The threads. False, after a message: one could not be started, or (run_join) did not end. */
bool run_launch(struct run *run);
bool run_replace_resting(struct run *run);
bool run_join(struct run *run);
/* With a number of steps: all of them are done. */
bool run_is_finished(const struct run *run);
/* Free what the threads left behind, but for frozen ones; on the main thread, after the others
 * ended. */
void run_drain(struct run *run);

/* Threads that are frozen for ever, and the blocks they hold, or that are in a heap with them. As
 * each was stopped anywhere, a few may be counted twice or not at all. */
struct frozen {
	uint64_t threads, blocks;
};
struct frozen run_frozen(const struct run *run);
/* A hash of all sizes and ways the threads asked for; the same for each run of the same steps. */
uint64_t run_trace(const struct run *run);

#endif
