/* Profile mode: what calls that miss do besides (sample.h says which allocations are taken,
 * profile.h what becomes of them).
 *
 * A sampled block must be known when it is freed. Blocks above TIDE_POOL_ONLY_BYTES, and those of
 * heaps that a program made, are freed by a slow call anyway, which looks for them. Others of the
 * default heap are not: so a sampled one comes from a heap that has no others. That is within the
 * default heap's limit; where it gets no more, the sample is lost, and not the allocation. A walk
 * of the default heap does not find such blocks.
 *
 * Touched by  app threads in slow calls
 * Progress    lock-free, and what tide_backtrace promises
 * Edges       profiled.heap  who makes the heap of sampled blocks -> every thread
 */
#ifndef TIDE_PROFILED_H
#define TIDE_PROFILED_H

#include "sample.h"

/* Once, by the first thread of the process. */
TIDE_HIDDEN void tide_profiled_start(void);

/* A block for `bytes`, sampled or not, from the heap of the cache. `frame`: see backtrace.h. */
TIDE_HIDDEN void *tide_profiled_malloc(struct tide_cache *cache, size_t bytes, bool *zeroed,
                                       void *const *frame);
/* malloc, of what is no hit; jumped to. */
TIDE_HIDDEN void *tide_profiled_malloc_plain(size_t bytes);
/* Blocks that come out of no bin: count one of class `cls` (`bytes`: of a large one) that is about
 * to be allocated; true: it is to be taken. A block of a class with bins then comes from *cache,
 * which is changed. */
TIDE_HIDDEN bool tide_profiled_is_due(struct tide_cache **cache, unsigned cls, size_t bytes);
/* It was allocated: enter it. */
TIDE_HIDDEN void tide_profiled_enter(void *block, void *const *frame);
/* A block, freed by a slow call, of class `cls` in `heap`. */
TIDE_HIDDEN void tide_profiled_free(const struct tide_heap *heap, const void *block, unsigned cls);
/* It has become one of `bytes` in place: as if it had been freed and allocated. */
TIDE_HIDDEN void tide_profiled_resized(struct tide_heap *heap, void *block, size_t bytes,
                                       void *const *frame);
/* Forget the blocks of a heap that is about to be destroyed. */
TIDE_HIDDEN void tide_profiled_forget(const struct tide_heap *heap);
/* The heap, as the program knows it: the default heap for that of sampled blocks, in which nothing
 * is counted. */
TIDE_HIDDEN struct tide_heap *tide_profiled_heap(struct tide_heap *heap);

#endif
