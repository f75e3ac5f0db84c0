/* How long calls of the allocator take: log-linear histograms, 16 buckets for each doubling, so
 * that a percentile is known within 6 %.
 *
 * Every call is timed, with the processor's own counter: a sample would miss the rare long ones.
 * The cost of reading the counter is in each time; latency_overhead_ns tells how much that is.
 *
 * Touched by  the actor whose calls they are; read by the main thread.
 */
#ifndef STRESS_LATENCY_H
#define STRESS_LATENCY_H

#include "order.h"

#include <stdint.h>
#include <time.h>

enum latency_kind { LATENCY_MALLOC, LATENCY_FREE, LATENCY_REALLOC, LATENCY_KINDS };

enum {
	LATENCY_SUB_SHIFT = 4,
	LATENCY_SUBS = 1 << LATENCY_SUB_SHIFT,
	LATENCY_TOP_BIT = 43, /* over an hour; longer ones are in the last bucket */
	LATENCY_BUCKETS = (LATENCY_TOP_BIT - LATENCY_SUB_SHIFT + 2) * LATENCY_SUBS,
};

struct latency {
	/* Calls by bucket of their ticks, and the ticks of the longest.
	 * writers  the actor                            readers  the main thread
	 * order    relaxed                              edges    none: counts carry no data */
	_Atomic uint64_t calls[LATENCY_KINDS][LATENCY_BUCKETS];
	_Atomic uint64_t longest[LATENCY_KINDS];
};

/* Ticks of whatever counts fastest here. */
static inline uint64_t latency_begin(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static inline uint32_t latency_bucket(uint64_t ticks)
{
	if (ticks < LATENCY_SUBS)
		return (uint32_t)ticks;
	uint32_t top = 63u - (uint32_t)__builtin_clzll(ticks);
	if (top > LATENCY_TOP_BIT)
		return LATENCY_BUCKETS - 1;
	return (top - LATENCY_SUB_SHIFT + 1) * LATENCY_SUBS +
	       (uint32_t)((ticks >> (top - LATENCY_SUB_SHIFT)) & (LATENCY_SUBS - 1));
}

static inline void latency_end(struct latency *latency, enum latency_kind kind, uint64_t begin)
{
	uint64_t ticks = latency_begin() - begin;

	if (ticks >> 63 != 0)
		ticks = 0; /* the counters of two processors need not agree to the tick */
	count_owned(&latency->calls[kind][latency_bucket(ticks)], 1);
	if (ticks > load_relaxed(&latency->longest[kind]))
		store_relaxed(&latency->longest[kind], ticks);
}

/* All actors together. Plain: the main thread's. */
struct latency_sum {
	uint64_t calls[LATENCY_KINDS][LATENCY_BUCKETS];
	uint64_t longest[LATENCY_KINDS];
	uint64_t count[LATENCY_KINDS];
};

/* Start to compare ticks with the clock; at the beginning of a run. */
void latency_start(void);
void latency_add(struct latency_sum *sum, struct latency *latency);
/* So long or shorter were `fraction` of the calls, 1 for all, in ns. 0: there were none. */
double latency_at(const struct latency_sum *sum, enum latency_kind kind, double fraction);
/* What timing nothing gives, in ns. */
double latency_overhead_ns(void);
const char *latency_name(enum latency_kind kind);

#endif
