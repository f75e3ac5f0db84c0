/* malloc and calloc. */
#include <tide/tide.h>

#include "alias.h"
#include "hit.h"
#include "pool.h"
#include "slow.h"

#include <errno.h>
#include <string.h>

static TIDE_USUAL TIDE_NOINLINE void *malloc_medium(size_t size)
{
	if (TIDE_UNLIKELY(size > TIDE_MEDIUM_MAX_BYTES))
		return tide_malloc_slow(size);
	unsigned cls = tide_class_of(size);
	void *block;
	if (TIDE_LIKELY(tide_hit_pop(tide_cache_self, cls, &block)))
		return block;
	return tide_class_is_medium(cls) ? tide_pool_hit(size, cls) : tide_malloc_slow(size);
}

TIDE_USUAL void *tide_malloc(size_t size)
{
	if (TIDE_UNLIKELY(size > TIDE_TABLE_MAX_BYTES))
		return malloc_medium(size);
	void *block;
	if (TIDE_UNLIKELY(!tide_hit_pop(tide_cache_self, tide_class_table[size], &block)))
		return tide_malloc_slow(size);
	return block;
}

TIDE_USUAL void *tide_calloc(size_t count, size_t size)
{
	size_t bytes;
	if (TIDE_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	bool zeroed = false;
	void *block;
	if (TIDE_UNLIKELY(bytes > TIDE_MEDIUM_MAX_BYTES ||
	                  !tide_hit_pop(tide_cache_self, tide_class_of(bytes), &block)))
		block = tide_malloc_slow_zeroed(bytes, &zeroed);
	if (block != NULL && !zeroed)
		memset(block, 0, bytes);
	return block;
}

TIDE_ALIAS(void *, malloc, tide_malloc, size_t);
TIDE_ALIAS(void *, calloc, tide_calloc, size_t, size_t);
TIDE_ALIAS(void *, __libc_malloc, tide_malloc, size_t);
TIDE_ALIAS(void *, __libc_calloc, tide_calloc, size_t, size_t);
