/* Filling a heap up to its limit. */
#ifndef TIDE_TESTS_API_LIMIT_SUPPORT_H
#define TIDE_TESTS_API_LIMIT_SUPPORT_H

#include <criterion/criterion.h>

#include "support.h"

#include <errno.h>
#include <tide/heap.h>

#include "gc.h"

enum { MOST = 600000 };

static void *kept[MOST];
static unsigned kept_count;

static inline void assert_audit(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

/* Allocate until it fails; bytes of the blocks. */
static inline size_t fill(struct tide_heap *heap, size_t size)
{
	size_t bytes = 0;
	void *block;

	while (kept_count < MOST && (block = tide_heap_malloc(heap, size)) != NULL) {
		kept[kept_count++] = block;
		bytes += tide_malloc_usable_size(block);
	}
	cr_assert_eq(errno, ENOMEM);
	return bytes;
}

static inline void free_kept(void)
{
	while (kept_count > 0)
		tide_free(kept[--kept_count]);
}

#endif
