#include "pool.h"

#include "check.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "heap.h"
#include "hit.h"
#include "limit.h"
#include "pagemap.h"
#include "slow.h"

#define FIRST TIDE_CLASS_MEDIUM_FIRST
#define LAST TIDE_CLASS_MEDIUM_LAST

/* How much a thread may have in its pool: half as much with each doubling of the threads. */
static uint64_t share_bytes(struct tide_heap *heap)
{
	unsigned doublings = 31u - (unsigned)__builtin_clz(tide_cache_threads_racy(heap) | 1u);
	uint64_t share =
	    (tide_region_mapped_bytes_racy(&heap->regions) / TIDE_POOL_HEAP_PART) >> doublings;
	if (share > TIDE_POOL_MAX_BYTES)
		return TIDE_POOL_MAX_BYTES;
	return share > TIDE_POOL_MIN_BYTES ? share : TIDE_POOL_MIN_BYTES;
}

/* Whether the bin is one to give away. */
static bool is_full(const struct tide_bin *bin)
{
	return bin->count >= TIDE_POOL_BIN_BLOCKS ||
	       (bin->count > 1 && bin->count * tide_class_bytes(bin->cls) >= TIDE_POOL_BIN_BYTES);
}

static void mark(struct tide_cache *cache, unsigned cls, bool has_blocks)
{
	uint64_t bit = 1ull << ((cls - FIRST) % 64);
	uint64_t *word = &cache->pooled[(cls - FIRST) / 64];
	*word = has_blocks ? *word | bit : *word & ~bit;
}

static void *take(struct tide_cache *cache, struct tide_bin *bin)
{
	cache->pool_bytes -= tide_class_bytes(bin->cls);
	if (bin->count == 1)
		mark(cache, bin->cls, false);
	return tide_bin_take(bin);
}

/* The lowest class of [cls, last] with a block, as far as the marks know; LAST + 1: none. */
static unsigned find_marked(const struct tide_cache *cache, unsigned cls, unsigned last)
{
	unsigned from = cls - FIRST;
	for (unsigned i = from / 64; i <= (last - FIRST) / 64; i++) {
		uint64_t word = cache->pooled[i];
		if (i == from / 64)
			word = word >> (from % 64) << (from % 64);
		if (word == 0)
			continue;
		cls = FIRST + i * 64 + (unsigned)__builtin_ctzll(word);
		return cls <= last ? cls : LAST + 1;
	}
	return LAST + 1;
}
static_assert(LAST - FIRST < 3 * 64, "pool: three words of marks");

/* The largest class that may serve for `cls`. */
static unsigned last_fitting(unsigned cls)
{
	unsigned granules = tide_class_granules(cls);
	unsigned most = granules + granules / TIDE_POOL_SLACK_PART;
	if (most >= TIDE_MEDIUM_MAX_BYTES / TIDE_GRANULE_BYTES)
		return LAST;
	unsigned last = tide_class_of_granules(most);
	return tide_class_granules(last) > most ? last - 1 : last;
}

/* A block of `cls`, or one of up to an eighth more; not so in a heap that the program made, where
 * pages do not say what class was asked for. */
static void *take_fitting(struct tide_cache *cache, unsigned cls)
{
	bool shared = cache->heap == &tide_heap_default;
	unsigned last = shared ? last_fitting(cls) : cls;
	unsigned from;
	while ((from = find_marked(cache, cls, last)) <= LAST) {
		struct tide_bin *bin = tide_cache_pending(cache, from);
		if (bin == NULL || bin->count == 0) { /* emptied behind our back */
			mark(cache, from, false);
			continue;
		}
		void *block = take(cache, bin);
		if (from != cls) {
			tide_cache_reclass(cache, block, from, cls);
			tide_cache_note_bins(cache, from);
		}
		return block;
	}
	return NULL;
}

/* `bin` to the pool, in place of the one that is there and empty. */
static TIDE_USUAL void keep_bin(struct tide_cache *cache, struct tide_bin *bin)
{
	unsigned cls = bin->cls;
	struct tide_bin *empty = tide_cache_pending(cache, cls);
	if (!cache->has_pending) {
		if (bin->count > 0) {
			tide_budget_blocks_out(&cache->heap->budget, bin->count,
			                       tide_class_bytes(cls));
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
	cache->pool_bytes += bin->count * tide_class_bytes(cls);
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

void *tide_pool_malloc(struct tide_cache *cache, unsigned cls, bool *zeroed)
{
	void *block = cache->has_pending ? take_fitting(cache, cls) : NULL;
	if (block != NULL)
		return block;
	struct tide_heap *heap = cache->heap;
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
	size_t bytes = tide_class_bytes(cls);
	if (tide_budget_blocks_in(&heap->budget, 1, bytes) == 0)
		return NULL;
	block = take_fresh(cache, cls, zeroed);
	if (block == NULL)
		tide_budget_blocks_out(&heap->budget, 1, bytes);
	return block;
}

static bool is_in(const struct tide_bin *bin, const void *block)
{
	for (unsigned i = 0; i < bin->count; i++) {
		if (bin->slot[TIDE_BIN_BASE + i] == block)
			return true;
	}
	return false;
}

bool tide_pool_free(struct tide_cache *cache, void *block, unsigned cls, const char *function)
{
	unsigned true_cls = tide_region_true_class(block, cls);
	if (true_cls == TIDE_CLASS_NONE) {
		tide_fatal_misuse(TIDE_MISUSE_INTERIOR, function, block, cls,
		                  tide_class_bytes(cls));
		return true;
	}
	struct tide_bin *bin = empty_bin(cache, true_cls);
	if (bin == NULL)
		return false;
	if (is_in(bin, block)) {
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, cls, tide_class_bytes(cls));
		return true;
	}
	tide_hit_count(&cache->frees[cls]);
	if (true_cls != cls)
		tide_cache_reclass(cache, block, cls, true_cls);
	tide_bin_add(bin, block);
	if (!cache->has_pending) {
		tide_slow_give_away(cache, bin);
		return true;
	}
	cache->pending[true_cls] = bin;
	cache->pool_bytes += tide_class_bytes(true_cls);
	mark(cache, true_cls, true);
	if (cache->pool_bytes > share_bytes(cache->heap) || is_full(bin)) {
		cache->pool_bytes -= bin->count * tide_class_bytes(true_cls);
		cache->pending[true_cls] = NULL;
		mark(cache, true_cls, false);
		tide_slow_give_away(cache, bin);
	} else {
		tide_cache_note_pending(cache);
		tide_doorbell_ring(false); /* the GC takes what an idle thread keeps */
	}
	if (true_cls != cls)
		tide_cache_note_bins(cache, true_cls);
	return true;
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
