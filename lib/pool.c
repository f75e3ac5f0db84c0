#include "pool.h"

#include "check.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "heap.h"
#include "hit.h"
#include "limit.h"
#include "options.h"
#include "pagemap.h"
#include "sample.h"
#include "slow.h"
#include "start.h"

#define FIRST TIDE_CLASS_MEDIUM_FIRST
#define LAST TIDE_CLASS_MEDIUM_LAST

/* Of a medium class. */
static size_t bytes_of(unsigned cls)
{
	return (size_t)tide_class_granules(cls) << TIDE_GRANULE_SHIFT;
}

/* Whether the pool is more than a part of the heap, half as much with each doubling of the threads.
 * (It may have TIDE_POOL_MIN_BYTES in any case.) */
static TIDE_NOINLINE bool is_over_share(const struct tide_cache *cache)
{
	struct tide_heap *heap = cache->heap;
	unsigned doublings = 31u - (unsigned)__builtin_clz(tide_cache_threads_racy(heap) | 1u);
	uint64_t share =
	    (tide_region_mapped_bytes_racy(&heap->regions) / TIDE_POOL_HEAP_PART) >> doublings;
	return cache->pool_bytes > (share < TIDE_POOL_MAX_BYTES ? share : TIDE_POOL_MAX_BYTES);
}

/* Here and below conditions that come out one way or the other at random are computed, not branched
 * on: of random sizes, a pair of calls mispredicted so often that it took 1.3 times as long. */

/* Whether the bin, of blocks of so many bytes, is one to give away. Half as much for a thread that
 * is alone: nobody is in its way at the free sets, where neighbours merge. */
TIDE_INLINE bool is_full(const struct tide_cache *cache, const struct tide_bin *bin, size_t bytes)
{
	size_t most = TIDE_POOL_BIN_BYTES >> (tide_cache_threads_racy(cache->heap) == 1);
	return (bin->count >= TIDE_POOL_BIN_BLOCKS) |
	       ((bin->count > 1) & (bin->count * bytes >= most));
}

TIDE_INLINE void mark(struct tide_cache *cache, unsigned cls, bool has_blocks)
{
	unsigned at = (cls - FIRST) % 64;
	uint64_t *word = &cache->pooled[(cls - FIRST) / 64];
	*word = (*word & ~(1ull << at)) | (uint64_t)has_blocks << at;
}

/* The lowest class of [cls, last] with a block, as far as the marks know; LAST + 1: none. */
static unsigned find_marked(const struct tide_cache *cache, unsigned cls, unsigned last)
{
	unsigned from = cls - FIRST;
	unsigned end = last - FIRST;
	uint64_t word = cache->pooled[from / 64] >> (from % 64);
	if (word == 0 && end / 64 != from / 64) {
		from = end / 64 * 64;
		word = cache->pooled[end / 64];
	}
	if (word == 0)
		return LAST + 1;
	from += (unsigned)__builtin_ctzll(word);
	return from <= end ? FIRST + from : LAST + 1;
}
static_assert(LAST - FIRST < 3 * 64, "pool: three words of marks");
static_assert(TIDE_STEP_GRANULES / TIDE_POOL_SLACK_PART < 64, "pool: they lie in two of them");

/* The largest class that may serve for `cls`: an eighth more. In profile mode what is counted by
 * class is of that class: none that has a ready bin serves for another. */
static unsigned last_fitting(unsigned cls)
{
	if (cls >= TIDE_CLASS_STEP_LAST)
		return cls < LAST ? cls + 1 : LAST;
	bool binned = cls <= TIDE_CLASS_BINNED_LAST;
	if (TIDE_UNLIKELY(tide_sample_on()) && binned)
		return cls;
	unsigned last = cls + tide_class_granules(cls) / TIDE_POOL_SLACK_PART;
	unsigned most = binned ? TIDE_CLASS_BINNED_LAST : TIDE_CLASS_STEP_LAST;
	return last < most ? last : most;
}
static_assert(TIDE_POOL_SLACK_PART == 8,
              "pool: an eighth is one class of those with eight a doubling");

/* The pool's bin with a block of `cls`, or of up to an eighth more; NULL: there is none. */
TIDE_INLINE struct tide_bin *find_fitting(struct tide_cache *cache, unsigned cls)
{
	unsigned last = last_fitting(cls);
	unsigned from;
	while ((from = find_marked(cache, cls, last)) <= LAST) {
		struct tide_bin *bin = cache->pending[from];
		if (TIDE_LIKELY(bin != NULL && bin->count > 0))
			return bin;
		mark(cache, from, false); /* emptied behind our back */
	}
	return NULL;
}

TIDE_INLINE void *take(struct tide_cache *cache, struct tide_bin *bin)
{
	cache->pool_bytes -= bytes_of(bin->cls);
	mark(cache, bin->cls, bin->count > 1);
	return tide_bin_take(bin);
}

/* What tide_cache_note_bins does, in short: so many are in the pool's bin of a medium class. */
TIDE_INLINE void note_bin(struct tide_cache *cache, unsigned cls, uint32_t blocks)
{
	tide_store_relaxed(&cache->binned[cls],
	                   blocks + (uint32_t)tide_cache_blocks_at(cache, cls));
}

/* `bin` to the pool, in place of the one that is there and empty. */
static TIDE_USUAL void keep_bin(struct tide_cache *cache, struct tide_bin *bin)
{
	unsigned cls = bin->cls;
	struct tide_bin *empty = tide_cache_pending(cache, cls);
	if (!cache->has_pending) {
		if (bin->count > 0) {
			tide_budget_blocks_out(&cache->heap->budget, bin->count, bytes_of(cls));
			tide_count_owned(&cache->counts[cls].over_level, 1u);
			tide_queue_push(&cache->heap->queues, bin);
		} else
			tide_bin_recycle(bin);
		return;
	}
	if (empty == bin)
		return;
	TIDE_ASSERT(empty == NULL || empty->count == 0);
	tide_bin_set_capacity(bin, TIDE_BIN_SLOTS);
	cache->pending[cls] = bin;
	cache->pool_bytes += bin->count * bytes_of(cls);
	mark(cache, cls, bin->count > 0);
	if (empty != NULL)
		tide_bin_recycle(empty);
}

/* An empty bin to be filled: the pool's own when it can be had. */
static struct tide_bin *empty_bin(struct tide_cache *cache, unsigned cls)
{
	struct tide_bin *bin = tide_cache_pending(cache, cls);
	return bin != NULL ? bin : tide_bin_new(cls, TIDE_POOL_BIN_BLOCKS);
}

/* One block, paid for, out of the free sets or the frontier. */
static void *take_fresh(struct tide_cache *cache, unsigned cls, bool *zeroed)
{
	struct tide_bin *bin = empty_bin(cache, cls);
	void *block = NULL;
	if (bin != NULL && tide_gc_refill_inline(cache, bin, 1) > 0)
		block = tide_bin_take(bin);
	if (bin != NULL)
		keep_bin(cache, bin);
	if (block != NULL) {
		tide_count_owned(&cache->counts[cls].from_gc, 1u);
		return block;
	}
	tide_count_owned(&cache->counts[cls].from_frontier, 1u);
	*zeroed = true;
	return tide_frontier_chunk(cache->heap, cls, TIDE_GRANULE_BYTES);
}

/* Not out of the pool. */
static void *malloc_missed(struct tide_cache *cache, unsigned cls, bool *zeroed)
{
	struct tide_heap *heap = cache->heap;
	void *block;
	tide_cache_missed(cache, cls);
	tide_slow_want_gc_thread(cache);
	struct tide_bin *bin = tide_limit_queue_pop(heap, cls);
	if (bin != NULL) {
		tide_count_owned(&cache->counts[cls].from_queue, 1u);
		block = tide_bin_take(bin);
		keep_bin(cache, bin);
		return block;
	}
	tide_queue_note_miss(&heap->queues, cls);
	size_t bytes = bytes_of(cls);
	if (tide_budget_blocks_in(&heap->budget, 1, bytes) == 0)
		return NULL;
	block = take_fresh(cache, cls, zeroed);
	if (block == NULL)
		tide_budget_blocks_out(&heap->budget, 1, bytes);
	return block;
}

void *tide_pool_malloc(struct tide_cache *cache, unsigned *cls, bool *zeroed)
{
	struct tide_bin *bin = cache->has_pending ? find_fitting(cache, *cls) : NULL;
	if (bin == NULL)
		return malloc_missed(cache, *cls, zeroed);
	*cls = bin->cls;
	return take(cache, bin);
}

TIDE_INLINE bool is_in(const struct tide_bin *bin, const void *block)
{
	unsigned same = 0;
	unsigned i = 0;
#pragma GCC unroll 8
	for (; i < TIDE_POOL_BIN_BLOCKS; i++)
		same |= (unsigned)(bin->slot[TIDE_BIN_BASE + i] == block) << i;
	if (TIDE_LIKELY(bin->count <= TIDE_POOL_BIN_BLOCKS))
		return (same & ((1u << bin->count) - 1)) != 0;
	for (; i < bin->count && same == 0; i++)
		same = bin->slot[TIDE_BIN_BASE + i] == block;
	return same != 0;
}
static_assert(TIDE_POOL_BIN_BLOCKS <= TIDE_BIN_SHORT_SLOTS, "pool: so many slots has every bin");

/* `block` into the pool's bin of its class. Whether the bin is to go. */
TIDE_INLINE bool put(struct tide_cache *cache, struct tide_bin *bin, void *block)
{
	unsigned cls = bin->cls;
	size_t bytes = bytes_of(cls);
	tide_hit_count(&cache->frees[cls]);
	tide_bin_add(bin, block);
	cache->pool_bytes += bytes;
	mark(cache, cls, true);
	if (TIDE_UNLIKELY(is_full(cache, bin, bytes)) ||
	    (cache->pool_bytes > TIDE_POOL_MIN_BYTES && TIDE_UNLIKELY(is_over_share(cache))))
		return true;
	tide_cache_note_pending(cache);
	tide_doorbell_ring(false); /* the GC takes what an idle thread keeps */
	return false;
}

static void give_bin(struct tide_cache *cache, struct tide_bin *bin)
{
	cache->pool_bytes -= bin->count * bytes_of(bin->cls);
	cache->pending[bin->cls] = NULL;
	mark(cache, bin->cls, false);
	tide_slow_give_away(cache, bin);
}

bool tide_pool_free(struct tide_cache *cache, void *block, unsigned cls, const char *function)
{
	if (TIDE_UNLIKELY(!tide_region_is_start(block, cls))) {
		tide_fatal_misuse(TIDE_MISUSE_INTERIOR, function, block, cls, bytes_of(cls));
		return true;
	}
	struct tide_bin *bin = empty_bin(cache, cls);
	if (TIDE_UNLIKELY(bin == NULL))
		return false;
	if (TIDE_UNLIKELY(is_in(bin, block))) {
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, cls, bytes_of(cls));
		return true;
	}
	if (cache->has_pending) {
		cache->pending[cls] = bin;
		if (put(cache, bin, block))
			give_bin(cache, bin);
		return true;
	}
	tide_hit_count(&cache->frees[cls]);
	tide_bin_add(bin, block);
	tide_slow_give_away(cache, bin);
	return true;
}

/* Nothing is on that the general paths see to. */
static inline bool is_plain(const struct tide_cache *cache)
{
	return cache != TIDE_CACHE_NONE && !tide_sample_on() && !tide_start_checked() &&
	       tide_option(TIDE_OPTION_GUARD_EVERY) == 0;
}

TIDE_USUAL void *tide_pool_hit(size_t size, unsigned cls)
{
	struct tide_cache *cache = tide_cache_self;
	/* (What is in the ready bin and did not come out was freed twice.) */
	if (TIDE_UNLIKELY(!is_plain(cache)) || TIDE_UNLIKELY(*cache->top[cls] != NULL))
		return tide_malloc_slow(size);
	tide_cache_slow_enter(cache);
	struct tide_bin *bin = cache->has_pending ? find_fitting(cache, cls) : NULL;
	void *block = NULL;
	if (TIDE_LIKELY(bin != NULL)) {
		block = take(cache, bin);
		tide_hit_count(&cache->mallocs[bin->cls]);
		note_bin(cache, bin->cls, bin->count);
	}
	tide_cache_slow_leave(cache);
	return TIDE_LIKELY(block != NULL) ? block : tide_malloc_slow(size);
}

/* The end of a slow call that filled `bin`: true, for who ends with it. */
static TIDE_NOINLINE bool give_bin_and_leave(struct tide_cache *cache, struct tide_bin *bin)
{
	unsigned cls = bin->cls;
	give_bin(cache, bin);
	note_bin(cache, cls, 0);
	tide_cache_slow_leave(cache);
	return true;
}

TIDE_USUAL bool tide_pool_free_hit(void *block, unsigned cls)
{
	struct tide_cache *cache = tide_cache_self;
	if (TIDE_UNLIKELY(!is_plain(cache)) ||
	    (cls <= TIDE_CLASS_BINNED_LAST &&
	     (cache->ready[cls] == NULL || tide_cache_is_at_an_end(cache, block, cls))))
		return false;
	tide_cache_slow_enter(cache);
	struct tide_bin *bin = tide_cache_pending(cache, cls);
	bool fits = bin != NULL && tide_region_is_start(block, cls) && !is_in(bin, block);
	if (TIDE_LIKELY(fits)) {
		if (TIDE_UNLIKELY(put(cache, bin, block)))
			return give_bin_and_leave(cache, bin);
		note_bin(cache, bin->cls, bin->count);
	}
	tide_cache_slow_leave(cache);
	return fits;
}

void *tide_pool_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes)
{
	struct tide_bin *bin = tide_cache_pending(cache, cls);
	for (unsigned i = 0; bin != NULL && i < bin->count; i++) {
		void *block = bin->slot[TIDE_BIN_BASE + i];
		if ((uintptr_t)block % align_bytes != 0)
			continue;
		void *last = take(cache, bin);
		tide_order_stores(); /* see bin.h */
		if (i < bin->count)
			bin->slot[TIDE_BIN_BASE + i] = last;
		return block;
	}
	return NULL;
}
