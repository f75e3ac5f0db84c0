/* Where a block lies as seen from the page map's window. */
#ifndef TIDE_TESTS_LIB_WINDOW_SUPPORT_H
#define TIDE_TESTS_LIB_WINDOW_SUPPORT_H

#include "cache.h"

/* What the hit case has to read for `block`, whose pages say `cls`. Blocks lie in the window, but
 * an emulated system may map a region anywhere. */
static inline size_t class_in_window(const void *block, size_t cls)
{
	const struct tide_cache *cache = tide_cache_self;
	uintptr_t page = ((uintptr_t)block - cache->near_base) / TIDE_PAGE_BYTES;

	return page < cache->near_pages ? cls : TIDE_CLASS_NONE;
}

#endif
