/* Stacks by name, with what they hold: of one profile, or of one less another. The allocator's own
 * functions are left out. */
#ifndef PROF_STACKS_H
#define PROF_STACKS_H

#include "read.h"
#include "symbols.h"

struct stack {
	double blocks, bytes;
	double samples;
	unsigned frames;
	const struct symbol **frame; /* innermost first */
};

struct stacks {
	struct stack *stack;
	size_t count, room;
	bool failed; /* out of memory */
};

enum stacks_measure { STACKS_LIVE, STACKS_ALLOCATED };

/* Add the sites of a profile, `sign` times. */
void stacks_add(struct stacks *stacks, const struct profile *profile, struct symbols *symbols,
                enum stacks_measure measure, double sign);
/* Make one of stacks with the same functions and lines, drop what holds nothing (or less), and
 * sort: the most first. False: out of memory. */
bool stacks_settle(struct stacks *stacks);
double stacks_bytes(const struct stacks *stacks);

#endif
