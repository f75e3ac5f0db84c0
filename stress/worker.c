/* See worker.h. */
#include "worker.h"

#include "order.h"

#include <sched.h>
#include <time.h>

enum { BURST_STEPS = 64, NAP_NS = 2000000 };

static bool stopped(const struct worker *worker)
{
	return load_relaxed(&worker->run->stop);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

/* Whether the thread has lived long enough; its successor is started by the main thread. */
static bool spent(struct worker *worker, uint64_t steps)
{
	if (worker->steps_left > steps) {
		worker->steps_left -= steps;
		return false;
	}
	store_release(&worker->resting, true);
	return true;
}

static void begin_life(struct worker *worker)
{
	uint32_t life_steps = worker->run->scenario->life_steps;

	count_owned(&worker->actor->tally.threads, 1);
	/* Not all at the same time. */
	worker->steps_left = life_steps / 2 + random_below(&worker->actor->random, life_steps);
}

/* Give `held` to the exchange and take what another thread left there. */
static void trade(struct worker *worker, struct held *held)
{
	struct exchange *exchange = &worker->run->exchange;
	uint32_t slot = random_below(&worker->actor->random, exchange->slots);
	struct held taken = { 0 };

	if (exchange_take(exchange, slot, &taken))
		actor_receive(worker->actor, &taken);
	if (held->block != NULL) {
		oracle_note(held, EVENT_HANDED, worker->actor->number);
		if (!exchange_put(exchange, slot, held)) {
			actor_free(worker->actor, held); /* somebody was faster */
		} else {
			count_owned(&worker->actor->tally.handed, 1);
		}
	}
	*held = taken;
}

static void mixed_step(struct worker *worker, const struct phase *phase)
{
	const struct scenario *scenario = worker->run->scenario;
	struct actor *actor = worker->actor;
	struct held *held = &worker->held[random_below(&actor->random, worker->slots)];
	bool had = held->block != NULL;
	uint32_t target = (uint32_t)((uint64_t)worker->slots * phase->fill_percent / 100);

	if (random_once_in(&actor->random, scenario->mayfly_one_in))
		mayfly_run(worker);
	if (random_once_in(&actor->random, scenario->exchange_one_in)) {
		trade(worker, held);
	} else if (had && random_once_in(&actor->random, scenario->resize_one_in)) {
		actor_resize_chain(actor, held,
		                   1 + random_below(&actor->random, scenario->resize_chain_max));
	} else {
		if (had)
			actor_free(actor, held);
		if (worker->filled - had < target)
			actor_make(actor, scenario, phase, held);
	}
	worker->filled += (uint32_t)(held->block != NULL) - (uint32_t)had;
}

static void drop_part(struct worker *worker, uint32_t percent)
{
	for (uint32_t i = 0; i < worker->slots; i++) {
		struct held *held = &worker->held[i];

		if (held->block != NULL && random_below(&worker->actor->random, 100) < percent) {
			actor_free(worker->actor, held);
			worker->filled--;
		}
	}
}

void *worker_mixed(void *of)
{
	struct worker *worker = of;

	begin_life(worker);
	while (!stopped(worker)) {
		uint32_t number = load_relaxed(&worker->run->phase);
		const struct phase *phase = run_phase(worker->run, number);

		if (phase->kind == PHASE_DROP && worker->phase_seen != number)
			drop_part(worker, phase->fill_percent);
		worker->phase_seen = number;
		if (phase->kind != PHASE_GROW) {
			nap();
			continue;
		}
		for (uint32_t i = 0; i < BURST_STEPS; i++)
			mixed_step(worker, phase);
		if (spent(worker, BURST_STEPS))
			return NULL;
	}
	drop_part(worker, 100);
	return NULL;
}

/* One block into the pair's array. False: its end is full. */
static bool produce(struct worker *worker, const struct phase *phase)
{
	struct held *held = worker->held;

	if (held->block == NULL && !actor_make(worker->actor, worker->run->scenario, phase, held))
		return true;
	oracle_note(held, EVENT_HANDED, worker->actor->number);
	if (!exchange_put(worker->pair, worker->pair_slot, held))
		return false;
	worker->pair_slot++;
	count_owned(&worker->actor->tally.handed, 1);
	held->block = NULL;
	return true;
}

void *worker_producer(void *of)
{
	struct worker *worker = of;

	begin_life(worker);
	while (!stopped(worker)) {
		const struct phase *phase =
		    run_phase(worker->run, load_relaxed(&worker->run->phase));
		uint32_t made = 0;

		if (phase->kind != PHASE_GROW) {
			nap();
			continue;
		}
		while (made < worker->run->scenario->burst_blocks && produce(worker, phase))
			made++;
		if (made == 0)
			sched_yield();
		if (spent(worker, made))
			return NULL;
	}
	drop_part(worker, 100);
	return NULL;
}

void *worker_consumer(void *of)
{
	struct worker *worker = of;
	struct held held;

	begin_life(worker);
	while (!stopped(worker)) {
		uint32_t taken = 0;

		while (taken < worker->run->scenario->burst_blocks &&
		       exchange_take(worker->pair, worker->pair_slot, &held)) {
			worker->pair_slot++;
			taken++;
			actor_receive(worker->actor, &held);
			if (held.block != NULL)
				actor_free(worker->actor, &held);
		}
		if (taken == 0)
			nap(); /* long enough for the producer to fill the array */
		if (spent(worker, taken))
			return NULL;
	}
	return NULL;
}
