/* The hit case of malloc and free, for the entry points to inline: no atomic read-modify-write, no
 * call, no branch on initialisation. tests/golden counts its instructions in the built library.
 *
 * Whatever is unusual leaves by one tail call: no cache yet, empty or full bin, large or absurd
 * sizes, NULL, foreign and misaligned pointers.
 */
#ifndef TIDE_HIT_H
#define TIDE_HIT_H

#include "cache.h"
#include "pagemap.h"

/* Audit builds count; others compile it to nothing. */
TIDE_INLINE void tide_hit_count(_Atomic uint64_t *counter)
{
	if (TIDE_AUDITED)
		tide_count_owned(counter, 1u);
}

/* Pop a block of class `cls`; false when the bin is empty, or its two topmost blocks are the same
 * (freed twice in a row). */
TIDE_INLINE bool tide_hit_pop(struct tide_cache *cache, size_t cls, void **block)
{
	void **top = cache->top[cls];
	TIDE_IN_OTHER_REGISTER(top);
	*block = *top;
	if (TIDE_UNLIKELY(*block == top[-1]))
		return false;
	cache->top[cls] = top - 1;
	tide_hit_count(&cache->mallocs[cls]);
	return true;
}

/* Class of the block at `address`, read from the page map's window; TIDE_CLASS_NONE outside of it,
 * and for addresses that are no multiple of 16: those bits are rotated to the top of the index. */
TIDE_INLINE size_t tide_hit_class(const void *address)
{
	const struct tide_cache *cache = tide_cache_self;
	uintptr_t at = (uintptr_t)address - cache->near_base;
	at = (at >> 4 | at << 60) >> (TIDE_PAGE_SHIFT - 4);
	if (TIDE_UNLIKELY(at >= cache->near_pages))
		return TIDE_CLASS_NONE;
	return tide_load_relaxed(cache->near_map + at);
}

/* Size class of the block at `address` where its page alone says it: of a small one of the default
 * heap. Else TIDE_CLASS_NONE, and block.h knows. That a block starts there is not checked: who is
 * wrong about that frees it some day, and when it leaves the bins the GC sees it. */
TIDE_INLINE unsigned tide_hit_small_class(const void *address)
{
	unsigned cls = tide_pagemap_class_of_place((unsigned)tide_hit_class(address));
	return TIDE_LIKELY(tide_class_is_small(cls)) ? cls : TIDE_CLASS_NONE;
}

/* Push a block onto the bin at place `cls` (pagemap.h); false when it is full. */
TIDE_INLINE bool tide_hit_push(struct tide_cache *cache, size_t cls, void *block)
{
	void **top = cache->top[cls];
	if (TIDE_UNLIKELY(top[1] == TIDE_BIN_FULL))
		return false;
	top[1] = block;
	tide_order_stores(); /* bin.h says why */
	cache->top[cls] = top + 1;
	tide_hit_count(&cache->frees[tide_pagemap_class_of_place((unsigned)cls)]);
	return true;
}

#endif
