/* See run.h. */
#include "run.h"

#include "fault.h"
#include "order.h"
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* A thread that takes longer to end than this hangs, even under a sanitizer. */
enum { JOIN_MAX_S = 60 };

/* Zeroed memory that is not the allocator's, resident from the start. NULL: there is none. */
static void *table(size_t count, size_t bytes)
{
	void *mapped = mmap(NULL, count * bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return mapped == MAP_FAILED ? NULL : mapped;
}

static bool exchange_start(struct exchange *exchange, uint32_t slots)
{
	exchange->slots = slots;
	exchange->slot = table(slots, sizeof *exchange->slot);
	return exchange->slot != NULL;
}

static enum role role_of(const struct run *run, uint32_t number)
{
	uint32_t every = run->scenario->pair_every;

	/* The last two of every group, so that one thread alone is a mixed one. */
	if (number % every == every - 2 && number + 1 < run->threads)
		return ROLE_PRODUCER;
	if (number % every == every - 1)
		return ROLE_CONSUMER;
	return ROLE_MIXED;
}

static bool worker_start(struct run *run, uint32_t number, uint32_t mixed_workers)
{
	struct worker *worker = &run->worker[number];

	worker->run = run;
	worker->actor = &run->actor[number];
	worker->mayfly = &run->actor[run->threads + number];
	worker->role = role_of(run, number);
	worker->phase_seen = UINT32_MAX;
	if (worker->role == ROLE_CONSUMER) {
		worker->pair = run->worker[number - 1].pair;
		return true;
	}
	worker->slots = 1;
	if (worker->role == ROLE_MIXED)
		worker->slots = run->scenario->working_slots / mixed_workers + 1;
	worker->held = table(worker->slots, sizeof *worker->held);
	if (worker->held == NULL)
		return false;
	if (worker->role == ROLE_MIXED)
		return true;
	worker->pair = table(1, sizeof *worker->pair);
	return worker->pair != NULL && exchange_start(worker->pair, run->scenario->pair_slots);
}

static bool tables_start(struct run *run)
{
	uint32_t mixed_workers = 0;

	run->worker = table(run->threads, sizeof *run->worker);
	run->actor = table(run->actors, sizeof *run->actor);
	if (run->worker == NULL || run->actor == NULL ||
	    !exchange_start(&run->exchange, run->scenario->exchange_slots))
		return false;
	for (uint32_t i = 0; i < run->actors; i++) {
		run->actor[i].number = i;
		random_seed(&run->actor[i].random, run->seed, i);
	}
	for (uint32_t i = 0; i < run->threads; i++)
		mixed_workers += role_of(run, i) == ROLE_MIXED;
	for (uint32_t i = 0; i < run->threads; i++) {
		if (!worker_start(run, i, mixed_workers))
			return false;
	}
	return true;
}

bool run_start(struct run *run, const struct scenario *scenario, uint64_t seed, uint32_t threads)
{
	memset(run, 0, sizeof *run);
	run->scenario = scenario;
	run->seed = seed;
	run->threads = threads;
	run->actors = 2 * threads;
	if (tables_start(run))
		return true;
	fprintf(stderr, "tide-stress: no memory for the tables of %" PRIu32 " threads\n", threads);
	return false;
}

static bool launch(struct run *run, struct worker *worker)
{
	static void *(*const role_main[])(void *) = { worker_mixed, worker_producer,
		                                      worker_consumer };

	store_release(&worker->resting, false);
	int error = pthread_create(&worker->thread, NULL, role_main[worker->role], worker);
	worker->running = error == 0;
	if (error != 0 && fault_may_refuse(run->faults)) {
		store_release(&worker->resting, true); /* another time */
		return true;
	}
	if (error != 0)
		fprintf(stderr, "tide-stress: thread %td could not be started: %s\n",
		        worker - run->worker, strerror(error));
	return error == 0;
}

bool run_launch(struct run *run)
{
	for (uint32_t i = 0; i < run->threads; i++) {
		if (!launch(run, &run->worker[i]))
			return false;
	}
	return true;
}

bool run_replace_resting(struct run *run)
{
	for (uint32_t i = 0; i < run->threads; i++) {
		struct worker *worker = &run->worker[i];

		if (!load_acquire(&worker->resting) || fault_is_frozen(run->faults, i))
			continue;
		if (worker->running)
			pthread_join(worker->thread, NULL);
		if (!launch(run, worker))
			return false;
	}
	return true;
}

bool run_join(struct run *run)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_MAX_S;
	for (uint32_t i = 0; i < run->threads; i++) {
		struct worker *worker = &run->worker[i];

		if (!worker->running || fault_is_frozen(run->faults, i))
			continue;
		if (pthread_timedjoin_np(worker->thread, NULL, &until) != 0) {
			fprintf(stderr, "tide-stress: thread %" PRIu32 " hangs\n", i);
			return false;
		}
		worker->running = false;
	}
	return true;
}

static void drain(struct run *run, struct exchange *exchange)
{
	struct held held;

	for (uint32_t i = 0; i < exchange->slots; i++) {
		if (!exchange_take(exchange, i, &held))
			continue;
		actor_receive(run->actor, &held);
		if (held.block != NULL)
			actor_free(run->actor, &held);
	}
}

void run_drain(struct run *run)
{
	drain(run, &run->exchange);
	for (uint32_t i = 0; i < run->threads; i++) {
		struct worker *worker = &run->worker[i];

		if (worker->role == ROLE_PRODUCER)
			drain(run, worker->pair);
		if (fault_is_frozen(run->faults, i))
			continue;
		/* What a thread held that ended just before the stop, and got no successor. */
		for (uint32_t j = 0; j < worker->slots; j++) {
			if (worker->held[j].block != NULL)
				actor_free(run->actor, &worker->held[j]);
		}
	}
}
