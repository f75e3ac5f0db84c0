/* Counts of durations in ticks, in log-linear buckets: 32 to each power of two, so that a
 * percentile is right to 3 %. The maximum is exact. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SHIFT = 5, HISTOGRAM_STEPS = 1 << HISTOGRAM_SHIFT };
enum { HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SHIFT + 1) * HISTOGRAM_STEPS };

struct histogram {
	uint64_t count, max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t ticks)
{
	if (ticks < HISTOGRAM_STEPS)
		return (uint32_t)ticks;
	uint32_t shift = 63 - (uint32_t)__builtin_clzll(ticks) - HISTOGRAM_SHIFT;
	return (shift + 1) * HISTOGRAM_STEPS + (uint32_t)(ticks >> shift) % HISTOGRAM_STEPS;
}

static inline void histogram_add(struct histogram *histogram, uint64_t ticks)
{
	histogram->count++;
	if (ticks > histogram->max)
		histogram->max = ticks;
	histogram->bucket[histogram_bucket(ticks)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from);
/* The upper end of the bucket in which a share `quantile` of the counts is reached, but no more
 * than the maximum; 0 of nothing. */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);

#endif
