/* Aligned allocation. The blocks of a small class lie at multiples of their size from a page
 * boundary, so a class whose size is a multiple of the alignment has it; chunks are aligned to a
 * granule, and can be found or carved at a page; all the rest is a mapping of its own.
 */
#include "aligned.h"

#include <tide/tide.h>

#include "alias.h"
#include "classes.h"
#include "large.h"
#include "slow.h"

#include <errno.h>

static bool is_power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

void *tide_aligned(size_t alignment, size_t size)
{
	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	if (alignment <= TIDE_ALIGN_BYTES)
		return tide_malloc(size);
	unsigned cls = tide_class_of(size < alignment ? alignment : size);
	if (alignment <= TIDE_PAGE_BYTES) {
		while (tide_class_is_small(cls) && tide_class_bytes(cls) % alignment != 0)
			cls++;
		if (tide_class_is_small(cls) ||
		    (cls < TIDE_CLASS_INSIDE && alignment <= TIDE_GRANULE_BYTES))
			return tide_malloc(tide_class_bytes(cls));
		size_t pages_size = (size + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1);
		cls = tide_class_of(pages_size);
		if (tide_class_is_medium(cls)) {
			void *block = tide_medium_aligned_slow(cls, TIDE_PAGE_BYTES);
			if (block == NULL)
				errno = ENOMEM;
			return block;
		}
	}
	bool zeroed;
	(void)tide_slow_self(); /* else its part of the page map would lie outside of the window */
	void *block = tide_large_alloc(size, alignment, &zeroed);
	if (block == NULL)
		errno = ENOMEM;
	return block;
}

void *tide_memalign(size_t alignment, size_t size)
{
	if (!is_power_of_two(alignment)) {
		errno = EINVAL;
		return NULL;
	}
	return tide_aligned(alignment, size);
}

void *tide_aligned_alloc(size_t alignment, size_t size)
{
	return tide_memalign(alignment, size);
}

int tide_posix_memalign(void **block, size_t alignment, size_t size)
{
	if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
		return EINVAL;
	int saved = errno;
	void *got = tide_aligned(alignment, size);
	errno = saved;
	if (got == NULL)
		return ENOMEM;
	*block = got;
	return 0;
}

void *tide_valloc(size_t size)
{
	return tide_aligned(TIDE_PAGE_BYTES, size);
}

void *tide_pvalloc(size_t size)
{
	size_t pages_size = (size + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1);
	if (pages_size < size) {
		errno = ENOMEM;
		return NULL;
	}
	return tide_aligned(TIDE_PAGE_BYTES, pages_size);
}

TIDE_ALIAS(void *, memalign, tide_memalign, size_t, size_t);
TIDE_ALIAS(void *, aligned_alloc, tide_aligned_alloc, size_t, size_t);
TIDE_ALIAS(int, posix_memalign, tide_posix_memalign, void **, size_t, size_t);
TIDE_ALIAS(void *, valloc, tide_valloc, size_t);
TIDE_ALIAS(void *, pvalloc, tide_pvalloc, size_t);
TIDE_ALIAS(void *, __libc_memalign, tide_memalign, size_t, size_t);
TIDE_ALIAS(void *, __libc_valloc, tide_valloc, size_t);
TIDE_ALIAS(void *, __libc_pvalloc, tide_pvalloc, size_t);
