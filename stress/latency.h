/* How long the calls of the allocator take. Placeholder: nothing is measured. */
#ifndef STRESS_LATENCY_H
#define STRESS_LATENCY_H

#include <stdint.h>

enum latency_kind { LATENCY_MALLOC, LATENCY_FREE, LATENCY_REALLOC };

struct latency {
	uint64_t none;
};

static inline uint64_t latency_begin(void)
{
	return 0;
}

static inline void latency_end(struct latency *latency, enum latency_kind kind, uint64_t begin)
{
	(void)latency;
	(void)kind;
	(void)begin;
}

#endif
