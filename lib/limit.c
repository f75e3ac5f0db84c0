#include "limit.h"

#include "gc.h"
#include "options.h"

static void collect(struct tide_cache *cache)
{
	(void)tide_cache_empty(cache);
	tide_gc_reclaim(cache->heap, false);
}

/* The program's function; whether it freed anything. */
static bool ask(struct tide_cache *cache, size_t bytes)
{
	struct tide_heap *heap = cache->heap;
	bool is_default = heap == &tide_heap_default;
	size_t (*reclaim)(struct tide_heap *, size_t, void *) =
	    tide_load_acquire(&heap->reclaim); /* heap.reclaim */
	if (reclaim == NULL || cache->in_reclaim)
		return false;
	if (is_default && tide_option(TIDE_OPTION_LIMIT_POLICY) == 0)
		return false;
	cache->in_reclaim = true;
	size_t freed_bytes = reclaim(is_default ? NULL : heap, bytes, heap->context);
	cache->in_reclaim = false;
	return freed_bytes > 0;
}

bool tide_limit_make_room(struct tide_cache *cache, size_t bytes, unsigned *tries)
{
	if ((*tries)++ > 0 && !ask(cache, bytes))
		return false;
	collect(cache);
	return true;
}

bool tide_limit_collect(struct tide_cache *cache, size_t bytes)
{
	struct tide_heap *heap = cache->heap;
	if (bytes > tide_region_mapped_bytes_racy(&heap->regions))
		return false;
	(void)tide_cache_empty(cache);
	tide_gc_reclaim(heap, tide_class_of(bytes) == TIDE_CLASS_LARGE);
	return true;
}

void tide_limit_tell(struct tide_cache *cache)
{
	struct tide_budget *budget = &cache->heap->budget;
	int64_t used = tide_load_relaxed(&budget->used);
	if (used <= 0 || (uint64_t)used <= tide_load_relaxed(&budget->soft_bytes)) {
		if (tide_load_relaxed(&budget->soft_told))
			tide_store_release(&budget->soft_told, false);
		return;
	}
	if (cache->in_reclaim || tide_load_relaxed(&budget->soft_told) ||
	    tide_swap_acq_rel(&budget->soft_told, true))
		return;
	(void)ask(cache, (size_t)((uint64_t)used - tide_load_relaxed(&budget->soft_bytes)));
}
