/* Extents: free address ranges in whole pages, merged with their neighbours and cut to measure.
 *
 * A short array in address order: with what is kept bounded in bytes, and no large block small,
 * there are seldom more than a few dozen. Taking is by best fit, and the lowest of equals, so that
 * long ranges stay long.
 *
 * Touched by  one thread at a time; large_keep.h says which
 * Invariants  ascending, at least a page between any two (else they would be one), none empty
 */
#ifndef TIDE_EXTENTS_H
#define TIDE_EXTENTS_H

#include "compiler.h"
#include "config.h"

#define TIDE_EXTENTS_MAX 1024u

struct tide_extent {
	uintptr_t base;
	size_t bytes;
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
/* Cut up to `most_bytes` off the end of the longest, if it has least_bytes: down to a multiple of
 * `step_bytes` if it is long enough for that. False: none has. */
TIDE_HIDDEN bool tide_extents_take_longest(struct tide_extents *extents, size_t least_bytes,
                                           size_t most_bytes, size_t step_bytes, uintptr_t *base,
                                           size_t *bytes);
TIDE_HIDDEN bool tide_extents_are_valid(const struct tide_extents *extents);

#endif
