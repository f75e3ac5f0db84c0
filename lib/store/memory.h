/* The store's memory: a base heap, which has the limit; entry headers from an object cache in it;
 * and heaps of bodies within that limit. All that the store does with heaps is here, so that tests
 * can put something else in its place.
 *
 * Touched by  every thread
 */
#ifndef TIDE_STORE_MEMORY_H
#define TIDE_STORE_MEMORY_H

#include "compiler.h"

struct tide_heap;
struct tide_object_cache;

/* What the heaps may take beside the bytes they are asked for: a slab for the block's class, and
 * one of headers, 64 KiB at most each (<tide/heap.h>, <tide/object_cache.h>). */
enum { TIDE_MEMORY_SLACK_BYTES = 128 << 10 };

/* limit_bytes 0: none. NULL and errno as tide_heap_create. */
TIDE_HIDDEN struct tide_heap *tide_memory_base(uint64_t limit_bytes, bool charged);
TIDE_HIDDEN struct tide_heap *tide_memory_bodies(struct tide_heap *base, uint64_t limit_bytes,
                                                 bool charged);
TIDE_HIDDEN void tide_memory_destroy(struct tide_heap *heap);

TIDE_HIDDEN void *tide_memory_alloc(struct tide_heap *heap, size_t bytes);
TIDE_HIDDEN void tide_memory_free(void *block);
/* Headers of so many bytes, side by side and aligned to 16, in slabs of the base. NULL and errno as
 * tide_object_cache_create. Destroyed with those that are there, before the base. */
TIDE_HIDDEN struct tide_object_cache *tide_memory_headers(struct tide_heap *base, size_t bytes);
TIDE_HIDDEN void tide_memory_headers_destroy(struct tide_object_cache *headers);
TIDE_HIDDEN void *tide_memory_header_alloc(struct tide_object_cache *headers);
TIDE_HIDDEN void tide_memory_header_free(struct tide_object_cache *headers, void *header);
/* Slabs without headers go back to the base, but for what other threads keep. */
TIDE_HIDDEN void tide_memory_headers_drain(struct tide_object_cache *headers);

TIDE_HIDDEN int tide_memory_charge(struct tide_heap *base, ptrdiff_t bytes);

TIDE_HIDDEN void tide_memory_purge(struct tide_heap *heap);
TIDE_HIDDEN uint64_t tide_memory_held_bytes(struct tide_heap *heap);
/* Of the base: what its limit is compared with, and how often it was in the way. */
TIDE_HIDDEN void tide_memory_limit(struct tide_heap *base, uint64_t *counted_bytes,
                                   uint64_t *refusals);
/* No block of it is live. When no other thread is in a call for it. */
TIDE_HIDDEN bool tide_memory_is_empty(struct tide_heap *heap);

#endif
