/* What the tests of large blocks share. */
#ifndef TIDE_TESTS_LIB_LARGE_SUPPORT_H
#define TIDE_TESTS_LIB_LARGE_SUPPORT_H

#include "heap.h"
#include "large_keep.h"

#include "config.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static inline void *large_alloc(size_t bytes)
{
	bool zeroed;
	void *block = tide_large_alloc(&tide_heap_default, bytes, TIDE_PAGE_BYTES, &zeroed);

	cr_assert_not_null(block);
	return block;
}

static inline uint64_t live(void)
{
	return tide_large_live_bytes_racy();
}

static inline uint64_t cached(void)
{
	return tide_large_cached_bytes_racy();
}

/* Address space. */
static inline size_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * TIDE_PAGE_BYTES;
}

static inline void assert_block(void *block, size_t bytes)
{
	size_t has = tide_large_bytes(block);
	uintptr_t at = (uintptr_t)block;

	cr_assert_geq(has, bytes);
	cr_assert_eq(has % TIDE_PAGE_BYTES, 0u);
	cr_assert_eq(at % TIDE_PAGE_BYTES, 0u);
	cr_assert_eq(tide_pagemap_class(at), TIDE_CLASS_LARGE);
	for (size_t page = TIDE_PAGE_BYTES; page < has; page += TIDE_PAGE_BYTES)
		cr_assert_eq(tide_pagemap_class(at + page), TIDE_CLASS_NONE);
}

static inline void assert_gone(const void *block)
{
	cr_assert_eq(tide_large_bytes(block), 0u);
	cr_assert_eq(tide_pagemap_class((uintptr_t)block), TIDE_CLASS_NONE);
}

#endif
