/* What happens when a bin misses: the way from a thread's own bins to the rest, in order of cost.
 *
 *   malloc: pending bin - ready queue - the GC's free sets, if the token is free - the frontier
 *   free:   pending bin - ready queue, if it has room - garbage bin of this thread, and the doorbell
 *
 * Touched by  app threads, each with its own cache
 * Progress    lock-free
 */
#ifndef TIDE_SLOW_H
#define TIDE_SLOW_H

#include "compiler.h"

/* A block for `bytes`; NULL and errno ENOMEM when there is none. */
TIDE_COLD TIDE_HIDDEN void *tide_malloc_slow(size_t bytes);
/* The same; *zeroed tells whether the block is known to be zero. */
TIDE_COLD TIDE_HIDDEN void *tide_malloc_slow_zeroed(size_t bytes, bool *zeroed);
/* Free anything that was passed to public function `function`. Preserves errno. */
TIDE_COLD TIDE_HIDDEN void tide_free_slow(void *block, const char *function);

/* A block of medium class `cls` at a multiple of align_bytes, 2 KiB or 4 KiB; NULL: no memory. */
TIDE_HIDDEN void *tide_medium_aligned_slow(unsigned cls, size_t align_bytes);

/* The class of a block somebody hands us, by its page; reports and returns TIDE_CLASS_NONE when there is
 * no block in that page. */
TIDE_HIDDEN unsigned tide_block_class(const void *block, const char *function);
/* The same for the functions that return to their caller what they were given: also checked to be the
 * start of a block. */
TIDE_HIDDEN unsigned tide_block_class_exact(const void *block, const char *function);
/* Checked mode: whether `bytes`, at a multiple of `alignment`, can be what the block was asked for with. */
TIDE_COLD TIDE_HIDDEN void tide_check_size(const void *block, size_t alignment, size_t bytes,
                                           const char *function);

/* Empty the calling thread's bins into its garbage, for a purge. */
TIDE_HIDDEN void tide_self_empty(void);

#endif
