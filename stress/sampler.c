/* See sampler.h. */
#include "sampler.h"

#include "order.h"
#include "proc.h"
#include "shadow.h"

#include <string.h>
#include <time.h>

enum { SETTLE_NAP_MS = 50 };

uint64_t sampler_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* 0: not known. */
static double resident_bytes(void)
{
	uint64_t bytes = proc_resident_bytes();

	return bytes != 0 ? (double)bytes - (double)shadow_resident_bytes() : 0;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

void sampler_start(struct sampler *sampler, struct run *run)
{
	static struct history history;

	memset(sampler, 0, sizeof *sampler);
	sampler->history = &history;
	history_start(&history);
	latency_start();
	sampler->run = run;
	sampler->base_bytes = resident_bytes();
	sampler->start_ns = sampler_clock_ns();
}

void sampler_take(struct sampler *sampler)
{
	struct sample now = { 0 };
	int64_t live_bytes = 0;

	for (uint32_t i = 0; i < sampler->run->actors; i++) {
		struct tally *tally = &sampler->run->actor[i].tally;

		now.made += load_relaxed(&tally->made);
		now.freed += load_relaxed(&tally->freed);
		now.resized += load_relaxed(&tally->resized);
		now.handed += load_relaxed(&tally->handed);
		now.refused += load_relaxed(&tally->refused);
		now.limited += load_relaxed(&tally->limited);
		now.heaps += load_relaxed(&tally->heaps);
		now.threads += load_relaxed(&tally->threads);
		now.forks += load_relaxed(&tally->forks);
		now.abandoned += load_relaxed(&tally->abandoned);
		live_bytes += load_relaxed(&tally->live_bytes);
	}
	now.calls = now.made + now.freed + now.resized;
	/* The tallies are not of one instant: a block may be seen freed and not yet made. */
	now.live_bytes = larger((double)live_bytes, 0);
	now.resident_bytes = larger(resident_bytes() - sampler->base_bytes, 0);
	now.seconds = (double)(sampler_clock_ns() - sampler->start_ns) / 1e9;
	now.resting =
	    run_phase(sampler->run, load_relaxed(&sampler->run->phase))->kind == PHASE_IDLE;
	now.allocator = allocator_read();
	sampler->now = now;
}

static void remember(struct sampler *sampler)
{
	const struct sample *now = &sampler->now;
	const struct allocator_now *allocator = &now->allocator;

	history_add(sampler->history, (double[HISTORY_COLUMN_COUNT]){
					  [HISTORY_SECONDS] = now->seconds,
					  [HISTORY_CALLS] = (double)now->calls,
					  [HISTORY_LIVE] = now->live_bytes,
					  [HISTORY_RESIDENT] = now->resident_bytes,
					  [HISTORY_RESIDENT_MAX] = now->resident_bytes,
					  [HISTORY_BACKLOG] = (double)allocator->backlog_bytes,
					  [HISTORY_BACKLOG_MAX] = (double)allocator->backlog_bytes,
					  [HISTORY_QUEUED] = (double)allocator->queued_bytes,
					  [HISTORY_LEVEL] = (double)allocator->queue_level_bytes,
					  [HISTORY_FREE_HELD] = (double)allocator->free_held_bytes,
					  [HISTORY_CYCLES] = (double)allocator->gc_cycles,
					  [HISTORY_INLINE] = (double)allocator->gc_inline_steps,
					  [HISTORY_MISSES] = (double)allocator->misses,
					  [HISTORY_RESTING] = now->resting,
				      });
}

void sampler_count(struct sampler *sampler)
{
	const struct sample *now = &sampler->now;

	sampler_take(sampler);
	sampler->peak.live_bytes = larger(sampler->peak.live_bytes, now->live_bytes);
	sampler->peak.resident_bytes = larger(sampler->peak.resident_bytes, now->resident_bytes);
	sampler->sum.live_bytes += now->live_bytes;
	sampler->sum.resident_bytes += now->resident_bytes;
	sampler->samples++;
	remember(sampler);
}

void sampler_settle(struct sampler *sampler, uint32_t ms)
{
	uint64_t until_ns = sampler_clock_ns() + (uint64_t)ms * 1000000;

	do {
		sampler_take(sampler);
		sampler->now.resting = true;
		remember(sampler);
		nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NAP_MS * 1000000 }, NULL);
	} while (sampler_clock_ns() < until_ns);
	sampler_take(sampler);
}

void sampler_latency(const struct sampler *sampler, struct latency_sum *sum)
{
	memset(sum, 0, sizeof *sum);
	for (uint32_t i = 0; i < sampler->run->actors; i++)
		latency_add(sum, &sampler->run->actor[i].latency);
}

void sampler_idle_ends(struct sampler *sampler)
{
	sampler->idle_sum.live_bytes += sampler->now.live_bytes;
	sampler->idle_sum.resident_bytes += sampler->now.resident_bytes;
	sampler->idles++;
}
