/* Heaps of the allocator under test (include/tide/heap.h): each way to use one that there is. Other
 * allocators than Tide have none. */
#ifndef STRESS_HEAP_CALLS_H
#define STRESS_HEAP_CALLS_H

#include "oracle.h"
#include "random.h"

struct tide_heap;

/* False: there are none, and nothing else here may be called. */
bool heap_calls_exist(void);

/* A block as `held` asks for it; NULL: refused. Notes in it whether the block has a hint. */
void *heap_make(struct tide_heap *heap, struct held *held, struct random *random);
/* By the heap's function or the C library's, as it comes. */
void *heap_resize(struct tide_heap *heap, const struct held *held, size_t bytes);
void heap_free(struct tide_heap *heap, const struct held *held);
/* What is wrong with a block of this heap, besides its contents; NULL: nothing. */
const char *heap_wrong(struct tide_heap *heap, const struct held *held);

enum { HEAP_COUNTS = 3 }; /* as enum tide_heap_counts */

struct heap_plan {
	size_t limit_bytes; /* 0: none */
	uint32_t counts;    /* what the limit counts; the remainder by HEAP_COUNTS says which */
	/* Asked to make room; NULL: the heap fails at its limit. */
	size_t (*reclaim)(struct tide_heap *heap, size_t bytes, void *context);
	void *context;
};

/* NULL: refused. */
struct tide_heap *heap_create(const struct heap_plan *plan);
void heap_destroy(struct tide_heap *heap);

/* All live blocks, told from others by where they are and by what their first word says. */
struct heap_census {
	uint64_t blocks, bytes, fingerprint;
};

void heap_census_add(struct heap_census *census, const void *block, uint64_t id, size_t bytes);
/* By the heap's own walk. */
struct heap_census heap_walk(struct tide_heap *heap);
/* Whether the heap's figures agree with a census of it, and its limit with what there is, to the
 * byte; what is wrong, or NULL. While no other thread uses it. */
const char *heap_figures_wrong(struct tide_heap *heap, const struct heap_plan *plan,
                               const struct heap_census *census);

#endif
