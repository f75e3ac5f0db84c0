#include "kept.h"

#include "check.h"
#include "frontier.h"
#include "gc.h"
#include "hit.h"
#include "queue.h"
#include "slow.h"
#include "start.h"

bool tide_kept_is_class(unsigned cls)
{
	return tide_class_is_medium(cls) && tide_class_bytes(cls) > TIDE_KEPT_ABOVE_BYTES;
}

void *tide_kept_malloc(struct tide_cache *cache, unsigned cls, bool *zeroed)
{
	struct tide_bin *bin = cache->pending[cls];
	void *block = NULL;
	if (bin == NULL)
		bin = cache->pending[cls] = tide_bin_new(cls, TIDE_BIN_SLOTS);
	if (bin == NULL)
		return NULL;
	if (bin->count > 0) {
		cache->kept_bytes -= tide_class_bytes(cls);
		return tide_bin_take(bin);
	}
	tide_slow_want_gc_thread(cache);
	struct tide_bin *queued = tide_queue_pop(cls);
	if (queued != NULL) {
		tide_bin_set_capacity(queued, TIDE_BIN_SLOTS);
		cache->pending[cls] = queued;
		tide_bin_recycle(bin);
		block = tide_bin_take(queued);
		cache->kept_bytes += queued->count * tide_class_bytes(cls);
		return block;
	}
	tide_queue_note(&tide_queue[cls].misses, cls);
	if (tide_gc_refill_inline(cache, bin, 1) > 0)
		return tide_bin_take(bin);
	*zeroed = true;
	return tide_frontier_chunk(cls, TIDE_GRANULE_BYTES);
}

bool tide_kept_free(struct tide_cache *cache, void *block, unsigned cls)
{
	struct tide_bin *bin = cache->pending[cls];
	if (bin == NULL)
		bin = cache->pending[cls] = tide_bin_new(cls, TIDE_BIN_SLOTS);
	if (bin == NULL)
		return false;
	tide_bin_add(bin, block);
	cache->kept_bytes += tide_class_bytes(cls);
	if (cache->kept_bytes > TIDE_KEPT_MAX_BYTES || bin->count >= TIDE_KEPT_BLOCKS) {
		cache->kept_bytes -= bin->count * tide_class_bytes(cls);
		cache->pending[cls] = NULL;
		tide_slow_give_away(cache, bin);
	}
	return true;
}

/* A block of the thread's own bins that happens to be aligned. */
static void *aligned_in_bins(struct tide_cache *cache, unsigned cls, size_t align_bytes)
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
	struct tide_bin *pending = cache->pending[cls];
	for (unsigned i = 0; pending != NULL && i < pending->count; i++) {
		void *block = pending->slot[TIDE_BIN_BASE + i];
		if ((uintptr_t)block % align_bytes != 0)
			continue;
		void *last = tide_bin_take(pending);
		tide_order_stores();
		if (i < pending->count)
			pending->slot[TIDE_BIN_BASE + i] = last;
		if (tide_kept_is_class(cls))
			cache->kept_bytes -= tide_class_bytes(cls);
		return block;
	}
	return NULL;
}

void *tide_medium_aligned_slow(unsigned cls, size_t align_bytes)
{
	struct tide_cache *cache = tide_slow_self();
	if (cache == NULL)
		return NULL;
	void *block = tide_start_checked() ? NULL : aligned_in_bins(cache, cls, align_bytes);
	if (block != NULL) {
		tide_hit_count(&cache->mallocs[cls]);
		return block;
	}
	block = tide_gc_chunk_aligned(cache, cls, align_bytes);
	if (block == NULL)
		block = tide_frontier_chunk(cls, align_bytes);
	if (block != NULL && tide_start_checked())
		(void)tide_region_set_live(block, cls, true);
	if (block != NULL)
		tide_hit_count(&cache->mallocs[cls]);
	return block;
}
