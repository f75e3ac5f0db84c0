/* What happens when a bin misses: the way from a thread's own bins to the rest, in order of cost.
 *
 *   malloc: pending bin - ready queue - the GC's free sets, if the token is free - the frontier
 *   free:   pending bin - ready queue, if it has room - garbage bin of this thread, and the
 *           doorbell; there also what a lone thread without a GC freed out of order
 *
 * Touched by  app threads, each with its own cache
 * Progress    lock-free: what looks more than once whether another thread is done (for the token,
 *             gc/loop.c; for kept large blocks, large_keep.h) does so a bounded number of times
 */
#ifndef TIDE_SLOW_H
#define TIDE_SLOW_H

#include "cache.h"

/* A block for `bytes`; NULL and errno ENOMEM when there is none. */
TIDE_NOINLINE TIDE_HIDDEN void *tide_malloc_slow(size_t bytes);
/* The same in profile mode, with guarded blocks. */
TIDE_NOINLINE TIDE_HIDDEN void *tide_malloc_slow_guarded(size_t bytes);
/* The same; *zeroed tells whether the block is known to be zero. */
TIDE_NOINLINE TIDE_HIDDEN void *tide_malloc_slow_zeroed(size_t bytes, bool *zeroed);
/* The same in the heap of `cache`, of which the calling thread is the owner. */
TIDE_NOINLINE TIDE_HIDDEN void *tide_malloc_slow_in(struct tide_cache *cache, size_t bytes,
                                                    bool *zeroed);
/* The same in profile mode, for who has counted it. */
TIDE_HIDDEN void *tide_malloc_slow_untaken(struct tide_cache *cache, size_t bytes, bool *zeroed);
/* The same, of the class of `bytes`, which has room for `asked` and, in checked mode, for its
 * seal. */
TIDE_HIDDEN void *tide_malloc_slow_as(struct tide_cache *cache, size_t bytes, size_t asked);
/* Free anything that was passed to public function `function`. Preserves errno. */
TIDE_NOINLINE TIDE_HIDDEN void tide_free_slow(void *block, const char *function);

/* Checked mode: between calls a small class's blocks lie in the pending bin, out of the fast path's
 * sight. */
TIDE_HIDDEN void tide_slow_unshelve(struct tide_cache *cache, unsigned cls);
TIDE_HIDDEN void tide_slow_shelve(struct tide_cache *cache, unsigned cls);
/* Checked mode: what is kept from being used again is freed for good; false: nothing is. */
TIDE_COLD TIDE_HIDDEN bool tide_slow_release_parked(struct tide_cache *cache);

/* The parts of it that pool.c shares. The calling thread's cache, made if need be; NULL when there
 * is no memory for one. */
TIDE_HIDDEN struct tide_cache *tide_slow_self(void);
/* Blocks of a small class into the empty ready bin, from wherever they are cheapest. False: no
 * memory. */
TIDE_HIDDEN bool tide_slow_refill(struct tide_cache *cache, unsigned cls);
/* A bin with blocks in it leaves the thread. */
TIDE_HIDDEN void tide_slow_give_away(struct tide_cache *cache, struct tide_bin *bin);
/* Blocks that the thread keeps into the empty ready bin. False: there are none. */
TIDE_HIDDEN bool tide_slow_unstash(struct tide_cache *cache, unsigned cls);
/* So many blocks of a small class came from elsewhere. */
TIDE_HIDDEN void tide_slow_took(struct tide_cache *cache, unsigned cls, unsigned blocks);
/* A process of more than one thread gets a GC thread, once this one has shown that it works. */
TIDE_HIDDEN void tide_slow_want_gc_thread(struct tide_cache *cache);

#endif
