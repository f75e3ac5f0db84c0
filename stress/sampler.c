/* See sampler.h. */
#include "sampler.h"

#include "order.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t sampler_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Not by stdio, whose buffer comes from the allocator under test. 0: not known. */
static double resident_bytes(void)
{
	char text[128] = { 0 };
	char *end = text;
	int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return 0;
	ssize_t got = read(file, text, sizeof text - 1);
	close(file);
	if (got <= 0)
		return 0;
	strtoul(text, &end, 10); /* the size comes first */
	return (double)strtoul(end, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

void sampler_start(struct sampler *sampler, struct run *run)
{
	memset(sampler, 0, sizeof *sampler);
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
		now.threads += load_relaxed(&tally->threads);
		now.abandoned += load_relaxed(&tally->abandoned);
		live_bytes += load_relaxed(&tally->live_bytes);
	}
	now.calls = now.made + now.freed + now.resized;
	/* The tallies are not of one instant: a block may be seen freed and not yet made. */
	now.live_bytes = larger((double)live_bytes, 0);
	now.resident_bytes = larger(resident_bytes() - sampler->base_bytes, 0);
	now.seconds = (double)(sampler_clock_ns() - sampler->start_ns) / 1e9;
	sampler->now = now;
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
}

void sampler_idle_ends(struct sampler *sampler)
{
	sampler->idle_sum.live_bytes += sampler->now.live_bytes;
	sampler->idle_sum.resident_bytes += sampler->now.resident_bytes;
	sampler->idles++;
}
