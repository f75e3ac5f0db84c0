/* The load as data: what the threads do, in which mix, phase by phase. Every scenario is one row of
 * the table in scenario.c; the workers hold no constants of their own. */
#ifndef STRESS_SCENARIO_H
#define STRESS_SCENARIO_H

#include <stdint.h>

enum phase_kind {
	PHASE_GROW, /* allocate up to the fill level, then replace */
	PHASE_DROP, /* free a part at random, once, then rest */
	PHASE_IDLE, /* no thread calls the allocator */
};

struct phase {
	const char *name;
	enum phase_kind kind;
	uint32_t duration_ms;
	uint32_t fill_percent; /* GROW: of the slots; DROP: the part that is freed */
	uint32_t size_min_bytes, size_max_bytes; /* GROW: power law between them */
};

struct scenario {
	const char *name;
	const struct phase *phase;
	uint32_t phases;

	uint32_t working_slots; /* blocks held by all mixed workers together */
	uint32_t pair_every;    /* one of so many threads is a producer, the next its consumer */
	uint32_t life_steps; /* a thread ends after so many and a new one takes over its blocks */

	/* One in so many allocations; 0: never. */
	uint32_t large_one_in, calloc_one_in, aligned_one_in;
	uint32_t large_max_bytes; /* power law from the phase's largest size up to this */
	uint32_t align_max_shift;

	/* One in so many steps of a mixed worker; 0: never. */
	uint32_t resize_one_in, exchange_one_in, mayfly_one_in;
	uint32_t resize_chain_max; /* reallocs of one block in a row */

	uint32_t exchange_slots, pair_slots; /* bounds of the two ways across threads */
	uint32_t burst_blocks;               /* a producer makes so many at once */
	uint32_t mayfly_blocks;              /* what a short-lived thread allocates */
};

extern const struct scenario scenario_mixed;

/* Sum over the phases. */
uint32_t scenario_cycle_ms(const struct scenario *scenario);

#endif
