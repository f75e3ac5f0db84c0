/* See rounds.h. */
#include "rounds.h"

#include "../cli.h"
#include "results.h"
#include "trial.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_NOT_INSTALLED = 77, PREPARE_LIMIT_S = 1800 };

static void run_child(const struct rounds *rounds, const struct scenario *scenario,
                      const struct peer *peer, struct child *child)
{
	const char *micro = strchr(scenario->name, '/') + 1;
	char scale[32];

	snprintf(scale, sizeof scale, "%g", rounds->scale);
	if (scenario->is_program)
		child_run(
		    child,
		    (const char *const[]){ "/bin/sh", scenario->file, "run", rounds->work, NULL },
		    "TIDE_BENCH_PRELOAD", peer->path, rounds->limit_s);
	else
		child_run(child,
		          (const char *const[]){ scenario->file, micro, "--scale", scale, NULL },
		          "LD_PRELOAD", peer->path, rounds->limit_s);
}

/* One run, and what it has for the next ones: the most memory up to now. */
static void run_and_note(const struct rounds *rounds, const struct scenario *scenario,
                         size_t number, size_t round, json_t *cell, uint64_t *most_bytes)
{
	const struct peer *peer = &rounds->peers->peer[number];
	struct child child;
	char fault[TRIAL_FAULT_BYTES];

	trial_touch_memory(*most_bytes);
	run_child(rounds, scenario, peer, &child);
	json_t *run = trial_result(&child, peer, fault);
	if (run == NULL) {
		if (*fault != '\0')
			results_set_fault(cell, fault);
		return;
	}
	trial_note_peak(run, most_bytes);
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
			size_t number = trial_turn(round, turn, peers);
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
	char fault[TRIAL_FAULT_BYTES];
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
