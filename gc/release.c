/* Memory back to the system, decided by time: what was free and held memory at two ticks of the
 * decay clock goes. A sweep visits the regions one by one, from the youngest down (the oldest are
 * the ones that refills come from), decides for a whole region first, and calls the system after.
 */
#include "freeset.h"
#include "slabset.h"

#include "large.h"
#include "options.h"
#include "os.h"
#include "regret.h"
#include "token.h"
#include "trace.h"
#include "yield.h"

#include <string.h>

/* Without a GC thread: system calls in one step, so that no single free pays for all. */
#define EXCESS_CALLS 32
/* So often in a row, by region and sweep, may the system refuse before the GC goes to sleep on
 * it. */
#define REFUSALS_MAX 64
/* Threads that ended without notice are rare, and asking for each costs a system call. */
#define TICKS_PER_ROLL_CALL 8

/* Give runs of the pages back; returns bytes. */
static size_t purge_pages(struct tide_region *region, const uint64_t *pages, unsigned *calls)
{
	struct gc *gc = &region->heap->gc;
	size_t bytes = 0;
	uintptr_t base = tide_load_relaxed(&region->base);
	for (unsigned page = 0; page < TIDE_REGION_PAGES;) {
		uint64_t word = pages[page / 64] >> (page % 64);
		if (word == 0) {
			page = (page | 63) + 1;
			continue;
		}
		page += (unsigned)__builtin_ctzll(word);
		unsigned end = page;
		while (end < TIDE_REGION_PAGES && (pages[end / 64] >> (end % 64) & 1))
			end++;
		if (!region->refuses_huge) {
			/* Else the system might fill the hole again with a huge page. */
			region->refuses_huge = true;
			size_t all =
			    (size_t)tide_load_relaxed(&region->granules) * TIDE_GRANULE_BYTES;
			tide_os_huge((void *)base, all, false);
		}
		size_t run_bytes = (size_t)(end - page) * TIDE_PAGE_BYTES;
		++*calls;
		uint64_t begin_ns = tide_trace_begin();
		bool purged =
		    tide_os_purge((void *)(base + (uintptr_t)page * TIDE_PAGE_BYTES), run_bytes);
		TIDE_TRACE_SPAN(purge, TIDE_TRACE_PURGE, begin_ns, run_bytes, purged);
		if (!purged) {
			tide_count_owned(&gc->count.refusals, 1u);
		} else {
			tide_count_owned(&gc->count.purges, 1u);
			bytes += run_bytes;
			for (unsigned i = page; i < end; i++) {
				region->page_clean[i / 64] |= 1ull << (i % 64);
				unsigned free = region->page_free[i / 64] >> (i % 64) & 1;
				tide_count_owned(&gc->dirty_pages, -(uint64_t)free);
				tide_budget_held_add(&region->heap->budget,
				                     -(int64_t)free * TIDE_PAGE_BYTES);
			}
		}
		page = end;
	}
	return bytes;
}

/* Whether without `bytes` the heap would have less address space than was reserved for it. */
static bool is_reserve(struct tide_heap *heap, size_t bytes)
{
	return tide_region_mapped_bytes_racy(&heap->regions) < heap->reserve_bytes + bytes;
}

static bool region_unmap(struct tide_region *region)
{
	size_t bytes = (size_t)tide_load_relaxed(&region->granules) * TIDE_GRANULE_BYTES;
	if (!tide_gc_region_is_free(region) || tide_frontier_is_in(region) ||
	    is_reserve(region->heap, bytes))
		return false;
	TIDE_YIELD("gc.unmap");
	tide_gc_chunk_withdraw(region);
	region->listed = false; /* before the descriptor can be taken for a new region */
	uint64_t begin_ns = tide_trace_begin();
	if (tide_region_unmap(region)) {
		TIDE_TRACE_SPAN(unmap, TIDE_TRACE_UNMAP, begin_ns, bytes, 0);
		tide_count_owned(&region->heap->gc.count.returned_bytes, bytes);
		return true;
	}
	region->listed = true;
	tide_budget_held_add(&region->heap->budget, (int64_t)bytes);
	tide_gc_chunk_free(region, 0, tide_load_relaxed(&region->granules), false);
	return false;
}

/* Of `pages`, which lie in slabs, those that hold no memory: by class. */
static void count_purged(struct tide_region *region, const uint64_t *pages)
{
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
		uint64_t word = pages[i] & region->page_clean[i];
		for (; word != 0; word &= word - 1) {
			unsigned page = i * 64 + (unsigned)__builtin_ctzll(word);
			struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
			if (slab != NULL)
				region->heap->gc.sweep_slab_pages[slab->cls]++;
		}
	}
}

/* One region's share of a sweep; `now`: without waiting for age. Bytes returned. */
static size_t sweep(struct tide_region *region, bool now, unsigned *calls)
{
	struct gc *gc = &region->heap->gc;
	uint64_t pages[TIDE_PAGE_WORDS];
	uint64_t in_slabs[TIDE_PAGE_WORDS];
	unsigned clean = 0;
	unsigned young = 0;
	unsigned old = 0;
	if (region->heap->reserve_touched && is_reserve(region->heap, 1))
		return 0;
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++)
		pages[i] = region->page_free[i];
	tide_gc_slab_sweep(region, pages);
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
		in_slabs[i] = pages[i] & ~region->page_free[i];
		clean += tide_bits_set(pages[i] & region->page_clean[i]);
		pages[i] &= ~region->page_clean[i];
		uint64_t due = now ? pages[i] : pages[i] & region->page_aged[i];
		region->page_aged[i] = pages[i] & ~due;
		young += tide_bits_set(region->page_aged[i]);
		pages[i] = due;
		old += tide_bits_set(due);
	}
	size_t bytes = old > 0 ? purge_pages(region, pages, calls) : 0;
	count_purged(region, in_slabs);
	tide_count_owned(&gc->count.returned_bytes, (uint64_t)bytes);
	/* What the system refuses is tried again, but for ever only when there is other work:
	 * locked memory would keep the GC awake. */
	gc->refusals = bytes == (size_t)old * TIDE_PAGE_BYTES ? 0 : gc->refusals + 1;
	if (young > 0 || (gc->refusals > 0 && gc->refusals < REFUSALS_MAX))
		gc->unsettled = true;
	gc->sweep_clean_bytes += (uint64_t)clean * TIDE_PAGE_BYTES + bytes;
	if (young == 0 && tide_gc_region_is_free(region)) {
		++*calls;
		(void)region_unmap(region);
	}
	return bytes;
}

static struct tide_region *sweep_next(struct tide_heap *heap)
{
	struct gc *gc = &heap->gc;
	while (gc->sweep_region > 0) {
		struct tide_region *region = tide_region_at(&heap->regions, --gc->sweep_region);
		if (region != NULL && region->listed)
			return region;
	}
	return NULL;
}

static void sweep_start(struct gc *gc)
{
	gc->sweep_region = gc->regions;
	gc->sweep_fresh_bytes = gc->slab_fresh_bytes;
	gc->sweep_clean_bytes = 0;
	memset(gc->sweep_slab_pages, 0, sizeof gc->sweep_slab_pages);
	gc->unsettled = false;
}

static void sweep_end(struct gc *gc)
{
	gc->slab_fresh_bytes -= gc->sweep_fresh_bytes;
	tide_store_relaxed(&gc->count.purged_bytes, gc->sweep_clean_bytes);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++)
		tide_store_relaxed(&gc->slab_purged_pages[cls], gc->sweep_slab_pages[cls]);
}

/* The id of the only thread that has a cache in the default heap, as every live thread that has one
 * in another heap does; 0: there are several, or none. */
static uint32_t lone_thread(void)
{
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	uint32_t thread_id = 0;
	if (tide_cache_threads_racy(&tide_heap_default) > 1)
		return 0;
	for (; cache != NULL && thread_id == 0; cache = cache->all_next)
		thread_id = tide_cache_thread_id(tide_load_relaxed(&cache->owner));
	return thread_id;
}

/* Adopt the caches of threads that ended without notice. The system is not asked for a thread that
 * is alone, which may be in a sandbox; but there may be caches in other heaps of threads that have
 * ended, and have none in the default heap any more. Not in a process that was made without its
 * fork handlers, where all ids are the parent's. */
static void call_roll(struct tide_heap *heap)
{
	uint32_t lone_id = lone_thread();
	bool ids_hold = false;
	for (struct tide_cache *cache = tide_cache_all(heap); cache != NULL;
	     cache = cache->all_next) {
		uint64_t owner = tide_load_relaxed(&cache->owner);
		uint32_t thread_id = tide_cache_thread_id(owner);
		if (thread_id == 0 || thread_id == lone_id)
			continue;
		if (!ids_hold && tide_os_process_id() != tide_gc_process_id())
			return;
		ids_hold = true;
		if (!tide_os_thread_exists(thread_id))
			(void)tide_cache_adopt(cache, owner);
	}
}

/* Caches that nobody uses: their blocks to the free sets. Threads that ended without notice: as if
 * they had parked theirs. */
static void empty_parked(struct tide_heap *heap)
{
	struct tide_cache *taken = NULL;
	struct tide_cache *cache;
	if (heap->gc.tick % TICKS_PER_ROLL_CALL == 0)
		call_roll(heap);
	while ((cache = tide_cache_take_parked(heap)) != NULL) {
		(void)tide_cache_take_stashes(cache, true, tide_gc_slab_take_over);
		if (tide_load_relaxed(&cache->used) && tide_cache_empty(cache))
			heap->gc.unsettled = true;
		tide_store_relaxed(&cache->used, false);
		tide_store_relaxed(&cache->node.next, taken != NULL ? &taken->node : NULL);
		taken = cache;
	}
	while (taken != NULL) {
		cache = taken;
		taken = tide_cache_of_node(tide_load_relaxed(&cache->node.next));
		tide_cache_park(cache);
	}
}

/* What threads that do nothing have put by. */
void tide_gc_empty_idle(struct tide_heap *heap)
{
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		if (tide_cache_take_idle(cache, tide_gc_drain_bin, tide_gc_slab_take_over) ||
		    tide_cache_is_to_take(cache))
			heap->gc.unsettled = true;
	}
}

/* What threads kept and did not need since the last tick. */
static void age_stashes(struct tide_heap *heap)
{
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		if (tide_cache_take_stashes(cache, false, tide_gc_slab_take_over))
			heap->gc.unsettled = true;
	}
}

static TIDE_USUAL uint64_t retain_base(struct tide_heap *heap)
{
	uint64_t mapped =
	    tide_region_mapped_bytes_racy(&heap->regions) + tide_large_live_bytes_racy();
	return tide_regret_base(mapped - tide_load_relaxed(&heap->gc.count.free_set_bytes),
	                        (uint64_t)tide_option(TIDE_OPTION_RETAIN_BYTES),
	                        (uint32_t)tide_option(TIDE_OPTION_RETAIN_PERCENT));
}

static void tick_start(struct tide_heap *heap, uint64_t now_ns)
{
	struct gc *gc = &heap->gc;
	gc->tick++;
	tide_count_owned(&gc->count.ticks, 1u);
	TIDE_TRACE_EVENT(tick, TIDE_TRACE_TICK, gc->tick, 0);
	gc->tick_start_ns = now_ns;
	sweep_start(gc);
	empty_parked(heap);
	if (tide_gc_thread_runs())
		tide_gc_empty_idle(heap);
	tide_gc_settle_queues(heap);
	if (heap != &tide_heap_default)
		return;
	age_stashes(heap);
	tide_regret_age(retain_base(heap));
	size_t bytes = tide_large_age();
	tide_count_owned(&gc->count.returned_bytes, (uint64_t)bytes);
	tide_os_discard_again();
	gc->discards = tide_os_discarded_bytes_racy() > 0 ? gc->discards + 1 : 0;
	if (tide_large_cached_bytes_racy() > 0 || (gc->discards > 0 && gc->discards < REFUSALS_MAX))
		gc->unsettled = true;
}

TIDE_USUAL enum gc_work tide_gc_release_step(struct tide_heap *heap, unsigned calls)
{
	struct gc *gc = &heap->gc;
	unsigned made = 0;
	bool ticked = gc->sweep_region == 0;
	if (ticked) {
		uint64_t now_ns = tide_os_clock_ns();
		uint64_t half_ns = (uint64_t)tide_option(TIDE_OPTION_DECAY_MS) * 500000u;
		if (now_ns - gc->tick_start_ns < half_ns)
			return GC_IDLE;
		tick_start(heap, now_ns);
	}
	bool at_once = tide_option(TIDE_OPTION_DECAY_MS) == 0;
	struct tide_region *region;
	while (made < calls && (region = sweep_next(heap)) != NULL)
		(void)sweep(region, at_once, &made);
	if (gc->sweep_region == 0)
		sweep_end(gc);
	/* A tick may have left garbage of parked caches to drain. */
	return ticked || gc->sweep_region != 0 ? GC_WORKED : GC_IDLE;
}

void tide_gc_collect_all(struct tide_heap *heap)
{
	struct tide_cache *cache = tide_cache_all(heap);
	empty_parked(heap);
	for (; cache != NULL; cache = cache->all_next)
		(void)tide_cache_take_stashes(cache, true, tide_gc_slab_take_over);
	while (tide_gc_drain_strays(heap) == GC_WORKED ||
	       tide_gc_drain_all(heap, 64, UINT32_MAX) > 0)
		continue;
	tide_gc_empty_queues(heap);
}

size_t tide_gc_release_all(struct tide_heap *heap)
{
	struct gc *gc = &heap->gc;
	unsigned calls = 0;
	tide_gc_collect_all(heap);
	uint64_t before = tide_load_relaxed(&gc->count.returned_bytes);
	struct tide_region *region;
	sweep_start(gc);
	while ((region = sweep_next(heap)) != NULL)
		(void)sweep(region, true, &calls);
	sweep_end(gc);
	size_t large_bytes = tide_large_trim(0);
	tide_count_owned(&gc->count.returned_bytes, (uint64_t)large_bytes);
	return tide_load_relaxed(&gc->count.returned_bytes) - before;
}

/* What is free and holds memory, in whole chunks and large blocks. */
static uint64_t dirty_bytes(struct gc *gc)
{
	return tide_load_relaxed(&gc->dirty_pages) * TIDE_PAGE_BYTES +
	       tide_large_cached_bytes_racy();
}

uint64_t tide_gc_retain_bytes(struct tide_heap *heap)
{
	uint64_t base = retain_base(heap);
	return heap == &tide_heap_default ? tide_regret_retain(base) : base;
}

TIDE_USUAL void tide_gc_release_excess(struct tide_heap *heap)
{
	struct gc *gc = &heap->gc;
	uint64_t bound = tide_gc_retain_bytes(heap);
	if (gc->sweep_region == 0) {
		/* Of what was freed inside slabs only a sweep can tell how much is whole pages. */
		uint64_t slab_bytes = gc->slab_fresh_bytes > 0 ? (uint64_t)gc->slab_fresh_bytes : 0;
		/* A part is left for what lies about in bins and half-free pages. Queues hold up
		 * to a quarter (refill.c). */
		uint64_t free_bytes = dirty_bytes(gc) + slab_bytes;
		if (free_bytes <= bound / 16 * 7 ||
		    free_bytes + tide_gc_queued_bytes(heap) <= bound / 16 * 11)
			return;
		sweep_start(gc);
		gc->sweep_slabs = slab_bytes > bound / 4;
		tide_gc_empty_queues(heap);
		size_t bytes = tide_large_trim(bound / 2);
		tide_gc_gave(heap, bytes);
		tide_count_owned(&gc->count.returned_bytes, (uint64_t)bytes);
	}
	unsigned calls = 0;
	struct tide_region *region;
	while (calls < EXCESS_CALLS && (region = sweep_next(heap)) != NULL) {
		tide_gc_gave(heap, sweep(region, true, &calls));
		/* The oldest chunks may stay, once enough of the youngest are gone. */
		if (!gc->sweep_slabs && gc->sweep_region != 0 && dirty_bytes(gc) <= bound / 2) {
			gc->sweep_region = 0; /* cut short: what it counted is of no use */
			return;
		}
	}
	if (gc->sweep_region == 0)
		sweep_end(gc);
}
