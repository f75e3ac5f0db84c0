/* free, and the functions that ask about a block. */
#include <tide/tide.h>

#include "alias.h"
#include "block.h"
#include "checked.h"
#include "gc.h"
#include "guard.h"
#include "hit.h"
#include "large.h"
#include "object.h"
#include "seat.h"
#include "slow.h"
#include "start.h"

TIDE_USUAL void tide_free(void *block)
{
	if (TIDE_UNLIKELY(!tide_hit_push(tide_cache_self, tide_hit_class(block), block)))
		tide_free_slow(block, "free");
}

void tide_free_sized(void *block, size_t size)
{
	if (TIDE_UNLIKELY(tide_start_checked()))
		tide_block_check_size(block, 0, size, "free_sized");
	if (TIDE_UNLIKELY(!tide_hit_push(tide_cache_self, tide_hit_class(block), block)))
		tide_free_slow(block, "free_sized");
}

void tide_free_aligned_sized(void *block, size_t alignment, size_t size)
{
	if (TIDE_UNLIKELY(tide_start_checked()))
		tide_block_check_size(block, alignment, size, "free_aligned_sized");
	if (TIDE_UNLIKELY(!tide_hit_push(tide_cache_self, tide_hit_class(block), block)))
		tide_free_slow(block, "free_aligned_sized");
}

static TIDE_NOINLINE size_t usable_size_slow(const void *block)
{
	if (block == NULL)
		return 0;
	if (tide_guard_owns(block)) {
		size_t bytes = tide_guard_bytes(block, "malloc_usable_size");
		return bytes != SIZE_MAX ? bytes : 0;
	}
	struct tide_heap *heap;
	unsigned cls = tide_block_class_exact(block, "malloc_usable_size", &heap);
	if (cls == TIDE_CLASS_NONE)
		return 0;
	size_t has = cls == TIDE_CLASS_LARGE ? tide_large_bytes(block) : tide_class_bytes(cls);
	if (tide_start_checked() && tide_checked_full())
		return tide_checked_bytes(block, cls == TIDE_CLASS_LARGE ? 0 : cls, has,
		                          "malloc_usable_size");
	return has;
}

/* Programs that keep accounts of their memory call it for each block, at both ends of its life. */
size_t tide_malloc_usable_size(const void *block)
{
	unsigned cls = tide_hit_small_class(block);
	if (TIDE_UNLIKELY(cls == TIDE_CLASS_NONE || tide_start_checked()))
		return usable_size_slow(block);
	return tide_class_bytes(cls);
}

size_t tide_purge(void)
{
	struct tide_cache *self = tide_slow_self();
	if (tide_start_checked() && self != NULL)
		(void)tide_slow_release_parked(self);
	tide_self_empty();
	size_t bytes = tide_gc_purge_all();
	/* Only now are the objects of other threads there. */
	if (tide_object_drain_all(false) > 0)
		bytes += tide_gc_purge_all();
	return bytes;
}

int tide_malloc_trim(size_t pad)
{
	(void)pad;
	return tide_purge() > 0;
}

TIDE_ALIAS(void, free, tide_free, void *);
TIDE_ALIAS(void, cfree, tide_free, void *);
TIDE_ALIAS(void, __libc_free, tide_free, void *);
TIDE_ALIAS(void, free_sized, tide_free_sized, void *, size_t);
TIDE_ALIAS(void, free_aligned_sized, tide_free_aligned_sized, void *, size_t, size_t);
TIDE_ALIAS(size_t, malloc_usable_size, tide_malloc_usable_size, const void *);
TIDE_ALIAS(int, malloc_trim, tide_malloc_trim, size_t);
