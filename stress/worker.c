/* The life of a thread, whatever its role. See worker.h. */
#include "worker.h"

#include "fault.h"
#include "order.h"

#include <sched.h>
#include <time.h>

enum { NAP_NS = 2000000 };

static bool stopped(const struct worker *worker)
{
	return load_relaxed(&worker->run->stop);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

void worker_step(struct worker *worker)
{
	const struct crew *crew = worker->team->crew;
	struct actor *actor = worker->actor;

	count_owned(&worker->step, 1);
	actor_step(actor, load_relaxed(&worker->step));
	if (worker->phase->kind != PHASE_GROW)
		return; /* a stage or a taker; nobody makes blocks now */
	if (random_once_in(&actor->random, crew->mayfly_one_in))
		mayfly_run(worker);
	if (random_once_in(&actor->random, crew->fork_one_in))
		fork_run(worker);
}

bool worker_put(struct worker *worker, struct exchange *exchange, uint32_t slot, struct held *held)
{
	struct held given = *held;

	/* Told before: once in the slot, the record is another thread's. */
	actor_note(worker->actor, &given, EVENT_HANDED);
	if (!exchange_put(exchange, slot, &given))
		return false;
	count_owned(&worker->actor->tally.handed, 1);
	held->block = NULL;
	return true;
}

bool worker_put_ring(struct worker *worker, struct ring *ring, struct held *held)
{
	struct held given = *held;

	actor_note(worker->actor, &given, EVENT_HANDED);
	if (!ring_put(ring, &given))
		return false;
	count_owned(&worker->actor->tally.handed, 1);
	held->block = NULL;
	return true;
}

static void begin_life(struct worker *worker)
{
	uint32_t life_steps = worker->team->crew->life_steps;
	struct actor *actor = worker->actor;

	count_owned(&actor->tally.threads, 1);
	if (life_steps == 0) {
		worker->steps_left = UINT64_MAX;
		return;
	}
	/* Not all at the same time. */
	actor_step(actor, STEP_OF_LIFE | load_relaxed(&actor->tally.threads));
	worker->steps_left = life_steps / 2 + random_below(&actor->random, life_steps);
}

/* Whether the thread has lived long enough; its successor is started by the main thread. */
static bool spent(struct worker *worker, uint32_t steps)
{
	if (worker->steps_left == UINT64_MAX)
		return false;
	if (worker->steps_left > steps) {
		worker->steps_left -= steps;
		return false;
	}
	store_release(&worker->resting, true);
	return true;
}

/* By the clock of the main thread, or by its own steps where these are counted. */
static uint32_t phase_number(const struct worker *worker)
{
	const struct run *run = worker->run;

	if (run->steps != 0)
		return scenario_phase_within(run->scenario, load_relaxed(&worker->step),
		                             run->steps);
	return load_relaxed(&run->phase);
}

static void drop(struct worker *worker, uint32_t number, uint32_t percent)
{
	actor_step(worker->actor, STEP_OF_DROP | number);
	if (worker->role == ROLE_EXCHANGE)
		exchange_drop(worker, percent);
	else if (worker->role == ROLE_HEAP)
		heap_drop(worker, percent);
	else
		own_drop(worker, percent);
}

static void enter_phase(struct worker *worker)
{
	uint32_t number = phase_number(worker);

	worker->phase = run_phase(worker->run, number);
	if (worker->phase->kind == PHASE_DROP && worker->phase_seen != number &&
	    worker_has_steps(worker))
		drop(worker, number, worker->phase->fill_percent);
	worker->phase_seen = number;
}

/* Nothing to do in this phase: time goes by, or the steps do. */
static void rest(struct worker *worker)
{
	if (worker->run->steps == 0)
		nap();
	else
		count_owned(&worker->step, BURST_STEPS);
}

/* Steps done. */
static uint32_t burst(struct worker *worker)
{
	static uint32_t (*const role_burst[])(struct worker *) = {
		own_burst, exchange_burst, heap_burst, maker_burst, stage_burst, taker_burst,
	};

	return role_burst[worker->role](worker);
}

/* It waits for another thread: a maker for room, which comes soon; others for blocks, for as long
 * as it takes to fill the ring. */
static void wait_for_others(const struct worker *worker)
{
	if (worker->role == ROLE_MAKER)
		sched_yield();
	else
		nap();
}

static bool steps_are_done(const struct worker *worker)
{
	return worker->run->steps != 0 && worker_has_steps(worker) &&
	       load_relaxed(&worker->step) >= worker->run->steps;
}

void *worker_main(void *of)
{
	struct worker *worker = of;

	begin_life(worker);
	while (!stopped(worker) && !steps_are_done(worker)) {
		fault_beat(worker->actor->number);
		actor_read_clock(worker->actor);
		enter_phase(worker);
		if (worker->phase->kind != PHASE_GROW && worker_has_steps(worker)) {
			rest(worker);
			continue;
		}
		uint32_t steps = burst(worker);
		if (steps == 0)
			wait_for_others(worker);
		if (spent(worker, steps))
			return NULL;
	}
	actor_read_clock(worker->actor);
	own_drop(worker, 100);
	store_release(&worker->finished, true);
	return NULL;
}
