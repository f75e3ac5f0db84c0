/* Looks at the run from outside: sums the tallies of all actors and reads the resident memory.
 *
 * Touched by  the main thread only.
 */
#ifndef STRESS_SAMPLER_H
#define STRESS_SAMPLER_H

#include "run.h"

struct sample {
	double seconds; /* since the start */
	uint64_t calls; /* of the allocator */
	uint64_t made, freed, resized, handed, refused, threads, abandoned;
	double live_bytes;     /* as requested */
	double resident_bytes; /* of the process, less what it had before the first block */
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
};

uint64_t sampler_clock_ns(void);
void sampler_start(struct sampler *sampler, struct run *run);
/* Take a sample into `now`. */
void sampler_take(struct sampler *sampler);
/* As above, and count it into peaks and means. */
void sampler_count(struct sampler *sampler);
/* An idle phase is over: what the last sample saw is what was left of it. */
void sampler_idle_ends(struct sampler *sampler);

#endif
