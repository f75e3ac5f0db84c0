/* What the tests of heaps share: heaps and blocks that must be had, and a walk compared with what
 * is live. */
#ifndef TIDE_TESTS_API_HEAP_SUPPORT_H
#define TIDE_TESTS_API_HEAP_SUPPORT_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "support.h"

#include <tide/heap.h>

enum { BLOCKS = 4000 };

static inline void *must(void *block)
{
	cr_assert_not_null(block);
	return block;
}

static inline struct tide_heap *heap_with(const struct tide_heap_options *options)
{
	struct tide_heap *heap = tide_heap_create(options);

	cr_assert_not_null(heap);
	return heap;
}

static inline struct tide_heap_stats stats_of(struct tide_heap *heap)
{
	struct tide_heap_stats stats;

	tide_heap_stats(heap, &stats, sizeof stats);
	return stats;
}

/* What a walk found. */
struct found {
	void *block[BLOCKS];
	size_t bytes[BLOCKS];
	unsigned count;
};

static inline int note(void *block, size_t bytes, void *context)
{
	struct found *found = context;

	if (found->count == BLOCKS)
		return 7;
	found->block[found->count] = block;
	found->bytes[found->count++] = bytes;
	return 0;
}

static inline int by_address(const void *a, const void *b)
{
	const char *const *first = a;
	const char *const *second = b;

	return (*first > *second) - (*first < *second);
}

static struct found found;

static inline void assert_walk_finds(struct tide_heap *heap, void **live, unsigned count)
{
	found.count = 0;
	cr_assert_eq(tide_heap_walk(heap, note, &found), 0);
	cr_assert_eq(found.count, count, "%u blocks, not %u", found.count, count);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(found.bytes[i], tide_malloc_usable_size(found.block[i]));
	qsort(found.block, count, sizeof found.block[0], by_address);
	qsort(live, count, sizeof live[0], by_address);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(found.block[i], live[i]);
}

#endif
