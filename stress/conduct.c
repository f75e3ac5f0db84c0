/* See conduct.h. */
#include "conduct.h"

#include "fault.h"
#include "order.h"

#include <signal.h>
#include <time.h>

enum { TICK_MS = 10, SAMPLE_TICKS = 5 };

/* Set by SIGINT and SIGTERM. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

void conduct_handle_signals(void)
{
	/* Once: who asks again wants the end, not a report. */
	struct sigaction action = { .sa_handler = interrupt,
		                    .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool conduct_was_interrupted(void)
{
	return interrupted != 0;
}

static void end_phase(const struct conductor *conductor)
{
	const struct run *run = conductor->run;

	if (run_phase(run, load_relaxed(&run->phase))->kind != PHASE_IDLE)
		return;
	sampler_count(conductor->sampler);
	sampler_idle_ends(conductor->sampler);
}

/* By time; where steps are counted each thread knows its own, and the first one's is shown. */
static void move_phase(const struct conductor *conductor, uint64_t elapsed_ms)
{
	struct run *run = conductor->run;
	uint32_t number =
	    run->steps != 0 ? scenario_phase_within(run->scenario,
	                                            load_relaxed(&run->worker[0].step), run->steps)
			    : scenario_phase_at(run->scenario, elapsed_ms, conductor->run_ms);

	if (number == load_relaxed(&run->phase))
		return;
	end_phase(conductor);
	store_relaxed(&run->phase, number);
}

/* How long the run will be; where something else than the time ends it, by what is done so far. */
static double expected_seconds(const struct conductor *conductor)
{
	const struct run *run = conductor->run;
	const struct sample *now = &conductor->sampler->now;
	double limit = run->steps != 0 ? 0 : (double)conductor->run_ms / 1000;
	double whole = run->steps != 0 ? (double)run->steps : run->scenario->end_threads;
	double done =
	    run->steps != 0 ? (double)load_relaxed(&run->worker[0].step) : (double)now->threads;

	if (whole <= 0 || done <= 0)
		return limit;
	double expected = now->seconds * whole / done;
	return limit > 0 && expected > limit ? limit : expected;
}

static void show(const struct conductor *conductor)
{
	const struct run *run = conductor->run;

	sampler_count(conductor->sampler);
	conductor->progress->run_seconds = expected_seconds(conductor);
	progress_show(conductor->progress, conductor->sampler,
	              run_phase(run, load_relaxed(&run->phase))->name);
	if (conductor->soak != NULL)
		soak_tick(conductor->soak, conductor->sampler);
}

static bool is_over(const struct conductor *conductor, uint64_t elapsed_ms)
{
	const struct run *run = conductor->run;
	uint32_t end_threads = run->scenario->end_threads;

	/* Where steps are counted they end it, however long that takes. */
	if (run->steps != 0 ? run_is_finished(run) : elapsed_ms >= conductor->run_ms)
		return true;
	return interrupted != 0 || oracle_failures() != 0 || fault_is_stuck(run->faults) ||
	       (end_threads != 0 && conductor->sampler->now.threads >= end_threads);
}

bool conduct(struct conductor *conductor)
{
	struct run *run = conductor->run;
	bool going = run_launch(run);

	for (uint64_t tick = 0; going; tick++) {
		uint64_t elapsed_ms = (sampler_clock_ns() - conductor->sampler->start_ns) / 1000000;

		if (is_over(conductor, elapsed_ms)) {
			end_phase(conductor);
			break;
		}
		move_phase(conductor, elapsed_ms);
		fault_tick(run->faults, elapsed_ms);
		going = run_replace_resting(run);
		if (tick % SAMPLE_TICKS == 0)
			show(conductor);
		nanosleep(&(struct timespec){ .tv_nsec = TICK_MS * 1000000 }, NULL);
	}
	fault_lift(run->faults);
	sampler_count(conductor->sampler); /* before the threads free what they have */
	store_relaxed(&run->stop, true);
	return going;
}
