/* tide-stress: a mixed load on the allocator, with an oracle that looks at every block.
 *
 * Reading order: scenario.h (what is done), run.h (who does it), actor.h (how a block is used),
 * oracle.h (how a wrong one is told). The main thread only conducts: it moves the phases, replaces
 * threads that ended, samples and prints.
 */
#include "allocator.h"
#include "arguments.h"
#include "order.h"
#include "progress.h"
#include "report.h"
#include "run.h"
#include "soak.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EXIT_RIGHT = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };
enum { TICK_MS = 10, SAMPLE_TICKS = 5, SETTLE_MS = 1000 };

/* Set by SIGINT and SIGTERM. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

static void handle_signals(void)
{
	/* Once: who asks again wants the end, not a report. */
	struct sigaction action = { .sa_handler = interrupt,
		                    .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void sleep_ms(uint32_t ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
	          NULL);
}

/* The number of the phase at `elapsed_ms`. A run shorter than a cycle goes through it faster, so
 * that every phase has its turn. */
static uint32_t phase_at(const struct scenario *scenario, uint64_t elapsed_ms, uint64_t run_ms)
{
	uint64_t cycle_ms = scenario_cycle_ms(scenario);
	uint32_t number = 0;

	if (run_ms < cycle_ms)
		elapsed_ms = elapsed_ms * cycle_ms / run_ms;
	number = (uint32_t)(elapsed_ms / cycle_ms) * scenario->phases;
	elapsed_ms %= cycle_ms;
	while (elapsed_ms >= scenario->phase[number % scenario->phases].duration_ms) {
		elapsed_ms -= scenario->phase[number % scenario->phases].duration_ms;
		number++;
	}
	return number;
}

static void end_phase(const struct run *run, struct sampler *sampler)
{
	if (run_phase(run, load_relaxed(&run->phase))->kind != PHASE_IDLE)
		return;
	sampler_count(sampler);
	sampler_idle_ends(sampler);
}

static void move_phase(struct run *run, struct sampler *sampler, uint32_t number)
{
	if (number == load_relaxed(&run->phase))
		return;
	end_phase(run, sampler);
	store_relaxed(&run->phase, number);
}

/* Until the time is over, Ctrl-C, or something is wrong. */
static bool conduct(struct run *run, struct sampler *sampler, struct progress *progress,
                    uint64_t run_ms, struct soak *soak)
{
	bool going = run_launch(run);

	for (uint64_t tick = 0; going && interrupted == 0 && oracle_failures() == 0; tick++) {
		uint64_t elapsed_ms = (sampler_clock_ns() - sampler->start_ns) / 1000000;

		if (elapsed_ms >= run_ms) {
			end_phase(run, sampler);
			break;
		}
		move_phase(run, sampler, phase_at(run->scenario, elapsed_ms, run_ms));
		going = run_replace_resting(run);
		if (tick % SAMPLE_TICKS == 0) {
			sampler_count(sampler);
			progress_show(progress, sampler,
			              run_phase(run, load_relaxed(&run->phase))->name);
			if (soak != NULL)
				soak_tick(soak, sampler);
		}
		sleep_ms(TICK_MS);
	}
	sampler_count(sampler); /* before the threads free what they have */
	store_relaxed(&run->stop, true);
	return going;
}

/* All blocks are freed: what is missing now was lost on the way. */
static bool all_accounted(const struct sample *all)
{
	char what[128];

	if (all->made == all->freed + all->abandoned)
		return true;
	snprintf(what, sizeof what, "%" PRIu64 " blocks made, but %" PRIu64 " freed", all->made,
	         all->freed + all->abandoned);
	oracle_fail(what);
	oracle_tell_lost();
	return false;
}

/* What is wrong, a sentence; NULL when all is right. */
static const char *verdict(const struct sample *all, bool went_well, const struct soak *soak)
{
	static char reason[128];

	all_accounted(all);
	if (oracle_failures() != 0)
		snprintf(reason, sizeof reason, "%" PRIu64 " blocks or accounts were wrong",
		         oracle_failures());
	else if (all->refused != 0)
		snprintf(reason, sizeof reason, "%" PRIu64 " allocations were refused",
		         all->refused);
	else if (!went_well)
		return "a thread could not be started";
	else if (soak != NULL && !soak_verdict(soak))
		return "resident memory did not come to a plateau";
	else
		return NULL;
	return reason;
}

static int write_report(const struct arguments *arguments, struct report *report)
{
	struct report_options options = { .folder = arguments->report_folder,
		                          .quiet = arguments->quiet };
	char path[4096];
	bool written = report_write(report, &options, path, sizeof path);

	if (written)
		printf("\nreport: %s\n", path);
	if (report->reason != NULL)
		printf("FAILED: %s\n", report->reason);
	else
		printf("passed: all contents were right%s\n",
		       interrupted ? ", up to the interrupt" : "");
	return report->passed && written ? EXIT_RIGHT : EXIT_WRONG;
}

static int stress(const struct arguments *arguments, const char *replay)
{
	static struct run run;
	static struct soak soak;
	struct soak *soaking = arguments->soak_hours > 0 ? &soak : NULL;
	struct sampler sampler;
	struct progress progress;
	char name[128], seed_text[24];

	allocator_name(name, sizeof name);
	snprintf(seed_text, sizeof seed_text, "%" PRIu64, arguments->seed);
	printf("tide-stress: %s, %" PRIu64 " threads, %" PRIu64 " s, seed %s, allocator %s\n",
	       scenario_mixed.name, arguments->threads, arguments->seconds, seed_text, name);
	fflush(stdout);
	if (soaking != NULL && !soak_start(soaking, arguments->soak_hours))
		return EXIT_USAGE;
	if (!run_start(&run, &scenario_mixed, arguments->seed, (uint32_t)arguments->threads))
		return EXIT_WRONG;
	oracle_start(seed_text, run.actors);
	progress_start(&progress, arguments->quiet, (double)arguments->seconds);
	sampler_start(&sampler, &run);
	handle_signals();

	bool went_well = conduct(&run, &sampler, &progress, arguments->seconds * 1000, soaking);
	struct sample end = sampler.now;
	progress_end(&progress);
	if (!run_join(&run))
		return EXIT_WRONG; /* blocks are still in use */
	run_drain(&run);
	sampler_settle(&sampler, SETTLE_MS);
	struct report report = {
		.sampler = &sampler,
		.end = &end,
		.replay = replay,
		.asked_seconds = (double)arguments->seconds,
		.interrupted = interrupted != 0,
		.soak = soaking,
	};
	report.reason = verdict(&sampler.now, went_well, soaking);
	report.passed = report.reason == NULL;
	report_print(stdout, &report);
	return write_report(arguments, &report);
}

int main(int argc, char *argv[])
{
	struct arguments arguments;

	if (!arguments_read(&arguments, argc, argv))
		return EXIT_USAGE;
	if (arguments.help) {
		arguments_help();
		return EXIT_RIGHT;
	}
	char replay[512];
	report_replay(replay, sizeof replay, argc, argv, arguments.seed);
	return stress(&arguments, replay);
}
