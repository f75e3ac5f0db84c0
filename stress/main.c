/* tide-stress: a load on the allocator, with an oracle that looks at every block.
 *
 * Reading order: scenario.h (what is done), run.h (who does it), worker.h (each role), actor.h (how
 * a block is used), oracle.h (how a wrong one is told), conduct.h (the main thread meanwhile).
 */
#include "allocator.h"
#include "arguments.h"
#include "conduct.h"
#include "fault.h"
#include "report.h"
#include "rest.h"
#include "scenario_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_RIGHT = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 /* it can't be run so */ };
enum { SETTLE_MS = 1000, HOUR_MS = 3600000, PATH_BYTES = 4096, REASON_BYTES = 160 };

/* What belongs to one run of the program. */
struct session {
	struct arguments arguments;
	struct scenario scenario;
	struct run run;
	struct sampler sampler;
	struct progress progress;
	struct soak soak;
	struct conductor conductor;
	char replay[1024];         /* the command that does it again */
	char reason[REASON_BYTES]; /* why it did not pass; empty: it did */
};

/* All blocks are freed but those of frozen threads: what is missing now was lost on the way. */
static void check_accounts(const struct run *run, const struct sample *all)
{
	struct frozen frozen = run_frozen(run);
	int64_t missing = (int64_t)(all->made - all->freed - all->abandoned - frozen.blocks);
	char what[REASON_BYTES];

	if (llabs(missing) <= (int64_t)frozen.threads * FAULT_IN_HANDS)
		return;
	snprintf(what, sizeof what,
	         "%" PRIu64 " blocks made, but %" PRIu64 " freed and %" PRIu64
	         " held by frozen threads",
	         all->made, all->freed + all->abandoned, frozen.blocks);
	oracle_fail(what);
	oracle_tell_lost();
}

/* The first thing that is wrong becomes the reason. */
static void judge(struct session *session, bool holds, const char *reason)
{
	if (!holds && session->reason[0] == '\0')
		snprintf(session->reason, sizeof session->reason, "%s", reason);
}

static void judge_all(struct session *session, bool went_well)
{
	struct run *run = &session->run;
	uint64_t refused = session->sampler.now.refused;
	char text[REASON_BYTES];

	check_accounts(run, &session->sampler.now);
	/* Each verdict tells its own story, so all are asked. */
	/* Counted steps are for what was asked, not for what comes after; and what frozen threads
	 * hold stays. */
	bool rests =
	    run->steps != 0 || run_frozen(run).threads != 0 || rest_verdict(&session->sampler);
	bool faults_held = fault_verdict(run->faults);
	bool plateau = session->conductor.soak == NULL || soak_verdict(&session->soak);

	snprintf(text, sizeof text, "%" PRIu64 " blocks or accounts were wrong", oracle_failures());
	judge(session, oracle_failures() == 0, text);
	snprintf(text, sizeof text, "%" PRIu64 " allocations were refused", refused);
	judge(session, refused == 0 || fault_may_refuse(run->faults), text);
	judge(session, went_well, "a thread could not be started");
	judge(session, faults_held, "a fault was not borne, see above");
	judge(session, rests, "memory or threads were left after all was freed");
	judge(session, plateau, "resident memory did not come to a plateau");
}

/* The report on the screen and in its folder, and the last line. */
static int tell(struct session *session, const struct sample *end)
{
	const struct report_options options = { .folder = session->arguments.report,
		                                .quiet = session->arguments.quiet };
	struct report report = {
		.sampler = &session->sampler,
		.end = end,
		.replay = session->replay,
		.asked_seconds = (double)session->conductor.run_ms / 1000,
		.passed = session->reason[0] == '\0',
		.interrupted = conduct_was_interrupted(),
		.reason = session->reason[0] != '\0' ? session->reason : NULL,
		.soak = session->conductor.soak,
	};
	char path[PATH_BYTES];

	report_print(stdout, &report);
	if (session->run.steps != 0)
		printf("\ntrace %016" PRIx64 ": the same whenever one thread takes these steps\n",
		       run_trace(&session->run));
	fflush(stdout);
	bool written = report_write(&report, &options, path, sizeof path);
	if (written)
		printf("\nreport: %s\n", path);
	if (!report.passed)
		printf("FAILED: %s\n", report.reason);
	else
		printf("passed: all contents were right%s\n",
		       report.interrupted ? ", up to the interrupt" : "");
	return report.passed && written ? EXIT_RIGHT : EXIT_WRONG;
}

/* After the threads were told to stop. */
static int finish(struct session *session, bool went_well)
{
	struct sample end = session->sampler.now;

	if (run_join(&session->run)) {
		run_drain(&session->run);
		/* Counted steps are for what was asked, not for what is left after. */
		sampler_settle(&session->sampler, session->run.steps != 0 ? 0 : SETTLE_MS);
		judge_all(session, went_well);
	} else {
		judge(session, false, "a thread hangs"); /* its blocks are in use: no accounts */
	}
	return tell(session, &end);
}

static uint64_t run_length_ms(const struct arguments *arguments, const struct scenario *scenario)
{
	if (arguments->soak_hours > 0)
		return (uint64_t)(arguments->soak_hours * HOUR_MS);
	if (arguments->seconds != 0)
		return arguments->seconds * 1000;
	return scenario->seconds * UINT64_C(1000);
}

static void print_head(const struct session *session)
{
	const struct run *run = &session->run;
	char name[128];

	allocator_name(name, sizeof name);
	printf("tide-stress: %s, %" PRIu32 " threads, ", run->scenario->name, run->threads);
	if (run->steps != 0)
		printf("%" PRIu64 " steps each, ", run->steps);
	else
		printf("%" PRIu64 " s, ", session->conductor.run_ms / 1000);
	printf("seed %" PRIu64 ", allocator %s\n", run->seed, name);
	fflush(stdout);
}

static int stress(struct session *session)
{
	char seed_text[24];

	snprintf(seed_text, sizeof seed_text, "%" PRIu64, session->run.seed);
	conduct_handle_signals();
	print_head(session);
	if (!fault_start(session->run.faults, &session->run))
		return EXIT_USAGE;
	oracle_start(seed_text, session->run.actors);
	progress_start(&session->progress, session->arguments.quiet,
	               (double)session->conductor.run_ms / 1000);
	sampler_start(&session->sampler, &session->run);

	bool went_well = conduct(&session->conductor);
	progress_end(&session->progress);
	return finish(session, went_well);
}

static int run_scenario(struct session *session)
{
	struct arguments *arguments = &session->arguments;

	if (!scenario_read(&session->scenario, arguments->scenario) ||
	    !run_can_have(&session->scenario))
		return EXIT_USAGE;
	session->conductor = (struct conductor){
		.run = &session->run,
		.sampler = &session->sampler,
		.progress = &session->progress,
		.run_ms = run_length_ms(arguments, &session->scenario),
	};
	if (arguments->soak_hours > 0) {
		if (!soak_start(&session->soak, arguments->soak_hours))
			return EXIT_USAGE;
		session->conductor.soak = &session->soak;
	}
	struct run_plan plan = {
		.scenario = &session->scenario,
		.faults = &arguments->faults,
		.seed = arguments->seed,
		.steps = arguments->steps,
		.threads = arguments->threads != 0 ? (uint32_t)arguments->threads
		                                   : session->scenario.threads,
	};
	return run_start(&session->run, &plan) ? stress(session) : EXIT_USAGE;
}

int main(int argc, char *argv[])
{
	static struct session session;
	struct arguments *arguments = &session.arguments;

	if (!arguments_read(arguments, argc, argv))
		return EXIT_USAGE;
	report_replay(session.replay, sizeof session.replay, argc, argv, arguments->seed);
	if (arguments->help)
		arguments_help();
	else if (arguments->list)
		scenario_list(stdout);
	else if (arguments->fault_help)
		fault_help(stdout);
	else if (arguments->print != NULL)
		return scenario_print(stdout, arguments->print) ? EXIT_RIGHT : EXIT_USAGE;
	else
		return run_scenario(&session);
	return EXIT_RIGHT;
}
