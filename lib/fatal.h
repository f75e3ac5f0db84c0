/* The catalogue of messages about misuse, and the only abort.
 *
 * Touched by  every thread; no state; allocates nothing, leaves errno alone.
 * A report is one line on stderr:
 *   tide: free(0x7f...): double free (class 4, 64-byte blocks) in thread 123
 * where the thread is the one that noticed.
 */
#ifndef TIDE_FATAL_H
#define TIDE_FATAL_H

#include "check.h"

enum tide_misuse {
	TIDE_MISUSE_FOREIGN,    /* not in memory of Tide's */
	TIDE_MISUSE_INSIDE,     /* in Tide's memory, but in no block */
	TIDE_MISUSE_INTERIOR,   /* inside a block, not at its start */
	TIDE_MISUSE_MISALIGNED, /* not a multiple of 16 */
	TIDE_MISUSE_DOUBLE,     /* free already */
	TIDE_MISUSE_SIZE,       /* free_sized with another size class */
	TIDE_MISUSE_HINT,       /* free_in with another block's hint */
	TIDE_MISUSE_OBJECT,     /* object_free of what is no object of the cache */
	TIDE_MISUSE_OVERRUN,    /* found at its free: something wrote past what was asked for */
	TIDE_MISUSE_UNDERRUN,   /* the same, before its start */
	TIDE_MISUSE_WRITTEN,    /* found when it was to be used again */
	TIDE_MISUSE_AFTER_FREE, /* these three caught in the act, with a guarded block */
	TIDE_MISUSE_PAST,
	TIDE_MISUSE_BEFORE,
};

/* Report that `function` was handed `block` of class `cls` (0: unknown) and block size `bytes` (0:
 * unknown). Aborts when option `fatal` is set, else returns, and the block must be leaked. */
TIDE_COLD TIDE_HIDDEN void tide_fatal_misuse(enum tide_misuse misuse, const char *function,
                                             const void *block, unsigned cls, size_t bytes);

/* The system's pages are longer than those that this was built for. Ends the process. */
TIDE_COLD TIDE_HIDDEN _Noreturn void tide_fatal_pages(size_t system_bytes, size_t bytes);

#endif
