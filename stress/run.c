/* The threads of a run: their start, their end and what they leave. See run.h. */
#include "run.h"

#include "fault.h"
#include "order.h"
#include "worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A thread that takes longer to end than this hangs, even under a sanitizer. */
enum { JOIN_MAX_S = 60, JOIN_STUCK_MAX_S = 2 };

static bool is_frozen(const struct run *run, uint32_t number)
{
	return fault_is_frozen(run->faults, number);
}

/* Where the system may refuse, a thread that could not be started rests: it is tried again. */
static bool launch(struct run *run, struct worker *worker)
{
	store_release(&worker->resting, false);
	int error = pthread_create(&worker->thread, NULL, worker_main, worker);
	worker->running = error == 0;
	if (error == 0)
		return true;
	if ((error == EAGAIN || error == ENOMEM) && fault_may_refuse(run->faults)) {
		store_release(&worker->resting, true);
		return true;
	}
	fprintf(stderr, "tide-stress: thread %td could not be started: %s\n", worker - run->worker,
	        strerror(error));
	return false;
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

		if (!load_acquire(&worker->resting) || is_frozen(run, i))
			continue;
		if (worker->running)
			pthread_join(worker->thread, NULL);
		if (!launch(run, worker))
			return false;
	}
	return true;
}

bool run_is_finished(const struct run *run)
{
	if (run->steps == 0)
		return false;
	for (uint32_t i = 0; i < run->threads; i++) {
		const struct worker *worker = &run->worker[i];

		if (worker_has_steps(worker) && !load_acquire(&worker->finished) &&
		    !is_frozen(run, i))
			return false;
	}
	return true;
}

bool run_join(struct run *run)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += fault_is_stuck(run->faults) ? JOIN_STUCK_MAX_S : JOIN_MAX_S;
	for (uint32_t i = 0; i < run->threads; i++) {
		struct worker *worker = &run->worker[i];

		if (!worker->running || is_frozen(run, i))
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

	actor_read_clock(run->actor);
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
	for (uint32_t i = 0; i < run->scenario->crews; i++) {
		drain(run, &run->team[i].exchange);
		for (uint32_t j = 0; j < run->team[i].rings; j++)
			drain(run, &run->team[i].ring[j].exchange);
		for (uint32_t j = 0; j < run->team[i].rooms; j++)
			room_end(&run->team[i].room[j], run->actor);
	}
	for (uint32_t i = 0; i < run->threads; i++) {
		struct worker *worker = &run->worker[i];

		/* What a thread held that ended just before the stop, and got no successor. */
		for (uint32_t j = 0; j < worker->slots && !is_frozen(run, i); j++) {
			if (worker->held[j].block != NULL)
				actor_free(run->actor, &worker->held[j]);
		}
	}
}

struct frozen run_frozen(const struct run *run)
{
	struct frozen frozen = { 0 };

	for (uint32_t i = 0; i < run->threads; i++) {
		const struct worker *worker = &run->worker[i];

		if (!is_frozen(run, i))
			continue;
		frozen.threads++;
		for (uint32_t j = 0; j < worker->slots; j++)
			frozen.blocks += worker->held[j].block != NULL;
	}
	/* Heaps in which one of them is were not ended. */
	for (uint32_t i = 0; i < run->scenario->crews; i++) {
		for (uint32_t j = 0; j < run->team[i].rooms; j++)
			frozen.blocks += room_blocks(&run->team[i].room[j]);
	}
	return frozen;
}

uint64_t run_trace(const struct run *run)
{
	uint64_t trace = 0;

	for (uint32_t i = 0; i < run->actors; i++)
		trace = random_mix(trace ^ run->actor[i].trace);
	return trace;
}
