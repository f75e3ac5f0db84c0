/* Aligned allocation. The blocks of a small class lie at multiples of their size from a page
 * boundary, so a class whose size is a multiple of the alignment has it; chunks are aligned to a
 * granule, and can be found or carved at a page; all the rest is a large block.
 */
#include "aligned.h"

#include <tide/tide.h>

#include "alias.h"
#include "checked.h"
#include "gc.h"
#include "hit.h"
#include "limit.h"
#include "pool.h"
#include "profile.h"
#include "profiled.h"
#include "slow.h"
#include "start.h"

#include <errno.h>

static bool is_power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* A block of the ready bin that happens to be aligned. */
static void *ready_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes)
{
	for (void **at = cache->top[cls]; *at != NULL; at--) {
		void *block = *at;
		if ((uintptr_t)block % align_bytes != 0)
			continue;
		void *last = *cache->top[cls]--;
		tide_order_stores(); /* see bin.h */
		*at = last;
		return block;
	}
	return NULL;
}

/* A block that was in no thread's bins. */
static void *fresh_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes)
{
	struct tide_budget *budget = &cache->heap->budget;
	size_t bytes = tide_class_bytes(cls);
	if (tide_budget_blocks_in(budget, 1, bytes) == 0)
		return NULL;
	void *block = tide_gc_chunk_aligned(cache, cls, align_bytes);
	tide_count_owned(
	    block != NULL ? &cache->counts[cls].from_gc : &cache->counts[cls].from_frontier, 1u);
	if (block == NULL)
		block = tide_frontier_chunk(cache->heap, cls, align_bytes);
	if (block == NULL)
		tide_budget_blocks_out(budget, 1, bytes);
	return block;
}

/* A block of a medium class at a multiple of align_bytes, 2 KiB or 4 KiB. */
static void *medium_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes)
{
	/* (In profile mode what is in the ready bin is counted as malloc's.) */
	void *block = tide_sample_on() ? NULL : ready_aligned(cache, cls, align_bytes);
	if (block == NULL) {
		tide_cache_slow_enter(cache);
		block = tide_pool_aligned(cache, cls, align_bytes);
		tide_cache_slow_leave(cache);
	}
	if (block == NULL)
		block = fresh_aligned(cache, cls, align_bytes);
	if (block != NULL)
		tide_hit_count(&cache->mallocs[cls]);
	return block;
}

/* Checked mode: the block is the program's from now on. */
static TIDE_COLD void note_live(void *block, unsigned cls, size_t asked)
{
	bool is_large = cls == TIDE_CLASS_LARGE;
	if (tide_checked_full())
		tide_checked_seal(block, is_large ? tide_large_bytes(block) : tide_class_bytes(cls),
		                  asked);
	if (!is_large)
		(void)tide_region_set_live(block, cls, true);
}

/* `cls`: of whole pages, or TIDE_CLASS_LARGE. */
static void *page_aligned(struct tide_cache *cache, unsigned cls, size_t alignment, size_t size)
{
	bool zeroed;
	if (tide_class_is_medium(cls))
		return medium_aligned(cache, cls, TIDE_PAGE_BYTES);
	return tide_large_alloc(cache->heap, size, alignment, &zeroed);
}

/* `size`: of the whole class, of which `asked` bytes were asked for. */
static void *malloc_in(struct tide_cache *cache, size_t size, size_t asked)
{
	bool zeroed;
	void *block;
	if (TIDE_UNLIKELY(tide_start_checked()))
		return tide_malloc_slow_as(cache, size, asked);
	if (size <= TIDE_MEDIUM_MAX_BYTES && tide_hit_pop(cache, tide_class_of(size), &block))
		return block;
	return tide_malloc_slow_in(cache, size, &zeroed);
}

void *tide_aligned_in(struct tide_cache *cache, size_t alignment, size_t size)
{
	size_t asked = size;
	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	if (alignment <= TIDE_ALIGN_BYTES)
		return malloc_in(cache, size, size);
	if (TIDE_UNLIKELY(tide_start_checked()))
		size = tide_checked_padded(size);
	unsigned cls = tide_class_of(size < alignment ? alignment : size);
	if (alignment <= TIDE_PAGE_BYTES) {
		while (tide_class_is_small(cls) && tide_class_bytes(cls) % alignment != 0)
			cls++;
		if (tide_class_is_small(cls) ||
		    (cls < TIDE_CLASS_INSIDE && alignment <= TIDE_GRANULE_BYTES))
			return malloc_in(cache, tide_class_bytes(cls), asked);
		cls = tide_class_of((size + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1));
	} else {
		cls = TIDE_CLASS_LARGE;
	}
	struct tide_cache *from = cache;
	size_t whole = (size + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1);
	bool taken = tide_sample_on() && tide_profiled_is_due(&from, cls, whole);
	void *block = page_aligned(from, cls, alignment, size);
	if (TIDE_UNLIKELY(tide_budget_is_on(&cache->heap->budget))) {
		unsigned tries = 0;
		while (block == NULL && tide_limit_make_room(cache, size, &tries))
			block = page_aligned(from, cls, alignment, size);
		tide_limit_tell(cache);
	}
	if (TIDE_UNLIKELY(block == NULL && from != cache)) {
		/* There is none for samples. */
		taken = false;
		tide_profile_lose();
		block = page_aligned(cache, cls, alignment, size);
	}
	if (block == NULL)
		errno = ENOMEM;
	else if (TIDE_UNLIKELY(tide_start_checked()))
		note_live(block, cls, asked);
	else if (TIDE_UNLIKELY(taken))
		tide_profiled_enter(block, __builtin_frame_address(0));
	return block;
}

void *tide_aligned(size_t alignment, size_t size)
{
	struct tide_cache *cache = tide_slow_self();
	if (cache != NULL)
		return tide_aligned_in(cache, alignment, size);
	errno = ENOMEM;
	return NULL;
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
