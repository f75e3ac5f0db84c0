/* free, and the functions that ask about a block. */
#include <tide/tide.h>

#include "alias.h"
#include "fatal.h"
#include "gc.h"
#include "hit.h"
#include "large.h"
#include "options.h"
#include "slow.h"
#include "start.h"

void tide_free(void *block)
{
	if (TIDE_UNLIKELY(!tide_hit_push(tide_hit_class(block), block)))
		tide_free_slow(block, "free");
}

/* A sized free with the wrong size is a bug of the caller's that does no harm here, since the class
 * comes from the page map; checked mode reports it. */
static TIDE_COLD void check_size(void *block, size_t bytes, const char *function)
{
	if (block == NULL)
		return;
	unsigned cls = tide_block_class(block, function);
	if (cls == TIDE_CLASS_NONE)
		return;
	size_t has = cls == TIDE_CLASS_LARGE ? tide_large_bytes(block) : tide_class_bytes(cls);
	/* An aligned block may be of a larger class than its size alone asks for. */
	if (bytes > has || (cls == TIDE_CLASS_LARGE && bytes <= TIDE_SMALL_MAX_BYTES))
		tide_fatal_misuse(TIDE_MISUSE_SIZE, function, block,
		                  cls == TIDE_CLASS_LARGE ? 0 : cls, has);
	else if (bytes * 4 < has && bytes < TIDE_PAGE_BYTES / 4 && has >= TIDE_PAGE_BYTES)
		tide_fatal_misuse(TIDE_MISUSE_SIZE, function, block,
		                  cls == TIDE_CLASS_LARGE ? 0 : cls, has);
}

void tide_free_sized(void *block, size_t size)
{
	if (TIDE_UNLIKELY(tide_start_checked()))
		check_size(block, size, "free_sized");
	if (TIDE_UNLIKELY(!tide_hit_push(tide_hit_class(block), block)))
		tide_free_slow(block, "free_sized");
}

void tide_free_aligned_sized(void *block, size_t alignment, size_t size)
{
	(void)alignment;
	if (TIDE_UNLIKELY(tide_start_checked()))
		check_size(block, size, "free_aligned_sized");
	if (TIDE_UNLIKELY(!tide_hit_push(tide_hit_class(block), block)))
		tide_free_slow(block, "free_aligned_sized");
}

size_t tide_malloc_usable_size(const void *block)
{
	if (block == NULL)
		return 0;
	unsigned cls = tide_block_class(block, "malloc_usable_size");
	if (cls == TIDE_CLASS_NONE)
		return 0;
	return cls == TIDE_CLASS_LARGE ? tide_large_bytes(block) : tide_class_bytes(cls);
}

size_t tide_purge(void)
{
	tide_self_empty();
	return tide_gc_purge_all();
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
