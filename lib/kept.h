/* Medium blocks that do not go by way of ready bins.
 *
 * Classes above TIDE_KEPT_ABOVE_BYTES: a block or two, as the thread's share allows, wait in the
 * pending bin, and every call comes by here. A ready bin for each such class would let an idle
 * thread hold megabytes. And blocks aligned to a page, which have to be looked for.
 *
 * Touched by  app threads, each with its own cache
 */
#ifndef TIDE_KEPT_H
#define TIDE_KEPT_H

#include "cache.h"

TIDE_HIDDEN bool tide_kept_is_class(unsigned cls);
/* A block; NULL: no memory. *zeroed is set when it is known to be zero. */
TIDE_HIDDEN void *tide_kept_malloc(struct tide_cache *cache, unsigned cls, bool *zeroed);
/* False: no memory for a bin. */
TIDE_HIDDEN bool tide_kept_free(struct tide_cache *cache, void *block, unsigned cls);

/* A block of medium class `cls` at a multiple of align_bytes, 2 KiB or 4 KiB; NULL: no memory. */
TIDE_HIDDEN void *tide_medium_aligned_slow(unsigned cls, size_t align_bytes);

#endif
