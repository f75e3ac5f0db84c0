/* Aligned allocation, for the entry points that offer it. */
#ifndef TIDE_ALIGNED_H
#define TIDE_ALIGNED_H

#include "compiler.h"

struct tide_cache;

/* `alignment`: a power of two. NULL and errno ENOMEM when there is no memory. */
TIDE_HIDDEN void *tide_aligned(size_t alignment, size_t size);
/* The same in the heap of the cache, which is the calling thread's. */
TIDE_HIDDEN void *tide_aligned_in(struct tide_cache *cache, size_t alignment, size_t size);

#endif
