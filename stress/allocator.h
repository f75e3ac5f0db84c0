/* What the allocator under test tells about itself: Tide by its public snapshot, others nothing.
 * Compile with STRESS_EXTERNAL=1 to run on whatever malloc is there. */
#ifndef STRESS_ALLOCATOR_H
#define STRESS_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* For the progress line. */
struct allocator_now {
	uint64_t gc_cycles, backlog_bytes, misses;
};

/* "Tide 0.1.0", or what is preloaded. */
void allocator_name(char *name, size_t bytes);
/* False: this allocator tells nothing. */
bool allocator_read(struct allocator_now *now);
/* The rows of the final report; none for other allocators. */
void allocator_report(FILE *out);

#endif
