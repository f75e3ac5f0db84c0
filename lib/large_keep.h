/* Large blocks that are free: the cache from which the next one of about that size is served, shared
 * by all heaps, and the descriptors that serve any of them (large.h).
 *
 * Touched by  every thread; the GC ages the cache
 * Progress    lock-free: a bounded number of swaps and one system call
 * Edges       large.keep  CAS into a cache slot -> the swap that takes it out
 */
#ifndef TIDE_LARGE_KEEP_H
#define TIDE_LARGE_KEEP_H

#include "large.h"

/* A descriptor without a block, of the default heap; NULL: no memory. */
TIDE_HIDDEN struct tide_large *tide_large_descriptor_new(void);
TIDE_HIDDEN void tide_large_descriptor_recycle(struct tide_large *large);

/* Keep a free block, or give it back when there are too many. */
TIDE_HIDDEN void tide_large_keep(struct tide_large *large);
/* One that fits; NULL: there is none. */
TIDE_HIDDEN struct tide_large *tide_large_keep_take(size_t bytes, size_t align_bytes);
/* Put it into its bucket; false when that is full. */
TIDE_HIDDEN bool tide_large_keep_put(struct tide_large *large);
/* Give it back; bytes returned. If the system will not have it (too many mappings), its memory at
 * least, and the address space waits for the next of its size, or until it is asked again. */
TIDE_HIDDEN size_t tide_large_dispose(struct tide_large *large);

#endif
