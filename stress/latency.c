/* See latency.h. */
#include "latency.h"

#include <math.h>

enum { OVERHEAD_TRIES = 1000 };

static struct {
	uint64_t ticks, ns;
} origin;

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void latency_start(void)
{
	origin.ns = clock_ns();
	origin.ticks = latency_begin();
}

/* Over the whole run, which is long enough for the clock's granularity not to matter. */
static double ns_per_tick(void)
{
	uint64_t ticks = latency_begin() - origin.ticks;

	return ticks > 0 ? (double)(clock_ns() - origin.ns) / (double)ticks : 1;
}

void latency_add(struct latency_sum *sum, struct latency *latency)
{
	for (unsigned kind = 0; kind < LATENCY_KINDS; kind++) {
		uint64_t longest = load_relaxed(&latency->longest[kind]);

		if (longest > sum->longest[kind])
			sum->longest[kind] = longest;
		for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
			uint64_t calls = load_relaxed(&latency->calls[kind][i]);

			sum->calls[kind][i] += calls;
			sum->count[kind] += calls;
		}
	}
}

/* The first ticks that are not in the bucket any more. */
static double bucket_end(uint32_t bucket)
{
	uint32_t doubling = bucket / LATENCY_SUBS;
	double sub = (double)(bucket % LATENCY_SUBS) + 1;

	return doubling == 0 ? sub : ldexp(LATENCY_SUBS + sub, (int)doubling - 1);
}

double latency_at(const struct latency_sum *sum, enum latency_kind kind, double fraction)
{
	double rank = ceil(fraction * (double)sum->count[kind]);
	double longest = (double)sum->longest[kind];
	uint64_t seen = 0;

	if (sum->count[kind] == 0)
		return 0;
	for (uint32_t i = 0; i < LATENCY_BUCKETS && fraction < 1; i++) {
		seen += sum->calls[kind][i];
		if ((double)seen >= rank)
			return fmin(bucket_end(i), longest) * ns_per_tick();
	}
	return longest * ns_per_tick();
}

double latency_overhead_ns(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < OVERHEAD_TRIES; i++) {
		uint64_t begin = latency_begin();

		sum += latency_begin() - begin;
	}
	return (double)sum / OVERHEAD_TRIES * ns_per_tick();
}

const char *latency_name(enum latency_kind kind)
{
	static const char *const name[] = { "malloc", "free", "realloc" };
	return name[kind];
}
