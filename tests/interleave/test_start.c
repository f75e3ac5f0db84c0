/* start.c and gc/thread.c: first calls that come together start the process once; and a GC thread
 * that is started, wanted and stopped from several sides runs once or not at all. */
#include "support.h"

#include "cache.h"
#include "gc.h"
#include "heap.h"
#include "options.h"
#include "pagemap.h"
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <tide/tide.h>

enum { BYTES = 700, MORE = 4 };

/* All that may come between the first calls, but for the stacks that spare bins lie on. */
#define POINTS "start. pagemap. meta. cache. region. frontier. token. test."

static void *held[SCENARIO_THREADS][MORE];

static void first_calls(void)
{
	int self = schedule_self();

	for (unsigned i = 0; i < MORE; i++) {
		held[self][i] = tide_malloc(BYTES);
		schedule_must(held[self][i] != NULL);
	}
	tide_free(held[self][0]);
	held[self][0] = NULL;
}

/* With all of it sampled. */
static void profile_wanted(void)
{
	schedule_must(setenv("TIDE_PROFILE", "1", 1) == 0 &&
	              setenv("TIDE_PROFILE_BYTES", "1", 1) == 0);
}

/* A thread whose first call frees what another one made. */
static void first_call_is_a_free(void)
{
	void *block = held[0][1];

	held[0][1] = NULL;
	tide_free(block);
}

static const char *all_is_apart(void)
{
	void *const *all = &held[0][0];

	for (unsigned i = 0; i < SCENARIO_THREADS * MORE; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (all[i] != NULL && all[i] == all[j])
				return "a block was handed out twice";
		}
	}
	return NULL;
}

static const char *started_once(void)
{
	const char *wrong = all_is_apart();

	if (wrong == NULL && schedule_frozen() < 0)
		wrong = tide_gc_audit();
	if (wrong == NULL && tide_pagemap_near()->pages == 0)
		wrong = "there is no window";
	return wrong;
}

/* One table has them all, but what came before there was a heap for samples. */
static const char *started_and_profiled_once(void)
{
	const char *wrong = all_is_apart();
	struct tide_profile_totals totals;

	tide_profile_total(&totals);
	if (wrong == NULL && totals.allocs + totals.lost_blocks != (uint64_t)2 * MORE)
		wrong = "a sample is in no table, or in another one";
	return wrong;
}

/* The end of threads: their destructors have run, so no cache of theirs has an owner. */
static const char *ended_and_parked(void)
{
	const char *wrong = started_once();

	if (wrong == NULL &&
	    tide_cache_threads_racy(&tide_heap_default) != 1) /* the one of set_up */
		wrong = "a thread ended and left its cache behind";
	return wrong;
}

/* The GC thread. */

static unsigned started, stopped;

static void process_begins(void)
{
	tide_free(tide_malloc(BYTES));
}

static void start_it(void)
{
	int result = tide_gc_thread_start();

	schedule_must(result == 0 || result == EALREADY);
	started += result == 0;
}

static void stop_it(void)
{
	int result = tide_gc_thread_stop();

	schedule_must(result == 0 || result == ESRCH);
	stopped += result == 0;
}

static void start_and_stop_it(void)
{
	start_it();
	stop_it();
}

static void want_it(void)
{
	bool before = tide_gc_thread_runs();

	tide_gc_thread_want();
	if (!before && tide_gc_thread_runs())
		TIDE_YIELD("test.wanted");
}

static const char *one_runs(void)
{
	if (started != 1 || !tide_gc_thread_runs())
		return "two were started, or none runs";
	return NULL;
}

static const char *one_runs_for_each_start(void)
{
	unsigned running = tide_gc_thread_runs();

	return started != stopped + running ? "starts and stops do not match" : NULL;
}

/* Whoever wants one does not start it again, wherever that start was when it was stopped. */
static const char *none_runs_once_stopped(void)
{
	return tide_gc_thread_runs() ? "one runs after the program stopped it" : NULL;
}

static const struct scenario scenario[] = {
	{ .name = "two_first_calls",
	  .thread = { first_calls, first_calls },
	  .check = started_once,
	  .points = POINTS,
	  .must_meet = "pagemap.leaf" },
	{ .name = "two_first_calls_and_a_free",
	  .set_up = NULL,
	  .thread = { first_calls, first_call_is_a_free, first_calls },
	  .check = started_once,
	  .points = "start. cache. pagemap. test." },
	{ .name = "two_first_calls_profiled",
	  .set_up = profile_wanted,
	  .thread = { first_calls, first_calls },
	  .check = started_and_profiled_once,
	  .points = "start. profile. test.",
	  .must_meet = "profile.tables" },
	{ .name = "frozen_in_its_first_call",
	  .thread = { first_calls, first_calls },
	  .check = started_once,
	  .points = "start. cache. pagemap. meta. region. test.",
	  .freezes = true },
	{ .name = "threads_come_and_end",
	  .set_up = process_begins,
	  .thread = { first_calls, first_calls },
	  .check = ended_and_parked,
	  .points = "start. cache. garbage. doorbell. test.",
	  .exits = true },
	{ .name = "started_by_two",
	  .set_up = process_begins,
	  .thread = { start_it, start_it },
	  .check = one_runs,
	  .points = "gc. doorbell. futex. test." },
	{ .name = "started_and_stopped_by_two",
	  .set_up = process_begins,
	  .thread = { start_and_stop_it, start_and_stop_it },
	  .check = one_runs_for_each_start,
	  .points = "gc. doorbell. futex. test." },
	{ .name = "wanted_and_stopped",
	  .set_up = process_begins,
	  .thread = { want_it, start_and_stop_it },
	  .check = none_runs_once_stopped,
	  .points = "gc. doorbell. futex. test.",
	  .must_meet = "test.wanted" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
