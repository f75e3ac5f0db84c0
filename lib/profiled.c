#include "profiled.h"

#include <tide/heap.h>

#include "backtrace.h"
#include "heap.h"
#include "hit.h"
#include "large.h"
#include "meta.h"
#include "options.h"
#include "profile.h"
#include "seat.h"
#include "slow.h"

#include <errno.h>

/* The heap of sampled blocks of classes that have bins; NULL: not made yet.
 * writers  who starts the process   readers  every thread
 * order    release, acquire         edges    profiled.heap */
static _Atomic(struct tide_heap *) sampled_heap;
/* Where in the table of live blocks there may be any of the heap with that slot, so that its end
 * need not look at all of it.
 * writers  who enters a block, by fetch-or; who destroys the heap   readers  who destroys it
 * order    relaxed: who destroys a heap knows that it is not used   edges    none */
static TIDE_APART _Atomic uint64_t groups_of_heap[TIDE_HEAPS_MAX];
/* This thread is taking a sample: what it allocates for that is not taken. */
static TIDE_THREAD_LOCAL bool taking;

struct tide_heap *tide_profiled_heap(struct tide_heap *heap)
{
	bool is_sampled = heap == tide_load_acquire(&sampled_heap); /* profiled.heap */
	return is_sampled ? &tide_heap_default : heap;
}

/* The thread's cache in the heap of sampled blocks; NULL: no memory. */
static struct tide_cache *sampled_cache(void)
{
	struct tide_heap *heap = tide_load_acquire(&sampled_heap); /* profiled.heap */
	return heap != NULL ? tide_seat_take(heap) : NULL;
}

void tide_profiled_start(void)
{
	struct tide_heap_options options = { .within = &tide_heap_default };
	options.counts = tide_budget_counts(&tide_heap_default.budget);
	tide_store_release(&sampled_heap, tide_heap_create(&options)); /* profiled.heap */
}

static bool is_binned(unsigned cls)
{
	return cls <= TIDE_CLASS_BINNED_LAST;
}

static size_t bytes_of(const void *block)
{
	unsigned cls = tide_pagemap_class((uintptr_t)block);
	if (cls == TIDE_CLASS_HEAP)
		cls = tide_region_class(block);
	return cls == TIDE_CLASS_LARGE ? tide_large_bytes(block) : tide_class_bytes(cls);
}

static struct tide_backtrace_memo *memo_of_self(void)
{
	struct tide_cache *self = tide_cache_self;
	if (self == TIDE_CACHE_NONE)
		return NULL;
	if (self->backtrace == NULL)
		self->backtrace = tide_meta_alloc(sizeof *self->backtrace);
	return self->backtrace;
}

/* Another thread may be freeing it: then it is of none. */
static struct tide_heap *heap_of(const void *block)
{
	unsigned cls = tide_pagemap_class((uintptr_t)block);
	if (cls == TIDE_CLASS_LARGE)
		return tide_large_heap(block);
	if (cls != TIDE_CLASS_HEAP)
		return NULL;
	const struct tide_region *region = tide_pagemap_region((uintptr_t)block);
	return region != NULL ? region->heap : NULL;
}

static void note_group(const void *block)
{
	struct tide_heap *heap = heap_of(block);
	if (heap != NULL && heap != &tide_heap_default)
		(void)tide_or_relaxed(&groups_of_heap[heap->slot], tide_profile_group(block));
}

/* Inlined, as is what leads to it: a frame of ours costs libgcc as much as one of the program. */
TIDE_INLINE void enter(void *block, void *const *frame)
{
	uintptr_t address[TIDE_PROFILE_FRAMES];
	int saved = errno;
	if (taking)
		return;
	taking = true;
	unsigned frames = tide_option(TIDE_OPTION_PROFILE_UNWIND) != 0
	                      ? tide_backtrace(address, TIDE_PROFILE_FRAMES, frame, memo_of_self())
	                      : tide_backtrace_frames(address, TIDE_PROFILE_FRAMES, frame);
	tide_profile_enter(block, bytes_of(block), address, frames);
	note_group(block);
	taking = false;
	errno = saved;
}

void tide_profiled_enter(void *block, void *const *frame)
{
	enter(block, frame);
}

/* Of a class with bins, whose ready bin is empty; not to be taken. */
static void *malloc_untaken(struct tide_cache *cache, unsigned cls, size_t bytes, bool *zeroed)
{
	void *block;
	if (tide_sample_swap(cache, cls)) {
		tide_sample_arm(cache, cls);
		*zeroed = false;
		if (TIDE_LIKELY(tide_hit_pop(cache, cls, &block)))
			return block;
		return tide_malloc_slow_untaken(cache, bytes, zeroed); /* freed twice */
	}
	/* A small one comes out of a bin that is filled and counted; a medium one, from the
	 * pool. */
	if (tide_class_is_medium(cls))
		tide_sample_count(cache, cls);
	return tide_malloc_slow_untaken(cache, bytes, zeroed);
}

TIDE_INLINE void *malloc_taken(struct tide_cache *cache, unsigned cls, size_t bytes, bool *zeroed,
                               void *const *frame)
{
	struct tide_cache *own = NULL;
	void *block = NULL;
	int saved = errno;
	bool is_default = cache->heap == &tide_heap_default;
	tide_sample_redraw(cache, cls);
	if (!taking && is_default)
		own = sampled_cache();
	if (own != NULL)
		block = tide_malloc_slow_untaken(own, bytes, zeroed);
	bool taken = block != NULL || (!taking && !is_default);
	if (block == NULL) {
		if (!taking && is_default)
			tide_profile_lose();
		errno = saved;
		cache->countdown[cls]++; /* this one is decided on already */
		block = malloc_untaken(cache, cls, bytes, zeroed);
	}
	if (taken && block != NULL)
		enter(block, frame);
	return block;
}

TIDE_INLINE void *profiled_malloc(struct tide_cache *cache, size_t bytes, bool *zeroed,
                                  void *const *frame)
{
	unsigned cls = tide_class_of(bytes);
	if (is_binned(cls)) {
		if (*cache->top[cls] != NULL)
			return tide_malloc_slow_untaken(cache, bytes, zeroed);
		if (!tide_sample_is_due(cache, cls))
			return malloc_untaken(cache, cls, bytes, zeroed);
		return malloc_taken(cache, cls, bytes, zeroed, frame);
	}
	void *block = tide_malloc_slow_untaken(cache, bytes, zeroed);
	if (block != NULL && tide_sample_bytes_are_due(cache, bytes_of(block)))
		enter(block, frame);
	return block;
}

void *tide_profiled_malloc(struct tide_cache *cache, size_t bytes, bool *zeroed, void *const *frame)
{
	return profiled_malloc(cache, bytes, zeroed, frame);
}

/* Jumped to, as are those below, so that the frame below is the program's. */
static TIDE_NOINLINE void *malloc_counted(size_t bytes)
{
	struct tide_cache *cache = tide_slow_self();
	bool zeroed;
	if (TIDE_LIKELY(cache != NULL))
		return profiled_malloc(cache, bytes, &zeroed, __builtin_frame_address(0));
	errno = ENOMEM;
	return NULL;
}

static TIDE_NOINLINE void *malloc_refilled(struct tide_cache *cache, size_t bytes)
{
	bool zeroed;
	return tide_malloc_slow_untaken(cache, bytes, &zeroed);
}

static TIDE_NOINLINE void *malloc_unusual(size_t bytes)
{
	struct tide_cache *cache = tide_cache_self;
	unsigned cls = tide_class_of(bytes);
	if (TIDE_UNLIKELY(tide_option(TIDE_OPTION_GUARD_EVERY) != 0))
		return tide_malloc_slow_guarded(bytes);
	/* With none that came back and none to be taken: a refill, which counts what it brings. */
	if (TIDE_LIKELY(tide_class_is_small(cls) && cache->countdown[cls] > 1 &&
	                *cache->top[tide_sample_place(cls)] == NULL))
		return malloc_refilled(cache, bytes);
	return malloc_counted(bytes);
}

TIDE_NOINLINE void *tide_profiled_malloc_plain(size_t bytes)
{
	unsigned cls = tide_class_of(bytes);
	void *block;
	if (TIDE_LIKELY(cls <= TIDE_CLASS_BINNED_LAST &&
	                tide_option(TIDE_OPTION_GUARD_EVERY) == 0 &&
	                tide_sample_quick(tide_cache_self, cls, &block)))
		return block;
	return malloc_unusual(bytes);
}

bool tide_profiled_is_due(struct tide_cache **cache, unsigned cls, size_t bytes)
{
	if (cls != TIDE_CLASS_LARGE)
		bytes = tide_class_bytes(cls);
	if (!tide_sample_bytes_are_due(*cache, bytes) || taking)
		return false;
	if (!is_binned(cls) || (*cache)->heap != &tide_heap_default)
		return true;
	struct tide_cache *own = sampled_cache();
	if (own != NULL)
		*cache = own;
	return own != NULL;
}

void tide_profiled_free(const struct tide_heap *heap, const void *block, unsigned cls)
{
	if (!is_binned(cls) || heap != &tide_heap_default)
		(void)tide_profile_take(block);
}

void tide_profiled_resized(struct tide_heap *heap, void *block, size_t bytes, void *const *frame)
{
	struct tide_cache *cache = tide_seat_take(heap);
	if (cache != NULL && tide_sample_bytes_are_due(cache, bytes))
		tide_profiled_enter(block, frame);
}

static bool is_of_heap(const void *block, const void *heap)
{
	return heap_of(block) == heap;
}

void tide_profiled_forget(const struct tide_heap *heap)
{
	_Atomic uint64_t *groups = &groups_of_heap[heap->slot];
	tide_profile_sweep(tide_load_relaxed(groups), is_of_heap, heap);
	tide_store_relaxed(groups, (uint64_t)0);
}
