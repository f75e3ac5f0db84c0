/* Looks at the run from outside: sums the tallies of all actors and reads the resident memory.
 *
 * Touched by  the main thread only.
 */
#ifndef STRESS_SAMPLER_H
#define STRESS_SAMPLER_H

#include "allocator.h"
#include "history.h"
#include "latency.h"
#include "run.h"

struct sample {
	double seconds; /* since the start */
	uint64_t calls; /* of the allocator */
	uint64_t made, freed, resized, handed, refused, limited, threads, forks, abandoned;
	uint64_t heaps;
	double live_bytes; /* as requested */
	/* Of the process, less what it had before the first block, less the oracle's shadow. */
	double resident_bytes;
	bool resting; /* an idle phase */
	struct allocator_now allocator;
};

/* Live and resident memory, of one instant or as a mean. */
struct memory {
	double live_bytes, resident_bytes;
};

struct sampler {
	struct run *run;
	uint64_t start_ns;
	double base_bytes; /* the program itself with its tables */
	struct sample now;
	struct memory peak;     /* each on its own */
	struct memory sum;      /* over `samples`, to give the mean */
	struct memory idle_sum; /* at the end of each of `idles` idle phases */
	uint64_t samples, idles;
	struct history *history;
};

uint64_t sampler_clock_ns(void);
void sampler_start(struct sampler *sampler, struct run *run);
/* Take a sample into `now`. */
void sampler_take(struct sampler *sampler);
/* As above, and count it into peaks, means and history. */
void sampler_count(struct sampler *sampler);
/* After the load: let `ms` pass, and see in the history what the allocator does meanwhile. */
void sampler_settle(struct sampler *sampler, uint32_t ms);
/* The latencies of all actors. */
void sampler_latency(const struct sampler *sampler, struct latency_sum *sum);
/* An idle phase is over: what the last sample saw is what was left of it. */
void sampler_idle_ends(struct sampler *sampler);

#endif
