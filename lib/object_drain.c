/* Constructed objects that nobody needs: out of the depot and back to their slabs.
 *
 * What is due is found as Bonwick and Adams do it for magazines: the fewest objects that the depot
 * held from one tick to the next were needed by nobody.
 */
#include "object.h"

#include "cache.h"
#include "fatal.h"
#include "options.h"
#include "os.h"
#include "yield.h"

/* Bins in one step: as many as the GC drains in one. */
#define BINS_PER_STEP 4

bool tide_object_return(struct tide_object_cache *cache, void *object, const char *function)
{
	struct tide_object_slab *slab;
	unsigned idx;
	if (!tide_object_find(cache, object, &slab, &idx)) {
		tide_fatal_misuse(TIDE_MISUSE_OBJECT, function, object, 0, 0);
		return false;
	}
	if (tide_object_is_raw(slab, idx)) {
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, object, 0, 0);
		return false;
	}
	if (cache->destruct != NULL)
		cache->destruct(object, cache->context);
	tide_object_put_raw(slab, idx);
	return true;
}

/* Returns how many it was; 0: the depot is empty. */
static unsigned drain_bin(struct tide_object_cache *cache)
{
	struct tide_bin *bin = tide_object_depot_pop(cache);
	if (bin == NULL)
		return 0;
	unsigned objects = bin->count;
	uint64_t good = 0;
	for (unsigned i = 0; i < objects; i++)
		good += tide_object_return(cache, bin->slot[TIDE_BIN_BASE + i], "object_free");
	(void)tide_add_relaxed(&cache->count.destructed, good);
	bin->count = 0;
	tide_bin_recycle(bin);
	return objects;
}

uint64_t tide_object_drain(struct tide_object_cache *cache, unsigned bins)
{
	uint64_t drained = 0;
	for (unsigned objects; bins > 0 && (objects = drain_bin(cache)) > 0; bins--)
		drained += objects;
	return drained;
}

bool tide_object_has_excess(const struct tide_object_cache *cache)
{
	return (uint64_t)tide_load_relaxed(&cache->depot_objects) * cache->stride >
	       TIDE_OBJECT_DEPOT_BYTES;
}

static void tick(struct tide_object_cache *cache)
{
	uint64_t now_ns = tide_os_clock_ns();
	uint64_t half_ns = (uint64_t)tide_option(TIDE_OPTION_DECAY_MS) * 500000u;
	if (now_ns - cache->tick_ns < half_ns)
		return;
	cache->tick_ns = now_ns;
	cache->due = tide_load_relaxed(&cache->depot_low);
	tide_store_relaxed(&cache->depot_low, tide_load_relaxed(&cache->depot_objects));
}

bool tide_object_step(struct tide_object_cache *cache)
{
	bool worked = false;
	if (tide_swap_acq_rel(&cache->clock_taken, true)) /* object.clock */
		return false;
	TIDE_YIELD("object.step");
	tick(cache);
	for (unsigned bins = 0; bins < BINS_PER_STEP; bins++) {
		if (cache->due == 0 && !tide_object_has_excess(cache))
			break;
		uint32_t objects = drain_bin(cache);
		cache->due -= objects != 0 && objects < cache->due ? objects : cache->due;
		worked |= objects > 0;
	}
	tide_store_release(&cache->clock_taken, false); /* object.clock */
	return worked;
}

/* The next cache from *slot on that such a thread may drain, where there is something in the depot;
 * to be left by the caller. NULL: there is none any more. */
static struct tide_object_cache *enter_next(uint32_t *slot, bool by_gc_thread)
{
	struct tide_object_cache *cache;
	while (*slot < TIDE_OBJECT_CACHES_MAX && (cache = tide_object_at((*slot)++)) != NULL) {
		if (tide_stack_is_empty_racy(&cache->depot))
			continue;
		if (tide_object_enter(cache) && (cache->gc_may_drain || !by_gc_thread))
			return cache;
		tide_object_leave(cache);
	}
	return NULL;
}

bool tide_object_step_all(bool by_gc_thread)
{
	bool worked = false;
	struct tide_object_cache *cache;
	for (uint32_t slot = 0; (cache = enter_next(&slot, by_gc_thread)) != NULL;) {
		worked |= tide_object_step(cache);
		tide_object_leave(cache);
	}
	return worked;
}

uint64_t tide_object_drain_now(struct tide_object_cache *cache)
{
	/* What others put in meanwhile is theirs. */
	int64_t left = tide_load_relaxed(&cache->depot_objects);
	uint64_t drained = 0;
	for (uint32_t objects; left > 0 && (objects = drain_bin(cache)) > 0; left -= objects)
		drained += objects;
	return drained;
}

uint64_t tide_object_drain_all(bool by_gc_thread)
{
	uint64_t drained = 0;
	struct tide_object_cache *cache;
	for (uint32_t slot = 0; (cache = enter_next(&slot, by_gc_thread)) != NULL;) {
		drained += tide_object_drain_now(cache);
		tide_object_leave(cache);
	}
	return drained;
}

bool tide_object_is_left(void)
{
	uint32_t slot = 0;
	struct tide_object_cache *cache = enter_next(&slot, true);
	if (cache != NULL)
		tide_object_leave(cache);
	return cache != NULL;
}
