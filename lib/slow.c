#include "slow.h"

#include "check.h"
#include "checked.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "guard.h"
#include "heap.h"
#include "hit.h"
#include "limit.h"
#include "options.h"
#include "pool.h"
#include "profiled.h"
#include "start.h"

#include <errno.h>

/* A thread that has missed so often is one worth a GC thread, when it is not the only one. */
#define MISSES_BEFORE_GC_THREAD 8

struct tide_cache *tide_slow_self(void)
{
	struct tide_cache *cache = tide_cache_self;
	return TIDE_LIKELY(cache != TIDE_CACHE_NONE) ? cache : tide_start_thread();
}

static void *pop(struct tide_cache *cache, unsigned cls)
{
	return *cache->top[cls]--;
}

/* The topmost blocks of the bin are one and the same. */
static TIDE_COLD void drop_double(struct tide_cache *cache, unsigned cls)
{
	for (void **top = cache->top[cls]; *top != NULL && *top == top[-1]; top--) {
		void *block = pop(cache, cls);
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, tide_class_bytes(cls));
	}
}

/* Make `bin`, which has blocks, the ready bin; the empty one becomes the spare, or goes. */
static TIDE_USUAL void empty_to_ready(struct tide_cache *cache, unsigned cls, struct tide_bin *bin)
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

TIDE_USUAL void tide_slow_want_gc_thread(struct tide_cache *cache)
{
	if (tide_gc_thread_runs() ||
	    (tide_cache_threads_racy(&tide_heap_default) < 2 && !tide_gc_thread_wanted_alone()))
		return;
	if (++cache->threaded_misses < MISSES_BEFORE_GC_THREAD && !tide_gc_thread_has_left())
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

static TIDE_USUAL bool refill(struct tide_cache *cache, unsigned cls)
{
	struct tide_bin *pending = tide_cache_pending(cache, cls);
	struct tide_cache_counts *counts = &cache->counts[cls];
	if (pending != NULL && pending->count > 0) {
		cache->pending[cls] = NULL;
		empty_to_ready(cache, cls, pending);
		tide_count_owned(&counts->swaps, 1u);
		return true;
	}
	if (tide_slow_unstash(cache, cls)) {
		tide_count_owned(&counts->swaps, 1u);
		return true;
	}
	tide_cache_missed(cache, cls);
	tide_slow_want_gc_thread(cache);
	struct tide_heap *heap = cache->heap;
	struct tide_bin *bin = tide_limit_queue_pop(heap, cls);
	if (bin != NULL) {
		tide_slow_took(cache, cls, bin->count);
		empty_to_ready(cache, cls, bin);
		tide_count_owned(&counts->from_queue, 1u);
		return true;
	}
	tide_queue_note_miss(&heap->queues, cls);

	bin = tide_cache_remove_ready(cache, cls);
	bin = tide_bin_fit(bin, cls, tide_cache_capacity(cache, cls));
	if (bin == NULL)
		return false;
	tide_bin_set_capacity(bin, tide_cache_capacity(cache, cls));
	size_t block_bytes = tide_class_bytes(cls);
	unsigned want = tide_budget_blocks_in(&heap->budget, bin->mark, block_bytes);
	unsigned taken = want > 0 ? tide_gc_refill_inline(cache, bin, want) : 0;
	if (taken > 0) {
		tide_count_owned(&counts->from_gc, 1u);
	} else if (want > 0) {
		unsigned carve = carve_count(cache, cls);
		tide_count_owned(&counts->from_frontier, 1u);
		taken = tide_frontier_carve(heap, bin, carve < want ? carve : want);
		grew(cache, taken * block_bytes);
	}
	tide_budget_blocks_out(&heap->budget, want - taken, block_bytes);
	if (TIDE_UNLIKELY(tide_start_checked()) && tide_checked_full())
		tide_checked_shuffle(bin);
	tide_slow_took(cache, cls, taken);
	tide_cache_install(cache, bin);
	return taken > 0;
}

/* Profile mode: what came back first, and no more than is counted. */
static TIDE_NOINLINE bool refill_profiled(struct tide_cache *cache, unsigned cls)
{
	bool counted = tide_profiled_heap(cache->heap) == cache->heap;
	if (!tide_sample_swap(cache, cls) && !refill(cache, cls) &&
	    !tide_sample_swap_any(cache, cls))
		return false;
	if (counted)
		tide_sample_arm(cache, cls);
	return true;
}

bool tide_slow_refill(struct tide_cache *cache, unsigned cls)
{
	return tide_sample_on() ? refill_profiled(cache, cls) : refill(cache, cls);
}

void tide_slow_unshelve(struct tide_cache *cache, unsigned cls)
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

void tide_slow_shelve(struct tide_cache *cache, unsigned cls)
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
		tide_slow_unshelve(cache, cls);
	if (TIDE_UNLIKELY(*cache->top[cls] != NULL && !checked))
		drop_double(cache, cls);
	if (*cache->top[cls] == NULL && !tide_slow_refill(cache, cls))
		return NULL;
	void *block = pop(cache, cls);
	if (TIDE_UNLIKELY(checked))
		tide_slow_shelve(cache, cls);
	return block;
}

/* Warm: a cache that was parked comes with its bins. */
static void *medium_malloc(struct tide_cache *cache, unsigned *cls, bool *zeroed)
{
	if (TIDE_UNLIKELY(*cache->top[*cls] != NULL))
		drop_double(cache, *cls);
	else if (tide_sample_on() && tide_profiled_heap(cache->heap) != cache->heap)
		(void)tide_sample_swap(cache, *cls);
	return *cache->top[*cls] != NULL ? pop(cache, *cls) : tide_pool_malloc(cache, cls, zeroed);
}

/* A block of *cls, or of a class a little above, which *cls becomes. */
static TIDE_USUAL void *class_malloc(struct tide_cache *cache, unsigned *cls, bool *zeroed)
{
	tide_cache_slow_enter(cache);
	void *block = tide_class_is_medium(*cls) ? medium_malloc(cache, cls, zeroed)
	                                         : small_malloc(cache, *cls);
	tide_cache_note_bins(cache, *cls);
	tide_cache_slow_leave(cache);
	if (block != NULL)
		tide_hit_count(&cache->mallocs[*cls]);
	return block;
}

/* Of `bytes` when that is more than was asked for, else of what is asked for and a seal. */
static TIDE_COLD void *malloc_checked(struct tide_cache *cache, size_t bytes, size_t asked,
                                      bool *zeroed)
{
	if (bytes > PTRDIFF_MAX)
		return NULL;
	if (bytes == asked)
		bytes = tide_checked_padded(asked);
	unsigned cls = tide_class_of(bytes);
	bool is_large = cls == TIDE_CLASS_LARGE;
	void *block = NULL;
	do {
		*zeroed = false;
		if (!is_large)
			block = class_malloc(cache, &cls, zeroed);
		else
			block = tide_large_alloc(cache->heap, bytes, TIDE_PAGE_BYTES, zeroed);
	} while (block == NULL && cache->heap == &tide_heap_default &&
	         tide_slow_release_parked(cache));
	if (block == NULL)
		return NULL;
	if (tide_checked_full())
		tide_checked_seal(block, is_large ? tide_large_bytes(block) : tide_class_bytes(cls),
		                  asked);
	if (!is_large && !tide_region_set_live(block, cls, true))
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, tide_class_bytes(cls));
	return block;
}

TIDE_INLINE void *malloc_once(struct tide_cache *cache, size_t bytes, size_t asked, bool *zeroed)
{
	if (TIDE_UNLIKELY(tide_start_checked()))
		return malloc_checked(cache, bytes, asked, zeroed);
	unsigned cls = tide_class_of(bytes);
	*zeroed = false;
	if (cls != TIDE_CLASS_LARGE)
		return class_malloc(cache, &cls, zeroed);
	tide_slow_want_gc_thread(cache);
	return tide_large_alloc(cache->heap, bytes, TIDE_PAGE_BYTES, zeroed);
}

/* In a heap with a limit, after `block` (NULL: none was to be had). */
static TIDE_COLD void *malloc_limited(struct tide_cache *cache, size_t bytes, size_t asked,
                                      bool *zeroed, void *block)
{
	unsigned tries = 0;
	while (block == NULL && tide_limit_make_room(cache, bytes, &tries))
		block = malloc_once(cache, bytes, asked, zeroed);
	tide_limit_tell(cache);
	return block;
}

TIDE_INLINE void *malloc_in(struct tide_cache *cache, size_t bytes, size_t asked, bool *zeroed)
{
	void *block = malloc_once(cache, bytes, asked, zeroed);
	if (TIDE_UNLIKELY(tide_budget_is_on(&cache->heap->budget)))
		block = malloc_limited(cache, bytes, asked, zeroed, block);
	else if (TIDE_UNLIKELY(block == NULL) && tide_limit_collect(cache, bytes))
		block = malloc_once(cache, bytes, asked, zeroed);
	if (TIDE_UNLIKELY(block == NULL)) {
		tide_count_owned(&cache->failures, 1u);
		errno = ENOMEM;
	}
	return block;
}

/* Jumped to, as is malloc_guarded, so that the frame below is the program's. zeroed: or NULL. */
static TIDE_NOINLINE void *malloc_profiled(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	bool unused = false;
	return tide_profiled_malloc(cache, bytes, zeroed != NULL ? zeroed : &unused,
	                            __builtin_frame_address(0));
}

void *tide_malloc_slow_untaken(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	return malloc_in(cache, bytes, bytes, zeroed);
}

void *tide_malloc_slow_in(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	if (tide_sample_on())
		return malloc_profiled(cache, bytes, zeroed);
	return malloc_in(cache, bytes, bytes, zeroed);
}

void *tide_malloc_slow_as(struct tide_cache *cache, size_t bytes, size_t asked)
{
	bool zeroed;
	return malloc_in(cache, bytes, asked, &zeroed);
}

/* Whether it is this call's turn to get a guarded block. */
TIDE_INLINE bool guard_is_due(struct tide_cache *cache)
{
	uint32_t every = (uint32_t)tide_option(TIDE_OPTION_GUARD_EVERY);
	if (TIDE_LIKELY(every == 0))
		return false;
	if (cache->guard_countdown > 0 && cache->guard_countdown <= every) {
		cache->guard_countdown--;
		return false;
	}
	cache->guard_countdown = every - 1;
	return true;
}

static TIDE_NOINLINE void *malloc_guarded(struct tide_cache *cache, size_t bytes, bool *zeroed)
{
	bool unused = false;
	void *block = tide_guard_malloc(bytes, __builtin_frame_address(0));
	zeroed = zeroed != NULL ? zeroed : &unused;
	*zeroed = false;
	return block != NULL ? block : malloc_in(cache, bytes, bytes, zeroed);
}

TIDE_USUAL void *tide_malloc_slow_zeroed(size_t bytes, bool *zeroed)
{
	struct tide_cache *cache = tide_slow_self();
	*zeroed = false;
	if (TIDE_UNLIKELY(cache == NULL)) {
		errno = ENOMEM;
		return NULL;
	}
	if (TIDE_UNLIKELY(guard_is_due(cache)))
		return malloc_guarded(cache, bytes, zeroed);
	if (tide_sample_on())
		return malloc_profiled(cache, bytes, zeroed);
	return malloc_in(cache, bytes, bytes, zeroed);
}

void *tide_malloc_slow_guarded(size_t bytes)
{
	struct tide_cache *cache = tide_slow_self();
	if (TIDE_LIKELY(cache != NULL))
		return guard_is_due(cache) ? malloc_guarded(cache, bytes, NULL)
		                           : malloc_profiled(cache, bytes, NULL);
	errno = ENOMEM;
	return NULL;
}

TIDE_INLINE void *malloc_plain(struct tide_cache *cache, size_t bytes)
{
	bool zeroed;
	if (TIDE_UNLIKELY(guard_is_due(cache)))
		return malloc_guarded(cache, bytes, NULL);
	return malloc_in(cache, bytes, bytes, &zeroed);
}

/* The first call of a thread, perhaps of the process: only then is it known what is sampled. */
static TIDE_USUAL TIDE_NOINLINE void *malloc_first(size_t bytes)
{
	struct tide_cache *cache = tide_slow_self();
	if (cache == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	return tide_sample_on() ? tide_profiled_malloc_plain(bytes) : malloc_plain(cache, bytes);
}

TIDE_USUAL void *tide_malloc_slow(size_t bytes)
{
	struct tide_cache *cache = tide_cache_self;
	if (tide_sample_on())
		return tide_profiled_malloc_plain(bytes);
	return TIDE_LIKELY(cache != TIDE_CACHE_NONE) ? malloc_plain(cache, bytes)
	                                             : malloc_first(bytes);
}
