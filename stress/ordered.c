/* Threads that hand blocks on in order: pairs, one to many, many to one, pipelines. See
 * worker.h. */
#include "worker.h"

#include "fault.h"

#include <time.h>

/* A taker that stays away for so many turns of waiting may never come back: who hands on frees what
 * it has itself, since no thread may depend on another. A maker's turn is a yield, a stage's a
 * nap. */
enum { MAKER_TURNS_MAX = 20000, STAGE_TURNS_MAX = 100 };

/* Into the next ring that has room. */
static bool put_on(struct worker *worker, struct held *held)
{
	for (uint32_t i = 0; i < worker->outs; i++) {
		struct ring *ring = &worker->out[worker->out_turn];

		worker->out_turn = (worker->out_turn + 1) % worker->outs;
		if (worker_put_ring(worker, ring, held))
			return true;
	}
	return false;
}

static bool take_in(struct worker *worker, struct held *held)
{
	for (uint32_t i = 0; i < worker->ins; i++) {
		struct ring *ring = &worker->in[worker->in_turn];

		worker->in_turn = (worker->in_turn + 1) % worker->ins;
		if (ring_take(ring, held)) {
			actor_receive(worker->actor, held);
			return true;
		}
	}
	return false;
}

/* The one in hand goes on, if need be to nowhere. False: not yet. */
static bool pass_on(struct worker *worker)
{
	struct held *held = worker->held;
	uint32_t max = worker->role == ROLE_MAKER ? MAKER_TURNS_MAX : STAGE_TURNS_MAX;

	if (held->block == NULL || put_on(worker, held)) {
		worker->fruitless = 0;
		return true;
	}
	if (++worker->fruitless < max)
		return false;
	actor_free(worker->actor, held);
	return true;
}

uint32_t maker_burst(struct worker *worker)
{
	const struct crew *crew = worker->team->crew;
	uint32_t made = 0, life = 0;

	while (made < crew->burst_blocks && pass_on(worker)) {
		worker_step(worker);
		actor_make(worker->actor, crew, worker->phase, worker->held, &life);
		made++;
	}
	return made;
}

/* Slow consumers are a fault that can be asked for. */
static void dawdle(const struct worker *worker)
{
	uint32_t delay_us = fault_consumer_delay_us(worker->run->faults);

	if (delay_us != 0)
		nanosleep(&(struct timespec){ .tv_sec = delay_us / 1000000,
		                              .tv_nsec = (long)(delay_us % 1000000) * 1000 },
		          NULL);
}

uint32_t stage_burst(struct worker *worker)
{
	const struct crew *crew = worker->team->crew;
	struct held *held = worker->held;
	uint32_t passed = 0;

	while (passed < crew->burst_blocks && pass_on(worker) && take_in(worker, held)) {
		worker_step(worker);
		passed++;
		if (held->block != NULL &&
		    random_once_in(&worker->actor->random, crew->resize_one_in))
			actor_resize_chain(worker->actor, crew, held, 1);
	}
	return passed;
}

uint32_t taker_burst(struct worker *worker)
{
	struct held held;
	uint32_t taken = 0;

	while (taken < worker->team->crew->burst_blocks && take_in(worker, &held)) {
		worker_step(worker);
		taken++;
		if (held.block != NULL)
			actor_free(worker->actor, &held);
	}
	if (taken != 0)
		dawdle(worker);
	return taken;
}
