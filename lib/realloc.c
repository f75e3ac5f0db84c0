/* realloc and reallocarray: in place while the class still fits, while the chunk is the last before
 * the frontier, or by remapping; else a new block and a copy. (Growing into a free chunk behind the
 * block was tried: vectors that double in random turns took the same time, and a sixth more memory,
 * since blocks then stay where they are and not where the oldest region has room.)
 */
#include <tide/heap.h>
#include <tide/tide.h>

#include "alias.h"
#include "block.h"
#include "checked.h"
#include "fatal.h"
#include "guard.h"
#include "heap.h"
#include "hit.h"
#include "profile.h"
#include "profiled.h"
#include "seat.h"
#include "slow.h"
#include "start.h"

#include <errno.h>
#include <string.h>

/* A block may stay in its class while at least this part of it is used, so that a block that
 * shrinks and grows by turns is not copied each time. */
static bool stays(size_t size, size_t has)
{
	return size <= has && size >= has / 2;
}

static void *move(struct tide_heap *heap, void *block, size_t size, size_t copy_bytes)
{
	void *moved = heap == &tide_heap_default ? tide_malloc(size) : tide_heap_malloc(heap, size);
	if (moved == NULL)
		return NULL;
	memcpy(moved, block, copy_bytes);
	tide_free(block);
	return moved;
}

/* A large block is cut shorter already when this part of it falls out of use: it costs one system
 * call. */
#define LARGE_SLACK(bytes) ((bytes) / 8 > 64 * 1024 ? (bytes) / 8 : 64 * 1024)

/* Its entry goes before its address may be another's. */
static TIDE_COLD void *resize_profiled(struct tide_heap *heap, void *block, size_t size)
{
	struct tide_profile_entry entry = tide_profile_take(block);
	void *resized = tide_large_resize(block, size);
	if (resized != NULL)
		tide_profiled_resized(heap, resized, tide_large_bytes(resized),
		                      __builtin_frame_address(0));
	else
		tide_profile_put_back(block, entry);
	return resized;
}

static void *realloc_large(struct tide_heap *heap, void *block, size_t size)
{
	size_t has = tide_large_bytes(block);
	if (size <= has && has - size <= LARGE_SLACK(has))
		return block;
	if (size > TIDE_MEDIUM_MAX_BYTES) {
		void *resized = tide_sample_on() ? resize_profiled(heap, block, size)
		                                 : tide_large_resize(block, size);
		if (resized != NULL)
			return resized;
	}
	return move(heap, block, size, size < has ? size : has);
}

/* The audit's books: as if it had been freed and allocated anew. */
static void count_reclass(struct tide_heap *heap, unsigned from, unsigned to)
{
	struct tide_cache *cache = TIDE_AUDITED ? tide_seat_take(heap) : NULL;
	if (cache == NULL)
		return;
	tide_hit_count(&cache->frees[from]);
	tide_hit_count(&cache->mallocs[to]);
}

/* A new block each time: in checked mode so that a stale pointer to the old one is found, of a
 * guarded block because it has no room. */
static TIDE_COLD void *realloc_guarded(void *block, size_t size)
{
	size_t has = tide_guard_bytes(block, "realloc");
	if (has == SIZE_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (size != 0)
		return move(&tide_heap_default, block, size, size < has ? size : has);
	tide_free(block);
	return NULL;
}

static TIDE_COLD void *realloc_checked(struct tide_heap *heap, void *block, unsigned cls,
                                       size_t size)
{
	bool is_large = cls == TIDE_CLASS_LARGE;
	size_t has_bytes = is_large ? tide_large_bytes(block) : tide_class_bytes(cls);
	size_t has;
	if (tide_checked_is_sealed(block, has_bytes, &has))
		return move(heap, block, size, size < has ? size : has);
	tide_fatal_misuse(TIDE_MISUSE_OVERRUN, "realloc", block, is_large ? 0 : cls, has_bytes);
	errno = EINVAL;
	return NULL;
}

/* Of a small or medium block. */
static TIDE_USUAL void *realloc_class(struct tide_heap *heap, void *block, unsigned cls,
                                      size_t size)
{
	size_t has = tide_class_bytes(cls);
	if (stays(size, has))
		return block;
	if (TIDE_UNLIKELY(size == 0)) {
		tide_free(block);
		return NULL;
	}
	unsigned wanted = tide_class_of(size);
	if (wanted == cls)
		return block;
	bool sampled = tide_sample_on();
	if (tide_class_is_medium(cls) && tide_class_is_medium(wanted) && wanted > cls &&
	    !tide_start_checked() && !(sampled && cls <= TIDE_CLASS_BINNED_LAST) &&
	    tide_frontier_extend(block, cls, wanted)) {
		count_reclass(heap, cls, wanted);
		if (sampled) {
			tide_profiled_free(heap, block, wanted);
			tide_profiled_resized(heap, block, tide_class_bytes(wanted),
			                      __builtin_frame_address(0));
		}
		return block;
	}
	return move(heap, block, size, size < has ? size : has);
}

/* Whatever it is. */
static TIDE_USUAL TIDE_NOINLINE void *realloc_slow(void *block, size_t size)
{
	if (block == NULL)
		return tide_malloc(size);
	if (tide_guard_owns(block))
		return realloc_guarded(block, size);
	struct tide_heap *heap;
	unsigned cls = tide_block_class_exact(block, "realloc", &heap);
	if (cls == TIDE_CLASS_NONE) {
		errno = EINVAL;
		return NULL;
	}
	if (size == 0) {
		tide_free(block);
		return NULL;
	}
	if (tide_sample_on())
		heap = tide_profiled_heap(heap);
	if (TIDE_UNLIKELY(tide_start_checked()) && tide_checked_full())
		return realloc_checked(heap, block, cls, size);
	if (cls == TIDE_CLASS_LARGE)
		return realloc_large(heap, block, size);
	return realloc_class(heap, block, cls, size);
}

/* A small block that isn't one is copied at worst. A medium one may be extended, which its
 * neighbours must not be: that it starts there is known before. */
TIDE_USUAL void *tide_realloc(void *block, size_t size)
{
	unsigned cls = tide_hit_small_class(block);
	if (TIDE_UNLIKELY(cls == TIDE_CLASS_NONE || tide_start_checked() || tide_sample_on()))
		return realloc_slow(block, size);
	return realloc_class(&tide_heap_default, block, cls, size);
}

TIDE_USUAL void *tide_reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return tide_realloc(block, bytes);
}

TIDE_ALIAS(void *, realloc, tide_realloc, void *, size_t);
TIDE_ALIAS(void *, reallocarray, tide_reallocarray, void *, size_t, size_t);
TIDE_ALIAS(void *, __libc_realloc, tide_realloc, void *, size_t);
TIDE_ALIAS(void *, __libc_reallocarray, tide_reallocarray, void *, size_t, size_t);
