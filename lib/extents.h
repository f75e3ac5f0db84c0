/* Extents: free address ranges in whole pages, merged with their neighbours and cut to measure.
 *
 * A short array in address order: with what is kept bounded in bytes there are seldom more than a
 * dozen, and none is smaller than what a large block leaves over. Taking is by best fit, and the
 * lowest of equals, so that long ranges stay long.
 *
 * Touched by  one thread at a time; large_keep.h says which
 * Invariants  ascending, at least a page between any two (else they would be one), none empty
 */
#ifndef TIDE_EXTENTS_H
#define TIDE_EXTENTS_H

#include "compiler.h"
#include "config.h"

#define TIDE_EXTENTS_MAX 256u

struct tide_extent {
	uintptr_t base;
	size_t bytes;
	uint64_t tick; /* decay tick at which its youngest part was added */
};

struct tide_extents {
	unsigned count;
	struct tide_extent of[TIDE_EXTENTS_MAX];
};

/* False: there are too many, and it has no neighbour among them. */
TIDE_HIDDEN bool tide_extents_add(struct tide_extents *extents, struct tide_extent extent);
/* Cut [*base, *base + *bytes) out of the one that fits best, at a multiple of align_bytes. *bytes
 * becomes longer by a rest of less than `slack_bytes`. False: none fits. */
TIDE_HIDDEN bool tide_extents_take(struct tide_extents *extents, size_t align_bytes,
                                   size_t slack_bytes, uintptr_t *base, size_t *bytes);
/* Cut `bytes` at `base` out of the one that starts there; false: none does, or it is shorter. */
TIDE_HIDDEN bool tide_extents_take_at(struct tide_extents *extents, uintptr_t base, size_t bytes);
/* Cut out the longest, if it has least_bytes; false: none has. */
TIDE_HIDDEN bool tide_extents_take_longest(struct tide_extents *extents, size_t least_bytes,
                                           uintptr_t *base, size_t *bytes);
/* Cut up to `most_bytes` off the end of the oldest, if that is from before `tick`; *base is where.
 * 0: there is none. */
TIDE_HIDDEN size_t tide_extents_take_oldest(struct tide_extents *extents, uint64_t tick,
                                            size_t most_bytes, uintptr_t *base);
TIDE_HIDDEN bool tide_extents_are_valid(const struct tide_extents *extents);

#endif
