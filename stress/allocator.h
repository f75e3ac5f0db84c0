/* What the allocator under test tells about itself: Tide by its public snapshot, others nothing.
 * Compile with STRESS_EXTERNAL=1 to run on whatever malloc is there. */
#ifndef STRESS_ALLOCATOR_H
#define STRESS_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* For the live view and the curves. */
struct allocator_now {
	bool known; /* false: this allocator tells nothing, and the rest is 0 */
	bool gc_runs;
	uint64_t gc_cycles, gc_inline_steps, misses;
	uint64_t threads; /* that have a cache */
	uint64_t backlog_bytes, queued_bytes, queue_level_bytes;
	uint64_t free_held_bytes; /* free, in no bin, and holding memory */
};

/* "Tide 0.1.0", or what is preloaded. */
void allocator_name(char *name, size_t bytes);
struct allocator_now allocator_read(void);
/* The rows of the final report; none for other allocators. */
void allocator_report(FILE *out);

/* The same for a program: row `number`, from 0. False: there is none. */
struct allocator_row {
	const char *name;  /* as in struct tide_stats */
	const char *label; /* for people */
	bool is_bytes;
	bool is_level; /* what is left now, as against counted since the start */
	uint64_t value;
};
bool allocator_row(size_t number, struct allocator_row *row);

#endif
