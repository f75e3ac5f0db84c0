/* The load as data: which threads there are, what they do in which mix, phase by phase. A scenario
 * is a text (scenario_file.h says how it is written); the built-in ones are in stress/scenarios.
 * The workers hold no constants of their own.
 */
#ifndef STRESS_SCENARIO_H
#define STRESS_SCENARIO_H

#include "distribution.h"

#include <stdint.h>

enum { NAME_BYTES = 32, ABOUT_BYTES = 128, PHASES_MAX = 16, CREWS_MAX = 8 };

enum phase_kind {
	PHASE_GROW, /* allocate up to the fill level, then replace */
	PHASE_DROP, /* free a part at random, once, then rest */
	PHASE_IDLE, /* no thread calls the allocator */
};

struct phase {
	char name[NAME_BYTES];
	uint32_t kind; /* enum phase_kind */
	uint32_t duration_ms;
	uint32_t fill_percent;     /* GROW: of the slots; DROP: the part that is freed */
	struct distribution sizes; /* GROW: of the crews that have none of their own */
};

/* How blocks come from one thread to another, within a crew. */
enum pattern {
	PATTERN_OWN,         /* each thread has a working set; it may trade with others */
	PATTERN_EXCHANGE,    /* all replace blocks of one array, whosever they are */
	PATTERN_PAIRS,       /* every other thread makes, its neighbour frees */
	PATTERN_ONE_TO_MANY, /* the first makes, all others free */
	PATTERN_MANY_TO_ONE, /* the last only frees what all others make */
	PATTERN_PIPELINE,    /* from the first through each to the last, which frees */
	PATTERN_HEAP,        /* as EXCHANGE, in heaps of their own that end with their blocks */
};

/* Which block of its working set a thread replaces. */
enum lifetime {
	LIFETIME_RANDOM,
	LIFETIME_OLDEST,
	LIFETIME_NEWEST,   /* a stack that grows and shrinks */
	LIFETIME_RECORDED, /* each lives for as many allocations as was recorded with its size */
};

/* A part of the threads, which works together. "One in so many"; 0: never. */
struct crew {
	char name[NAME_BYTES];
	uint32_t share; /* of the threads, in proportion to the other crews */
	uint32_t pattern, lifetime;
	/* OWN: blocks held by all its threads together; EXCHANGE: the array; HEAP: of all heaps. */
	uint32_t slots;
	uint32_t heaps;                  /* HEAP: at a time */
	uint32_t heap_end_one_in;        /* of the bursts of 64 steps */
	uint32_t heap_limit_bytes;       /* of two heaps in three; 0: none */
	struct distribution sizes;       /* in place of the phases' */
	struct distribution large_sizes; /* of the blocks that are large */

	/* Of the allocations. */
	uint32_t calloc_one_in, aligned_one_in, large_one_in;
	uint32_t align_max_bytes;

	/* Of the steps. */
	uint32_t resize_one_in, exchange_one_in, mayfly_one_in, fork_one_in;
	uint32_t resize_chain_max;  /* reallocs of one block in a row */
	uint32_t resize_grow_bytes; /* each adds so much; 0: up to a half of the block */
	uint32_t resize_max_bytes;  /* the chain starts anew above this */
	uint32_t life_steps;        /* a thread ends after so many, a new one has its blocks */
	uint32_t exchange_slots;    /* where threads trade, and where mayflies leave blocks */
	uint32_t ring_slots;        /* between two threads of the patterns with an order */
	uint32_t burst_blocks;      /* made at once there */
	uint32_t mayfly_blocks;     /* what a short-lived thread allocates */
};

struct scenario {
	char name[NAME_BYTES];
	char about[ABOUT_BYTES];
	uint32_t seconds, threads; /* unless the command line tells others */
	uint32_t end_threads;      /* the run is over when so many were started; 0: by time only */
	uint32_t phases, crews;
	struct phase phase[PHASES_MAX];
	struct crew crew[CREWS_MAX];
};

/* Sum over the phases. */
uint32_t scenario_cycle_ms(const struct scenario *scenario);
/* The number of the phase at `moment` of a run of `length`, in any unit, that goes round the phases
 * once; beyond the end, the last one. */
uint32_t scenario_phase_within(const struct scenario *scenario, uint64_t moment, uint64_t length);
/* The number of the phase after `elapsed_ms` of a run of `run_ms`: cycle by cycle. A run shorter
 * than a cycle goes through it faster, so that every phase has its turn. */
uint32_t scenario_phase_at(const struct scenario *scenario, uint64_t elapsed_ms, uint64_t run_ms);

#endif
