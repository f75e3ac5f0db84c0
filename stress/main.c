/* tide-stress: a load on the allocator, with an oracle that looks at every block.
 *
 * Reading order: scenario.h (what is done), run.h (who does it), worker.h (each role), actor.h (how a
 * block is used), oracle.h (how a wrong one is told), conduct.h (the main thread meanwhile).
 */
#include "allocator.h"
#include "arguments.h"
#include "conduct.h"
#include "fault.h"
#include "report.h"
#include "scenario_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EXIT_RIGHT = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };
enum { SETTLE_MS = 1000, HOUR_MS = 3600000 };

static void settle(void)
{
	nanosleep(&(struct timespec){ .tv_sec = SETTLE_MS / 1000,
	                              .tv_nsec = SETTLE_MS % 1000 * 1000000L },
	          NULL);
}

/* All blocks are freed but those of frozen threads: what is missing now was lost on the way. */
static void check_accounts(const struct run *run, const struct sample *all)
{
	struct frozen frozen = run_frozen(run);
	int64_t missing = (int64_t)(all->made - all->freed - all->abandoned - frozen.blocks);
	char what[160];

	if (llabs(missing) <= (int64_t)frozen.threads * FAULT_IN_HANDS)
		return;
	snprintf(what, sizeof what,
	         "%" PRIu64 " blocks made, but %" PRIu64 " freed and %" PRIu64
	         " held by frozen threads",
	         all->made, all->freed + all->abandoned, frozen.blocks);
	oracle_fail(what);
}

/* What must hold besides the contents; each that does not has told so. */
static bool other_verdicts(struct run *run, const struct soak *soak)
{
	bool right = fault_verdict(run->faults);

	return (soak == NULL || soak_verdict(soak)) && right;
}

static int verdict(struct run *run, const struct sample *all, const struct soak *soak)
{
	bool right = other_verdicts(run, soak);

	if (oracle_failures() != 0) {
		printf("\nFAILED: %" PRIu64 " blocks or accounts were wrong\n", oracle_failures());
		return EXIT_WRONG;
	}
	if (all->refused != 0 && !fault_may_refuse(run->faults)) {
		printf("\nFAILED: %" PRIu64 " allocations were refused\n", all->refused);
		return EXIT_WRONG;
	}
	if (!right) {
		printf("\nFAILED: see above\n");
		return EXIT_WRONG;
	}
	printf("\npassed: all contents were right%s\n",
	       conduct_was_interrupted() ? ", up to the interrupt" : "");
	return EXIT_RIGHT;
}

/* After the threads were told to stop. */
static int finish(struct conductor *conductor, const struct sample *end)
{
	struct run *run = conductor->run;
	struct sampler *sampler = conductor->sampler;

	if (!run_join(run)) {
		report_print(stdout, sampler, end);
		printf("\nFAILED: a thread hangs\n");
		return EXIT_WRONG; /* blocks are still in use */
	}
	run_drain(run);
	settle();
	sampler_take(sampler);
	check_accounts(run, &sampler->now);
	report_print(stdout, sampler, end);
	if (run->steps != 0)
		printf("\ntrace %016" PRIx64
		       ": the same for each run of this scenario, seed, threads "
		       "and steps\n",
		       run_trace(run));
	return verdict(run, &sampler->now, conductor->soak);
}

static int stress(struct conductor *conductor, const struct run_plan *plan, bool quiet)
{
	struct run *run = conductor->run;
	char seed_text[24];

	snprintf(seed_text, sizeof seed_text, "%" PRIu64, plan->seed);
	if (!run_start(run, plan) || !fault_start(plan->faults, run))
		return EXIT_WRONG;
	oracle_start(seed_text, run->actors);
	progress_start(conductor->progress, quiet);
	sampler_start(conductor->sampler, run);
	conduct_handle_signals();

	bool went_well = conduct(conductor);
	struct sample end = conductor->sampler->now;
	progress_end(conductor->progress);
	int status = finish(conductor, &end);
	return went_well ? status : EXIT_WRONG;
}

static uint64_t run_length_ms(const struct arguments *arguments, const struct scenario *scenario)
{
	if (arguments->soak_hours > 0)
		return (uint64_t)(arguments->soak_hours * HOUR_MS);
	if (arguments->seconds != 0)
		return arguments->seconds * 1000;
	if (arguments->steps != 0)
		return UINT64_MAX; /* the steps end it */
	return scenario->seconds * UINT64_C(1000);
}

static void print_head(const struct run_plan *plan, uint64_t run_ms)
{
	char name[128];

	allocator_name(name, sizeof name);
	printf("tide-stress: %s, %" PRIu32 " threads, ", plan->scenario->name, plan->threads);
	if (plan->steps != 0)
		printf("%" PRIu64 " steps each, ", plan->steps);
	else
		printf("%" PRIu64 " s, ", run_ms / 1000);
	printf("seed %" PRIu64 ", allocator %s\n", plan->seed, name);
	fflush(stdout);
}

static int run_scenario(struct arguments *arguments)
{
	static struct scenario scenario;
	static struct run run;
	static struct sampler sampler;
	static struct progress progress;
	static struct soak soak;
	struct conductor conductor = { .run = &run, .sampler = &sampler, .progress = &progress };

	if (!scenario_read(&scenario, arguments->scenario))
		return EXIT_USAGE;
	struct run_plan plan = {
		.scenario = &scenario,
		.faults = &arguments->faults,
		.seed = arguments->seed,
		.steps = arguments->steps,
		.threads =
		    arguments->threads != 0 ? (uint32_t)arguments->threads : scenario.threads,
	};
	conductor.run_ms = run_length_ms(arguments, &scenario);
	if (arguments->soak_hours > 0) {
		if (!soak_start(&soak, arguments->soak_hours))
			return EXIT_USAGE;
		conductor.soak = &soak;
	}
	print_head(&plan, conductor.run_ms);
	return stress(&conductor, &plan, arguments->quiet);
}

int main(int argc, char *argv[])
{
	static struct arguments arguments;

	if (!arguments_read(&arguments, argc, argv))
		return EXIT_USAGE;
	if (arguments.help)
		arguments_help();
	else if (arguments.list)
		scenario_list(stdout);
	else if (arguments.fault_help)
		fault_help(stdout);
	else if (arguments.print != NULL)
		return scenario_print(stdout, arguments.print) ? EXIT_RIGHT : EXIT_USAGE;
	else
		return run_scenario(&arguments);
	return EXIT_RIGHT;
}
