/* A thread's pool: free medium blocks, by class in the pending bins of its cache, for the calls
 * that miss in the ready bins. (Classes above TIDE_POOL_ONLY_BYTES have no ready bin: one for each
 * would let an idle thread hold megabytes.)
 *
 * There are 144 medium classes, and a thread has but a few blocks of each; so when there is none of
 * the wanted class, one of up to an eighth more will do, and stays what it is: a block keeps its
 * class. With 256 live blocks of random sizes from 8 to 128 KiB, replaced at random, and 2 MiB in
 * the pool, a third as many calls miss that way.
 *
 * The two hit functions are what malloc and free need as a rule, when nothing is on that the
 * general paths (slow.c) see to. (A pair of calls of random sizes from 33 to 64 KiB, 16 live
 * blocks, one thread: 72 ns and 590 instructions by the general paths, 36 and 440 by these.)
 *
 * The pool is bounded in bytes, by a part of the heap; each thread has its share of that.
 *
 * Touched by  app threads, each with its own cache and with its pending bins in hand
 * Invariants  the chunk of a block is as long as its bin's class, and its page, says
 */
#ifndef TIDE_POOL_H
#define TIDE_POOL_H

#include "cache.h"

/* malloc of `size`, which is of medium class `cls`; with what the pool can't serve, all of it. */
TIDE_HIDDEN void *tide_pool_hit(size_t size, unsigned cls);
/* free of a block of medium class `cls` by its page. False: it is for the general path. */
TIDE_HIDDEN bool tide_pool_free_hit(void *block, unsigned cls);

/* A block, of a class that *cls becomes; NULL: no memory. *zeroed is set when it is known to be
 * zero. */
TIDE_HIDDEN void *tide_pool_malloc(struct tide_cache *cache, unsigned *cls, bool *zeroed);
/* Free a block of medium class `cls`, on behalf of public function `function`. False: no memory for
 * a bin. */
TIDE_HIDDEN bool tide_pool_free(struct tide_cache *cache, void *block, unsigned cls,
                                const char *function);
/* A block that happens to be a multiple of align_bytes; NULL when there is none. */
TIDE_HIDDEN void *tide_pool_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes);

#endif
