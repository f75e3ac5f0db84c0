#include "limit.h"

#include "gc.h"
#include "options.h"

static void collect(struct tide_cache *cache)
{
	(void)tide_cache_empty(cache);
	tide_gc_reclaim(cache->heap, false);
}

void tide_limit_set_reclaim(struct tide_heap *heap, tide_limit_reclaim *reclaim, void *context)
{
	void *old_context;
	uintptr_t old;
	do {
		old = tide_load_relaxed(&heap->reclaim.tag);
		old_context = tide_load_relaxed(&heap->reclaim.pointer);
	} while (!tide_cas2_acq_rel(&heap->reclaim, old_context, old, context,
	                            (uintptr_t)reclaim)); /* heap.reclaim */
}

/* The function and its context, together as they were set. */
static tide_limit_reclaim *reclaim_of(struct tide_heap *heap, void **context)
{
	uintptr_t reclaim;
	do {
		reclaim = tide_load_acquire(&heap->reclaim.tag);
		*context = tide_load_acquire(&heap->reclaim.pointer);
		/* Both words read are of one moment when nothing else stands there. */
	} while (reclaim != 0 && !tide_cas2_acq_rel(&heap->reclaim, *context, reclaim, *context,
	                                            reclaim)); /* heap.reclaim */
	return (tide_limit_reclaim *)reclaim;
}

/* The program's function; whether it freed anything. */
static bool ask(struct tide_cache *cache, size_t bytes)
{
	struct tide_heap *heap = cache->heap;
	bool is_default = heap == &tide_heap_default;
	void *context;
	tide_limit_reclaim *reclaim = reclaim_of(heap, &context);
	if (reclaim == NULL || cache->in_reclaim)
		return false;
	if (is_default && tide_option(TIDE_OPTION_LIMIT_POLICY) == 0)
		return false;
	cache->in_reclaim = true;
	size_t freed_bytes = reclaim(is_default ? NULL : heap, bytes, context);
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
