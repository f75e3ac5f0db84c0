/* The malloc family of a heap that a program made, and handles. */
#include <tide/heap.h>

#include "aligned.h"
#include "block.h"
#include "checked.h"
#include "fatal.h"
#include "guard.h"
#include "hit.h"
#include "profiled.h"
#include "seat.h"
#include "slow.h"
#include "start.h"

#include <errno.h>
#include <string.h>

/* What is not a hit; `heap` may be the default heap. */
static TIDE_NOINLINE void *malloc_missed(struct tide_heap *heap, size_t size, bool *zeroed)
{
	struct tide_cache *cache = tide_seat_take(heap);
	void *block;
	*zeroed = false;
	if (TIDE_UNLIKELY(cache == NULL)) {
		errno = ENOMEM;
		return NULL;
	}
	/* The seat may have been the only thing that was missing. */
	if (size <= TIDE_MEDIUM_MAX_BYTES && tide_hit_pop(cache, tide_class_of(size), &block))
		return block;
	return tide_malloc_slow_in(cache, size, zeroed);
}

/* A block of the thread's own, if its cache `cache` (NULL: it has none) has one. */
TIDE_INLINE bool hit(struct tide_cache *cache, unsigned cls, void **block)
{
	return TIDE_LIKELY(cache != NULL && cls <= TIDE_CLASS_MEDIUM_LAST) &&
	       TIDE_LIKELY(tide_hit_pop(cache, cls, block));
}

void *tide_heap_malloc(struct tide_heap *heap, size_t size)
{
	bool zeroed;
	void *block;
	if (hit(tide_seat_find(heap), tide_class_of(size), &block))
		return block;
	return malloc_missed(heap, size, &zeroed);
}

void *tide_heap_calloc(struct tide_heap *heap, size_t count, size_t size)
{
	size_t bytes;
	bool zeroed;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	void *block = malloc_missed(heap, bytes, &zeroed);
	if (block != NULL && !zeroed)
		memset(block, 0, bytes);
	return block;
}

void *tide_heap_realloc(struct tide_heap *heap, void *block, size_t size)
{
	return block != NULL ? tide_realloc(block, size) : tide_heap_malloc(heap, size);
}

void *tide_heap_aligned_alloc(struct tide_heap *heap, size_t alignment, size_t size)
{
	struct tide_cache *cache = tide_seat_take(heap);
	bool valid = alignment != 0 && (alignment & (alignment - 1)) == 0;
	if (cache == NULL || !valid) {
		errno = valid ? ENOMEM : EINVAL;
		return NULL;
	}
	return tide_aligned_in(cache, alignment, size);
}

void tide_heap_free(struct tide_heap *heap, void *block)
{
	(void)heap; /* for those who read the call: the block knows */
	tide_free_slow(block, "heap_free");
}

size_t tide_heap_usable_size(struct tide_heap *heap, const void *block)
{
	(void)heap;
	return tide_malloc_usable_size(block);
}

struct tide_heap *tide_heap_of(const void *block)
{
	struct tide_heap *heap = &tide_heap_default;
	if (block != NULL && !tide_guard_owns(block))
		(void)tide_block_class(block, "heap_of", &heap);
	heap = tide_profiled_heap(heap);
	return heap != &tide_heap_default ? heap : NULL;
}

/* A hint: the class, and the seat of the heap (0: the default heap) for the check. */
#define HINT_SEAT_SHIFT 8

static uint32_t hint_of(const struct tide_heap *heap, unsigned cls)
{
	uint32_t seat = heap != NULL ? heap->slot + 1 : 0;
	return seat << HINT_SEAT_SHIFT | cls;
}

void *tide_malloc_in(struct tide_heap *heap, size_t size, struct tide_hint *hint)
{
	struct tide_cache *cache = heap != NULL ? tide_seat_find(heap) : tide_cache_self;
	unsigned cls = tide_class_of(size);
	bool zeroed;
	void *block;
	hint->word = hint_of(heap, cls);
	if (hit(cache, cls, &block))
		return block;
	block = malloc_missed(heap != NULL ? heap : &tide_heap_default, size, &zeroed);
	/* It may be of another class: for a seal, or since a pool had a longer one (pool.h). */
	if (TIDE_UNLIKELY(tide_start_checked()))
		cls = tide_class_of(tide_checked_padded(size));
	if (block != NULL && tide_class_is_medium(cls))
		cls = tide_region_class(block);
	hint->word = hint_of(heap, cls);
	return block;
}

/* Checked mode: whether the hint is the block's. */
static TIDE_COLD bool hint_is_right(struct tide_heap *heap, void *block, struct tide_hint hint)
{
	struct tide_heap *own;
	unsigned cls = tide_block_class_exact(block, "free_in", &own);
	if (cls == TIDE_CLASS_NONE)
		return false;
	if (own == &tide_heap_default)
		own = NULL;
	if (own == heap && hint.word == hint_of(own, cls))
		return true;
	bool known = cls != TIDE_CLASS_LARGE;
	tide_fatal_misuse(TIDE_MISUSE_HINT, "free_in", block, known ? cls : 0,
	                  known ? tide_class_bytes(cls) : 0);
	return false;
}

/* What is not a hit, or has to be checked. */
static TIDE_NOINLINE void free_missed(struct tide_heap *heap, void *block, struct tide_hint hint)
{
	if (block == NULL || (tide_start_checked() && !hint_is_right(heap, block, hint)))
		return;
	tide_free_slow(block, "free_in");
}

void tide_free_in(struct tide_heap *heap, void *block, struct tide_hint hint)
{
	struct tide_cache *cache = heap != NULL ? tide_seat_find(heap) : tide_cache_self;
	unsigned cls = hint.word & ((1u << HINT_SEAT_SHIFT) - 1);
	/* (In checked mode all bins are full; in profile mode the ready bin is malloc's alone.) */
	if (TIDE_LIKELY(cache != NULL && block != NULL && cls < TIDE_CLASS_INSIDE) &&
	    TIDE_LIKELY(!tide_sample_on()) && TIDE_LIKELY(tide_hit_push(cache, cls, block)))
		return;
	free_missed(heap, block, hint);
}
