/* See rounds.h. */
#include "rounds.h"

#include "child.h"
#include "cli.h"
#include "results.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_NOT_INSTALLED = 77, FAULT_BYTES = 512, PREPARE_LIMIT_S = 1800 };
/* For the first run, whose size nobody knows yet. */
static const uint64_t first_touch_bytes = UINT64_C(512) << 20;

/* The line that a run prints last. NULL: it is no object. */
static json_t *run_json(const char *output)
{
	const char *brace = strrchr(output, '{');
	json_error_t error;

	while (brace != NULL && brace > output && brace[-1] != '\n')
		brace--;
	return brace != NULL ? json_loads(brace, JSON_DISABLE_EOF_CHECK, &error) : NULL;
}

static bool start_run(const struct rounds *rounds, const struct scenario *scenario,
                      const struct peer *peer, struct child *child)
{
	char scale[32];

	snprintf(scale, sizeof scale, "%g", rounds->scale);
	if (scenario->is_program)
		return child_run(
		    child,
		    (const char *const[]){ "/bin/sh", scenario->file, "run", rounds->work, NULL },
		    "TIDE_BENCH_PRELOAD", peer->path, rounds->limit_s);
	return child_run(child,
	                 (const char *const[]){ scenario->file, strchr(scenario->name, '/') + 1,
	                                        "--scale", scale, NULL },
	                 "LD_PRELOAD", peer->path, rounds->limit_s);
}

/* Run once. NULL: the fault is noted, or Ctrl-C ended it. Else what it reported. */
static json_t *run_once(const struct rounds *rounds, const struct scenario *scenario,
                        const struct peer *peer, json_t *cell)
{
	struct child child;
	char fault[FAULT_BYTES];

	if (!start_run(rounds, scenario, peer, &child)) {
		if (child.is_interrupted)
			return NULL;
		child_fault(&child, fault, sizeof fault);
		results_set_fault(cell, fault);
		return NULL;
	}
	json_t *run = run_json(child.output_text);
	const char *allocator = json_string_value(json_object_get(run, "allocator"));
	if (allocator == NULL) {
		results_set_fault(cell, "no result, or it does not tell the allocator");
		json_decref(run);
		return NULL;
	}
	if (!peer_serves(peer, allocator)) {
		snprintf(fault, sizeof fault, "not active: malloc comes from %s", allocator);
		results_set_fault(cell, fault);
		json_decref(run);
		return NULL;
	}
	return run;
}

/* One run, and what it has for the next ones: the most memory up to now. */
static void run_and_note(const struct rounds *rounds, const struct scenario *scenario,
                         size_t number, size_t round, json_t *cell, uint64_t *most_bytes)
{
	/* A quarter more: the memory of the peers differs, and so does a run from itself. */
	child_touch_memory(*most_bytes > 0 ? *most_bytes + *most_bytes / 4 : first_touch_bytes);
	json_t *run = run_once(rounds, scenario, &rounds->peers->peer[number], cell);
	if (run == NULL)
		return;
	double peak_bytes = json_number_value(json_object_get(run, "peak_rss_bytes"));
	if (peak_bytes > (double)*most_bytes)
		*most_bytes = (uint64_t)peak_bytes;
	if (round < rounds->warmups)
		json_decref(run);
	else if (!results_add_run(cell, round - rounds->warmups, run))
		results_set_fault(cell, "a figure is missing in the result");
}

enum prepared { PREPARED, NOT_INSTALLED, NOT_PREPARED };

static enum prepared prepare(const struct rounds *rounds, const struct scenario *scenario,
                             char *fault, size_t bytes)
{
	struct child child;

	if (!scenario->is_program)
		return PREPARED;
	cli_progress(rounds->quiet, "%s: preparing", scenario->name);
	if (child_run(
		&child,
		(const char *const[]){ "/bin/sh", scenario->file, "prepare", rounds->work, NULL },
		"TIDE_BENCH_PRELOAD", "", PREPARE_LIMIT_S))
		return PREPARED;
	child_fault(&child, fault, bytes);
	if (child.status == STATUS_NOT_INSTALLED || child.is_interrupted)
		return NOT_INSTALLED;
	return NOT_PREPARED;
}

static void run_rounds(const struct rounds *rounds, const struct scenario *scenario,
                       const json_t *in)
{
	size_t peers = rounds->peers->count, total = rounds->warmups + rounds->rounds;
	uint64_t most_bytes = 0;

	for (size_t round = 0; round < total; round++) {
		for (size_t turn = 0; turn < peers && !child_interrupted(); turn++) {
			size_t number = (turn + round) % peers;
			json_t *cell = results_cell(in, number);

			cli_progress(rounds->quiet, "%s: round %zu of %zu, %s", scenario->name,
			             round + 1, total, rounds->peers->peer[number].name);
			/* One who failed once is not asked again: it may take all the time. */
			if (results_fault(cell) == NULL)
				run_and_note(rounds, scenario, number, round, cell, &most_bytes);
		}
	}
}

void rounds_run(const struct rounds *rounds, const struct scenario *scenario, json_t *results)
{
	char fault[FAULT_BYTES];
	enum prepared prepared = prepare(rounds, scenario, fault, sizeof fault);

	if (prepared == NOT_INSTALLED) {
		cli_progress(rounds->quiet, "%s", "");
		fprintf(stderr, "%s: left out: %s\n", scenario->name, fault);
		return;
	}
	json_t *in = results_add_scenario(results, scenario->name, scenario->what);
	for (size_t i = 0; prepared == NOT_PREPARED && i < rounds->peers->count; i++)
		results_set_fault(results_cell(in, i), fault);
	run_rounds(rounds, scenario, in);
}
