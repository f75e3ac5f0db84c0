#include "slow.h"

#include "block.h"
#include "check.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "heap.h"
#include "hit.h"
#include "limit.h"
#include "options.h"
#include "pool.h"
#include "seat.h"
#include "start.h"

#include <errno.h>

/* A thread that has missed so often is one worth a GC thread, when it is not the only one. */
#define MISSES_BEFORE_GC_THREAD 8

struct tide_cache *tide_slow_self(void)
{
	struct tide_cache *cache = tide_cache_self;
	return TIDE_LIKELY(cache != &tide_cache_none) ? cache : tide_start_thread();
}

static void *pop(struct tide_cache *cache, unsigned cls)
{
	return *cache->top[cls]--;
}

/* The ready bin, made if there is none. */
static struct tide_bin *ready_bin(struct tide_cache *cache, unsigned cls)
{
	if (cache->ready[cls] == NULL) {
		struct tide_bin *bin = tide_bin_new(cls, tide_cache_capacity(cache, cls));
		if (bin == NULL)
			return NULL;
		tide_cache_install(cache, bin);
	}
	return cache->ready[cls];
}

/* The topmost blocks of the bin are one and the same. */
static TIDE_COLD void drop_double(struct tide_cache *cache, unsigned cls)
{
	while (*cache->top[cls] != NULL && *cache->top[cls] == cache->top[cls][-1]) {
		void *block = pop(cache, cls);
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, tide_class_bytes(cls));
	}
}

/* Make `bin`, which has blocks, the ready bin; the empty one becomes the spare, or goes. */
static void empty_to_ready(struct tide_cache *cache, unsigned cls, struct tide_bin *bin)
{
	struct tide_bin *empty = tide_cache_remove_ready(cache, cls);
	if (empty != NULL && cache->has_pending && cache->pending[cls] == NULL)
		cache->pending[cls] = empty;
	else if (empty != NULL)
		tide_bin_recycle(empty);
	tide_cache_install(cache, bin);
}

/* How many blocks to carve at once: a page full, so that memory is touched as it is used; whole
 * bins for a class that keeps missing. */
static unsigned carve_count(struct tide_cache *cache, unsigned cls)
{
	unsigned capacity = tide_cache_capacity(cache, cls);
	unsigned page = (unsigned)(TIDE_PAGE_BYTES / tide_class_bytes(cls));
	if (capacity <= (unsigned)tide_option(TIDE_OPTION_BIN_BLOCKS) && page < capacity)
		return page > 0 ? page : 1;
	return capacity;
}

void tide_slow_want_gc_thread(struct tide_cache *cache)
{
	if (tide_gc_thread_runs() ||
	    (tide_cache_threads_racy(&tide_heap_default) < 2 && !tide_gc_thread_wanted_alone()))
		return;
	if (++cache->threaded_misses < MISSES_BEFORE_GC_THREAD)
		return;
	cache->threaded_misses = 0;
	tide_gc_thread_want();
}

/* Much fresh memory was needed: time for the GC thread to fault in what comes next. */
static void grew(struct tide_cache *cache, uint64_t bytes)
{
	cache->unrung_bytes += bytes;
	if (cache->unrung_bytes < (uint64_t)tide_option(TIDE_OPTION_WAKE_BYTES))
		return;
	cache->unrung_bytes = 0;
	tide_doorbell_ring(true);
}

/* Blocks of a small class into the ready bin, from wherever they are cheapest. False: no memory. */
static bool refill(struct tide_cache *cache, unsigned cls)
{
	struct tide_bin *pending = tide_cache_pending(cache, cls);
	struct tide_cache_counts *counts = &cache->counts[cls];
	if (pending != NULL && pending->count > 0) {
		cache->pending[cls] = NULL;
		empty_to_ready(cache, cls, pending);
		tide_count_owned(&counts->swaps, 1u);
		return true;
	}
	tide_cache_missed(cache, cls);
	tide_slow_want_gc_thread(cache);
	struct tide_heap *heap = cache->heap;
	struct tide_bin *bin = tide_limit_queue_pop(heap, cls);
	if (bin != NULL) {
		empty_to_ready(cache, cls, bin);
		tide_count_owned(&counts->from_queue, 1u);
		return true;
	}
	tide_queue_note(&heap->queues, &heap->queues.of[cls].misses, cls);

	bin = tide_cache_remove_ready(cache, cls);
	if (bin == NULL)
		bin = tide_bin_new(cls, 0);
	if (bin == NULL)
		return false;
	tide_bin_set_capacity(bin, tide_cache_capacity(cache, cls));
	size_t block_bytes = tide_class_bytes(cls);
	unsigned want =
	    tide_budget_blocks_in(&heap->budget, tide_cache_capacity(cache, cls), block_bytes);
	unsigned taken = want > 0 ? tide_gc_refill_inline(cache, bin, want) : 0;
	if (taken > 0) {
		tide_count_owned(&counts->from_gc, 1u);
	} else if (want > 0) {
		tide_count_owned(&counts->from_frontier, 1u);
	}
	if (taken == 0 && want > 0) {
		unsigned carve = carve_count(cache, cls);
		taken = tide_frontier_carve(heap, bin, carve < want ? carve : want);
		grew(cache, taken * block_bytes);
	}
	tide_budget_blocks_out(&heap->budget, want - taken, block_bytes);
	tide_cache_install(cache, bin);
	return taken > 0;
}

void tide_slow_give_away(struct tide_cache *cache, struct tide_bin *bin)
{
	struct tide_queues *queues = &cache->heap->queues;
	unsigned cls = bin->cls;
	uint64_t bytes = bin->count * (uint64_t)tide_class_bytes(cls);
	bool threaded = tide_gc_thread_runs();
	struct tide_cache_counts *counts = &cache->counts[cls];
	tide_budget_blocks_out(&cache->heap->budget, bin->count, tide_class_bytes(cls));
	tide_cache_spilled(cache, cls);
	if (tide_queue_has_room(queues, cls)) {
		tide_count_owned(&counts->to_queue, 1u);
		tide_queue_push(queues, bin);
		tide_doorbell_ring(false);
		return;
	}
	uint64_t limit =
	    (uint64_t)tide_option(threaded ? TIDE_OPTION_BACKLOG_BYTES : TIDE_OPTION_WAKE_BYTES);
	if (tide_garbage_backlog_racy(&cache->garbage) >= limit && !tide_gc_help(cache)) {
		/* The GC does not keep up, or stands still: on to other threads directly. */
		tide_count_owned(&counts->over_level, 1u);
		tide_queue_push(queues, bin);
		tide_doorbell_ring(false);
		return;
	}
	tide_count_owned(&counts->to_garbage, 1u);
	tide_count_owned(&counts->garbage_blocks, (uint64_t)bin->count);
	tide_garbage_publish(&cache->garbage, bin);
	cache->unrung_bytes += bytes;
	bool much = cache->unrung_bytes >= (uint64_t)tide_option(TIDE_OPTION_WAKE_BYTES);
	if (much)
		cache->unrung_bytes = 0;
	tide_doorbell_ring(much);
	tide_slow_want_gc_thread(cache);
}

/* Checked mode: between calls a small class's blocks lie in the pending bin, out of the fast path's
 * sight. */
static void unshelve(struct tide_cache *cache, unsigned cls)
{
	struct tide_bin *shelved = tide_cache_pending(cache, cls);
	if (shelved != NULL && cache->ready[cls] == NULL) {
		cache->pending[cls] = NULL;
		tide_cache_install(cache, shelved);
	}
}

static void give_or_recycle(struct tide_cache *cache, struct tide_bin *bin)
{
	if (bin != NULL && bin->count > 0)
		tide_slow_give_away(cache, bin);
	else if (bin != NULL)
		tide_bin_recycle(bin);
}

static void shelve(struct tide_cache *cache, unsigned cls)
{
	struct tide_bin *spare = tide_cache_remove_ready(cache, cls);
	if (cache->has_pending) {
		struct tide_bin *pending = cache->pending[cls];
		cache->pending[cls] = spare;
		spare = pending;
	}
	give_or_recycle(cache, spare);
}

static void *small_malloc(struct tide_cache *cache, unsigned cls)
{
	bool checked = tide_start_checked();
	if (TIDE_UNLIKELY(checked))
		unshelve(cache, cls);
	if (TIDE_UNLIKELY(*cache->top[cls] != NULL && !checked))
		drop_double(cache, cls);
	if (*cache->top[cls] == NULL && !refill(cache, cls))
		return NULL;
	void *block = pop(cache, cls);
	if (TIDE_UNLIKELY(checked))
		shelve(cache, cls);
	return block;
}

/* Warm: a cache that was parked comes with its bins. */
static void *medium_malloc(struct tide_cache *cache, unsigned cls, bool *zeroed)
{
	if (TIDE_UNLIKELY(*cache->top[cls] != NULL))
		drop_double(cache, cls);
	return *cache->top[cls] != NULL ? pop(cache, cls) : tide_pool_malloc(cache, cls, zeroed);
}

static void *class_malloc(struct tide_cache *cache, unsigned cls, bool *zeroed)
{
	tide_cache_slow_enter(cache);
	void *block = tide_class_is_medium(cls) ? medium_malloc(cache, cls, zeroed)
	                                        : small_malloc(cache, cls);
	tide_cache_note_bins(cache, cls);
	tide_cache_slow_leave(cache);
	if (block == NULL)
		return NULL;
	if (TIDE_UNLIKELY(tide_start_checked()) && !tide_region_set_live(block, cls, true))
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, tide_class_bytes(cls));
	tide_hit_count(&cache->mallocs[cls]);
	return block;
}

TIDE_INLINE void *malloc_once(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	unsigned cls = tide_class_of(bytes);
	*zeroed = false;
	if (cls != TIDE_CLASS_LARGE)
		return class_malloc(cache, cls, zeroed);
	tide_slow_want_gc_thread(cache);
	return tide_large_alloc(cache->heap, bytes, TIDE_PAGE_BYTES, zeroed);
}

/* In a heap with a limit, after `block` (NULL: none was to be had). */
static TIDE_COLD void *malloc_limited(struct tide_cache *cache, size_t bytes, bool *zeroed,
                                      void *block)
{
	unsigned tries = 0;
	while (block == NULL && tide_limit_make_room(cache, bytes, &tries))
		block = malloc_once(cache, bytes, zeroed);
	tide_limit_tell(cache);
	return block;
}

TIDE_INLINE void *malloc_in(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	void *block = malloc_once(cache, bytes, zeroed);
	if (TIDE_UNLIKELY(tide_budget_is_on(&cache->heap->budget)))
		block = malloc_limited(cache, bytes, zeroed, block);
	if (TIDE_UNLIKELY(block == NULL)) {
		tide_count_owned(&cache->failures, 1u);
		errno = ENOMEM;
	}
	return block;
}

void *tide_malloc_slow_in(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	return malloc_in(cache, bytes, zeroed);
}

void *tide_malloc_slow_zeroed(size_t bytes, bool *zeroed)
{
	struct tide_cache *cache = tide_slow_self();
	*zeroed = false;
	if (TIDE_LIKELY(cache != NULL))
		return malloc_in(cache, bytes, zeroed);
	errno = ENOMEM;
	return NULL;
}

void *tide_malloc_slow(size_t bytes)
{
	bool zeroed;
	return tide_malloc_slow_zeroed(bytes, &zeroed);
}

/* Room in the ready bin. False: no memory for a bin. */
static bool make_room(struct tide_cache *cache, unsigned cls)
{
	if (cache->ready[cls] == NULL)
		return ready_bin(cache, cls) != NULL;
	struct tide_bin *pending = tide_cache_pending(cache, cls);
	struct tide_bin *empty = pending;
	if (pending == NULL || pending->count > 0) {
		empty = tide_bin_new(cls, tide_cache_capacity(cache, cls));
		if (empty == NULL)
			return false;
	}
	struct tide_bin *full = tide_cache_remove_ready(cache, cls);
	if (cache->has_pending) {
		cache->pending[cls] =
		    full; /* before the one it replaces is anywhere else: see bin.h */
		if (pending == empty)
			tide_count_owned(&cache->counts[cls].swaps, 1u);
		full = pending != empty ? pending : NULL;
		tide_doorbell_ring(false); /* the GC takes what an idle thread keeps */
	}
	if (full != NULL)
		tide_slow_give_away(cache, full);
	tide_cache_install(cache, empty);
	return true;
}

static TIDE_COLD bool checked_free(void *block, unsigned cls, const char *function)
{
	struct tide_region *region;
	struct tide_slab *slab;
	unsigned idx;
	if (!tide_region_find_block(block, cls, &region, &slab, &idx)) {
		tide_fatal_misuse(TIDE_MISUSE_INTERIOR, function, block, cls,
		                  tide_class_bytes(cls));
		return false;
	}
	if (!tide_region_set_live(block, cls, false)) {
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, cls, tide_class_bytes(cls));
		return false;
	}
	return true;
}

/* False: no memory for a bin. */
static bool small_free(struct tide_cache *cache, void *block, unsigned cls)
{
	bool checked = tide_start_checked();
	if (TIDE_UNLIKELY(checked))
		unshelve(cache, cls);
	if (cache->top[cls][1] == TIDE_BIN_FULL && !make_room(cache, cls))
		return false;
	(void)tide_hit_push(cache, cls, block);
	if (TIDE_UNLIKELY(checked))
		shelve(cache, cls);
	return true;
}

/* A medium class gets a ready bin at its first free; what does not fit in goes to the pool. */
static bool medium_free(struct tide_cache *cache, void *block, unsigned cls, const char *function)
{
	if (tide_class_bytes(cls) <= TIDE_POOL_ONLY_BYTES && cache->ready[cls] == NULL &&
	    !tide_start_checked())
		(void)ready_bin(cache, cls);
	return tide_hit_push(cache, cls, block) || tide_pool_free(cache, block, cls, function);
}

static void class_free(struct tide_cache *cache, void *block, unsigned cls, const char *function)
{
	if (TIDE_UNLIKELY(tide_start_checked()) && !checked_free(block, cls, function))
		return;
	if (*cache->top[cls] ==
	    block) { /* seen here for certain; in the hit case, at the next malloc */
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, cls, tide_class_bytes(cls));
		return;
	}
	tide_cache_slow_enter(cache);
	bool freed = tide_class_is_medium(cls) ? medium_free(cache, block, cls, function)
	                                       : small_free(cache, block, cls);
	tide_cache_note_bins(cache, cls);
	tide_cache_slow_leave(cache);
	if (freed)
		return;
	tide_hit_count(&cache->frees[cls]);
	tide_budget_blocks_out(&cache->heap->budget, 1, tide_class_bytes(cls));
	tide_orphan_push(&cache->heap->orphans, block);
	tide_doorbell_ring(false);
}

/* By a thread that can get no cache. */
static TIDE_COLD void free_without_cache(struct tide_heap *heap, void *block, unsigned cls)
{
	if (tide_start_checked())
		(void)tide_region_set_live(block, cls, false);
	if (TIDE_AUDITED)
		(void)tide_add_relaxed(&heap->roster.uncounted_frees[cls], 1u);
	tide_budget_blocks_out(&heap->budget, 1, tide_class_bytes(cls));
	tide_orphan_push(&heap->orphans, block);
}

void tide_free_slow(void *block, const char *function)
{
	if (block == NULL)
		return;
	struct tide_cache *cache = tide_slow_self(); /* first of all: it reads the options */
	struct tide_heap *heap = &tide_heap_default;
	unsigned cls = (unsigned)tide_hit_class(block);
	if (TIDE_UNLIKELY(cls - TIDE_CLASS_SMALL_FIRST > TIDE_CLASS_MEDIUM_LAST - 1u))
		cls = tide_block_class(block, function, &heap);
	if (cls == TIDE_CLASS_NONE)
		return;
	if (cls == TIDE_CLASS_LARGE) {
		if (cache != NULL)
			tide_slow_want_gc_thread(cache);
		if (!tide_large_free(block))
			tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, 0, 0);
		return;
	}
	if (TIDE_UNLIKELY(heap != &tide_heap_default))
		cache = tide_seat_take(heap);
	if (TIDE_LIKELY(cache != NULL))
		class_free(cache, block, cls, function);
	else
		free_without_cache(heap, block, cls);
}
