/* Checked mode, level 2 (option `check`): what finds writes outside of blocks and into freed ones.
 *
 *   a block   |asked for| pattern ... |seal: size, check|   the last 16 bytes of what the class has
 *
 *   seal        says how long the block was asked to be, under a key of the process; it and the
 *               pattern before it are compared when the block is freed
 *   junk        fills a block that is freed
 *   quarantine  keeps freed blocks from being used again, for so many frees of others; when one
 *               comes out, its junk must be whole. Blocks of the process's own heap only
 *   shuffle     gives a refilled bin no order
 *
 * Level 1 alone keeps a bit for each block, live or not (region.h), and does nothing of this.
 *
 * Touched by  every thread, from slow calls: in checked mode each call is one
 * Progress    lock-free: a ticket and a swap
 * Invariants  a block in quarantine is not live, its class is as it was, and it is in no bin
 * Edges       checked.park  who frees a block into the quarantine -> who gets it out
 */
#ifndef TIDE_CHECKED_H
#define TIDE_CHECKED_H

#include "cache.h"
#include "options.h"

#define TIDE_SEAL_BYTES 16u

static inline bool tide_checked_full(void)
{
	return tide_option(TIDE_OPTION_CHECK) >= 2;
}

/* How long a block must be that is to hold `bytes`, for the choice of its class. */
static inline size_t tide_checked_padded(size_t bytes)
{
	return tide_checked_full() ? bytes + TIDE_SEAL_BYTES : bytes;
}

/* Seal a block of `has_bytes` in all, of which `bytes` were asked for. */
TIDE_COLD TIDE_HIDDEN void tide_checked_seal(void *block, size_t has_bytes, size_t bytes);
/* Whether the seal, and what lies between it and the end of the block, are whole; *bytes becomes
 * what was asked for. */
TIDE_COLD TIDE_HIDDEN bool tide_checked_is_sealed(const void *block, size_t has_bytes,
                                                  size_t *bytes);
/* A sealed block's length as asked for; reported in the name of `function`, and 0, when its seal is
 * broken. */
TIDE_COLD TIDE_HIDDEN size_t tide_checked_bytes(const void *block, unsigned cls, size_t has_bytes,
                                                const char *function);

/* Level 1 and 2: whether `block` may be freed: it starts where a block does, is live (and no longer
 * afterwards), and nothing was written past its end. What is wrong was reported. */
TIDE_COLD TIDE_HIDDEN bool tide_checked_free(void *block, unsigned cls, const char *function);
/* Junk into a block that was freed, and keep it; the block that comes out instead, with its class,
 * to be freed for good; NULL: none. */
TIDE_COLD TIDE_HIDDEN void *tide_checked_park(void *block, unsigned cls, unsigned *out_cls);
/* One after the other, all that is kept: NULL when nothing is left. */
TIDE_COLD TIDE_HIDDEN void *tide_checked_unpark(unsigned *out_cls);
/* Blocks of a bin that nobody else sees, in random order. */
TIDE_COLD TIDE_HIDDEN void tide_checked_shuffle(struct tide_bin *bin);

#endif
