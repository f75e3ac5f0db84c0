#include "cache.h"

#include "check.h"
#include "heap.h"
#include "meta.h"
#include "object.h"
#include "options.h"
#include "pagemap.h"
#include "yield.h"

/* The bin that is empty and full at once: under it two NULLs, above it FULL. */
static void *const none_slots[3] = { NULL, NULL, TIDE_BIN_FULL };
#define NONE_TOP ((void **)(uintptr_t)&none_slots[1])

#define NONE_4 NONE_TOP, NONE_TOP, NONE_TOP, NONE_TOP
#define NONE_16 NONE_4, NONE_4, NONE_4, NONE_4
#define NONE_64 NONE_16, NONE_16, NONE_16, NONE_16
static_assert(TIDE_PLACES == 3 * 64 + 2 * 16 + 3 * 4 + 1, "cache: one entry for each place");

/* Writable only so that its type needs no const; nothing ever writes to it. */
struct tide_no_cache tide_cache_of_none = {
	.top = { NONE_64, NONE_64, NONE_64, NONE_16, NONE_16, NONE_4, NONE_4, NONE_4, NONE_TOP },
};
TIDE_THREAD_LOCAL struct tide_cache *tide_cache_self = TIDE_CACHE_NONE;
TIDE_THREAD_LOCAL bool tide_cache_is_of_gc;

#define MISSES_TO_GROW 4
#define SPILLS_TO_SHRINK 8

static struct tide_cache *make(struct tide_heap *heap)
{
	struct tide_cache *cache = tide_meta_alloc(sizeof *cache);
	struct tide_bin *first = cache != NULL ? tide_bin_new(TIDE_CLASS_NONE, 0) : NULL;
	if (first == NULL)
		return NULL;
	cache->heap = heap;
	if (heap == &tide_heap_default)
		cache->lane = tide_lane_next();
	tide_garbage_init(&cache->garbage, first);
	for (unsigned place = 0; place < TIDE_PLACES; place++)
		cache->top[place] = NONE_TOP;

	cache->all_next = tide_load_relaxed(&heap->roster.all);
	TIDE_YIELD("cache.roster");
	while (!tide_cas_release(&heap->roster.all, &cache->all_next, cache)) /* cache.roster */
		continue;
	return cache;
}

TIDE_USUAL struct tide_cache *tide_cache_unpark(struct tide_heap *heap, uint32_t thread_id)
{
	struct tide_cache *cache = tide_cache_take_parked(heap);
	if (cache == NULL)
		cache = make(heap);
	if (cache == NULL)
		return NULL;
	const struct tide_pagemap_window *near = tide_pagemap_near();
	cache->near_base = near->base;
	cache->near_pages = near->pages;
	cache->near_map = near->map;
	/* Of an owner that vanished. */
	for (; cache->seats_used > 0; cache->seats_used--)
		cache->seats[cache->seats_used - 1].cache = NULL;
	cache->in_slow = cache->has_pending = false;
	tide_store_relaxed(&cache->used, true);
	TIDE_YIELD("cache.unpark");
	uint64_t generation = (tide_load_relaxed(&cache->owner) >> 32) + 1;
	tide_store_relaxed(&cache->owner, generation << 32 | thread_id);
	TIDE_YIELD("cache.owned");
	(void)tide_add_relaxed(&heap->roster.threads, 1u);
	return cache;
}

void tide_cache_park(struct tide_cache *cache)
{
	uint64_t owner = tide_load_relaxed(&cache->owner);
	if (tide_cache_thread_id(owner) != 0)
		(void)tide_sub_relaxed(&cache->heap->roster.threads, 1u);
	tide_store_relaxed(&cache->owner, owner & ~(uint64_t)UINT32_MAX);
	TIDE_YIELD("cache.park");
	tide_stack_push(&cache->heap->roster.parked, &cache->node);
}

bool tide_cache_park_of(struct tide_cache *cache, uint64_t owner)
{
	TIDE_YIELD("cache.depart");
	if (tide_cache_thread_id(owner) == 0 ||
	    !tide_cas_acq_rel(&cache->owner, &owner,
	                      owner & ~(uint64_t)UINT32_MAX)) /* cache.depart */
		return false;
	TIDE_YIELD("cache.departed");
	(void)tide_sub_relaxed(&cache->heap->roster.threads, 1u);
	tide_stack_push(&cache->heap->roster.parked, &cache->node);
	return true;
}

/* A thread that vanished in the middle of an operation (fork leaves such) may have left the two
 * ends of a bin apart. What can't be trusted is let go: a few blocks are lost, none is handed out
 * twice. What is whole, nearly all, is not written to: a child of fork would have to copy it. */
static struct tide_bin *repair_ready(struct tide_cache *cache, unsigned place)
{
	struct tide_bin *ready = cache->ready[place];
	uintptr_t at = (uintptr_t)cache->top[place];
	if (ready == NULL && cache->top[place] == NONE_TOP)
		return NULL;
	if (ready != NULL && (at < (uintptr_t)&ready->slot[TIDE_BIN_BASE - 1] ||
	                      at > (uintptr_t)&ready->slot[TIDE_BIN_BASE + ready->slots - 1]))
		ready = NULL;
	if (ready != NULL) {
		unsigned count = (unsigned)(cache->top[place] - &ready->slot[TIDE_BIN_BASE - 1]);
		if (tide_bin_is_whole(ready, count))
			return ready;
		ready->count = (uint8_t)count;
		tide_bin_repair(ready);
	}
	cache->ready[place] = ready;
	cache->top[place] = ready != NULL ? tide_bin_top(ready) : NONE_TOP;
	return ready;
}

/* Those of medium classes are as wide as the pool's, and not full: pool.c adds to them, and must
 * stay below the mark. */
static void repair_pending(struct tide_bin *pending)
{
	bool small = tide_class_is_small(pending->cls);
	bool wide =
	    small || (pending->mark >= TIDE_POOL_BIN_BLOCKS && pending->count < pending->mark);
	if (wide && tide_bin_is_whole(pending, pending->count))
		return;
	if (!small && pending->count >= pending->slots)
		pending->count = (uint8_t)(pending->slots - 1);
	tide_bin_repair(pending);
	tide_bin_set_capacity(pending, TIDE_BIN_SLOTS);
}

static void repair(struct tide_cache *cache, unsigned cls)
{
	struct tide_bin *ready = repair_ready(cache, cls);
	struct tide_bin *returns = NULL;
	struct tide_bin *pending = cache->pending[cls];
	unsigned place = tide_pagemap_place(cls);
	if (place != cls && ready != NULL && cache->ready[place] == ready) {
		cache->ready[place] = NULL; /* between the two when they swap */
		cache->top[place] = NONE_TOP;
	} else if (place != cls) {
		returns = repair_ready(cache, place);
	}
	if (pending == NULL)
		return;
	if (pending == ready || pending == returns)
		cache->pending[cls] = NULL;
	else
		repair_pending(pending);
}

/* Park a cache as its owner left it. */
static void park_left(struct tide_cache *cache)
{
	tide_garbage_repair(&cache->garbage);
	tide_store_relaxed(&cache->pending_taken, false); /* by its owner: we have the token */
	TIDE_YIELD("cache.adopted");
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++)
		repair(cache, cls);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_STASH_LAST; cls++)
		tide_stash_repair(&cache->stash[cls]);
	tide_object_table_repair(tide_load_relaxed(&cache->objects));
	tide_stack_push(&cache->heap->roster.parked, &cache->node);
}

bool tide_cache_adopt(struct tide_cache *cache, uint64_t owner)
{
	TIDE_YIELD("cache.adopt");
	if (!tide_cas_acquire(&cache->owner, &owner, owner & ~(uint64_t)UINT32_MAX))
		return false;
	(void)tide_sub_relaxed(&cache->heap->roster.threads, 1u);
	park_left(cache);
	return true;
}

bool tide_cache_adopt_all(struct tide_heap *heap, struct tide_cache *survivor, uint32_t thread_id)
{
	struct tide_cache *cache = tide_cache_all(heap);
	uint32_t threads = 0; /* a survivor without a cache is none */
	bool others = false;
	if (!tide_stack_is_empty_racy(&heap->roster.parked))
		tide_stack_reset(&heap->roster.parked);
	for (; cache != NULL; cache = cache->all_next) {
		uint64_t owner = tide_load_relaxed(&cache->owner);
		uint64_t nobody = owner & ~(uint64_t)UINT32_MAX;
		if (cache == survivor) {
			tide_store_relaxed(&cache->owner, nobody | thread_id);
			threads = 1;
			continue;
		}
		others |= owner != nobody;
		tide_store_relaxed(&cache->owner, nobody);
		park_left(cache);
	}
	if (tide_load_relaxed(&heap->roster.threads) != threads)
		tide_store_relaxed(&heap->roster.threads, threads);
	return others;
}

struct tide_cache *tide_cache_take_parked(struct tide_heap *heap)
{
	return tide_cache_of_node(tide_stack_pop(&heap->roster.parked));
}

struct tide_cache *tide_cache_all(struct tide_heap *heap)
{
	return tide_load_acquire(&heap->roster.all); /* cache.roster */
}

uint32_t tide_cache_threads_racy(struct tide_heap *heap)
{
	return tide_load_relaxed(&heap->roster.threads);
}

TIDE_USUAL void tide_cache_install_at(struct tide_cache *cache, unsigned place,
                                      struct tide_bin *bin)
{
	for (unsigned i = 0; i < tide_bin_bytes(bin->slots); i += TIDE_CACHE_LINE_BYTES)
		__builtin_prefetch((const char *)bin + i, 1);
	tide_bin_set_capacity(bin, tide_cache_capacity(cache, bin->cls));
	cache->ready[place] = bin;
	cache->top[place] = tide_bin_top(bin);
}

void tide_cache_install(struct tide_cache *cache, struct tide_bin *bin)
{
	tide_cache_install_at(cache, bin->cls, bin);
}

struct tide_bin *tide_cache_remove_ready(struct tide_cache *cache, unsigned place)
{
	struct tide_bin *bin = cache->ready[place];
	if (bin == NULL)
		return NULL;
	bin->count = (uint8_t)(cache->top[place] - &bin->slot[TIDE_BIN_BASE - 1]);
	cache->ready[place] = NULL;
	cache->top[place] = NONE_TOP;
	return bin;
}

static bool bin_to_garbage(struct tide_cache *cache, struct tide_bin *bin)
{
	if (bin == NULL)
		return false;
	if (bin->count == 0) {
		tide_bin_recycle(bin);
		return false;
	}
	tide_budget_blocks_out(&cache->heap->budget, bin->count, tide_class_bytes(bin->cls));
	tide_count_owned(&cache->counts[bin->cls].to_garbage, 1u);
	tide_count_owned(&cache->counts[bin->cls].garbage_blocks, (uint64_t)bin->count);
	tide_garbage_publish(&cache->garbage, bin);
	return true;
}

/* In a slow call: a bin full out of the stash of the class; NULL: it is empty, or there is no
 * memory for a bin. */
static struct tide_bin *unstash(struct tide_cache *cache, unsigned cls)
{
	if (cls > TIDE_STASH_LAST || !cache->has_pending || cache->stash[cls].blocks == 0)
		return NULL;
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
	if (bin == NULL || tide_stash_take(&cache->stash[cls], bin) > 0)
		return bin;
	tide_bin_recycle(bin);
	return NULL;
}

bool tide_cache_empty(struct tide_cache *cache)
{
	bool any = false;
	tide_cache_slow_enter(cache);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tide_bin *pending = tide_cache_pending(cache, cls);
		if (pending != NULL)
			cache->pending[cls] = NULL; /* before it is anywhere else: see bin.h */
		/* What was counted down already goes unused. */
		if (cls <= TIDE_CLASS_BINNED_LAST && cache->countdown[cls] != 0)
			cache->countdown[cls] += (uint32_t)tide_cache_blocks_at(cache, cls);
		any |= bin_to_garbage(cache, tide_cache_remove_ready(cache, cls));
		if (tide_pagemap_place(cls) != cls)
			any |= bin_to_garbage(
			    cache, tide_cache_remove_ready(cache, tide_pagemap_place(cls)));
		any |= bin_to_garbage(cache, pending);
		while ((pending = unstash(cache, cls)) != NULL)
			any |= bin_to_garbage(cache, pending);
		if (cls <= TIDE_STASH_LAST && cache->has_pending) /* for the next owner */
			cache->stash[cls].most = cache->stash[cls].took = 0;
		cache->capacity[cls] = 0;
		tide_store_relaxed(&cache->binned[cls], 0);
	}
	if (cache->has_pending)
		cache->pool_bytes = 0;
	tide_object_table_empty(tide_load_relaxed(&cache->objects), true, cache->has_pending);
	tide_cache_slow_leave(cache);
	return any;
}

static void note_fewer(struct tide_cache *cache, unsigned cls, uint32_t blocks)
{
	uint32_t binned = tide_load_relaxed(&cache->binned[cls]);
	tide_budget_blocks_out(&cache->heap->budget, blocks, tide_class_bytes(cls));
	tide_store_relaxed(&cache->binned[cls], binned > blocks ? binned - blocks : 0);
}

/* Slabs that the GC takes over from a thread at a tick: it has the token meanwhile. */
#define SLABS_PER_TICK 2048u

/* With the pending bins in hand: all, or what was not needed, but no more than `most` slabs.
 * Returns how many. */
static unsigned take_stashes(struct tide_cache *cache, bool all, unsigned most,
                             void (*take_slab)(struct tide_slab *slab))
{
	unsigned slabs = 0;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_STASH_LAST && slabs < most; cls++) {
		struct tide_stash *stash = &cache->stash[cls];
		uint32_t before = stash->blocks;
		uint32_t due = all ? before : tide_stash_due(stash);
		if (due == 0)
			continue;
		slabs += tide_stash_take_slabs(stash, due, most - slabs, take_slab);
		if (all)
			tide_stash_less_room(stash, before - stash->blocks);
		note_fewer(cache, cls, before - stash->blocks);
	}
	return slabs;
}

bool tide_cache_take_stashes(struct tide_cache *cache, bool all,
                             void (*take_slab)(struct tide_slab *slab))
{
	TIDE_YIELD("cache.take_stashes");
	if (tide_swap_acq_rel(&cache->pending_taken, true)) /* cache.pending */
		return false;
	unsigned slabs = take_stashes(cache, all, all ? UINT32_MAX : SLABS_PER_TICK, take_slab);
	tide_store_release(&cache->pending_taken, false); /* cache.pending */
	return slabs > 0;
}

bool tide_cache_take_idle(struct tide_cache *cache,
                          void (*take)(struct tide_heap *heap, struct tide_bin *bin),
                          void (*take_slab)(struct tide_slab *slab))
{
	uint32_t calls = tide_load_relaxed(&cache->slow_calls);
	bool idle = calls == cache->calls_at_tick;
	cache->calls_at_tick = calls;
	if (!idle || calls == cache->calls_at_take)
		return false;
	TIDE_YIELD("cache.take");
	if (tide_swap_acq_rel(&cache->pending_taken, true)) /* cache.pending */
		return false;
	unsigned slabs = take_stashes(cache, true, SLABS_PER_TICK, take_slab);
	bool any = slabs > 0;
	if (slabs < SLABS_PER_TICK) { /* else there is more at the next tick */
		cache->calls_at_take = calls;
		cache->noted = false;
	}
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tide_bin *bin = cache->pending[cls];
		if (bin == NULL || bin->count == 0)
			continue;
		note_fewer(cache, cls, bin->count);
		take(cache->heap, bin);
		any = true;
	}
	cache->pool_bytes = 0;
	tide_object_table_empty(tide_load_acquire(&cache->objects), false, true);
	TIDE_YIELD("cache.give_back");
	tide_store_release(&cache->pending_taken, false); /* cache.pending */
	return any;
}

static TIDE_USUAL unsigned capacity_limit(unsigned cls)
{
	size_t limit = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES) / tide_class_bytes(cls);
	size_t most = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BLOCKS);
	if (limit > most)
		limit = most;
	return limit > 0 ? (unsigned)limit : 1;
}

static unsigned capacity_start(unsigned cls)
{
	unsigned limit = capacity_limit(cls);
	unsigned start = (unsigned)tide_option(TIDE_OPTION_BIN_BLOCKS);
	return start < limit ? start : limit;
}

unsigned tide_cache_capacity(struct tide_cache *cache, unsigned cls)
{
	if (cache->capacity[cls] == 0)
		cache->capacity[cls] = (uint8_t)capacity_start(cls);
	return cache->capacity[cls];
}

TIDE_USUAL void tide_cache_missed(struct tide_cache *cache, unsigned cls)
{
	cache->spills[cls] = 0;
	if (++cache->misses[cls] < MISSES_TO_GROW)
		return;
	unsigned limit = capacity_limit(cls);
	unsigned twice = 2 * tide_cache_capacity(cache, cls);
	cache->capacity[cls] = (uint8_t)(twice < limit ? twice : limit);
	cache->misses[cls] = 0;
}

void tide_cache_spilled(struct tide_cache *cache, unsigned cls)
{
	/* Only frees for long: the thread is letting go, so its bins need not stay large. */
	if (++cache->spills[cls] < SPILLS_TO_SHRINK)
		return;
	cache->capacity[cls] = (uint8_t)capacity_start(cls);
	cache->spills[cls] = 0;
	cache->misses[cls] = 0;
}

unsigned tide_cache_blocks(const struct tide_cache *cache, unsigned cls)
{
	unsigned blocks = (unsigned)tide_cache_blocks_at(cache, cls);
	if (tide_pagemap_place(cls) != cls)
		blocks += (unsigned)tide_cache_blocks_at(cache, tide_pagemap_place(cls));
	if (cache->pending[cls] != NULL)
		blocks += cache->pending[cls]->count;
	if (cls <= TIDE_STASH_LAST)
		blocks += cache->stash[cls].blocks;
	return blocks;
}

bool tide_cache_is_valid(const struct tide_cache *cache)
{
	for (unsigned place = 0; place < TIDE_PLACES; place++) {
		const struct tide_bin *ready = cache->ready[place];
		if (ready == NULL && cache->top[place] != NONE_TOP)
			return false;
		if (ready != NULL &&
		    (ready->cls != tide_pagemap_class_of_place(place) ||
		     !tide_bin_is_valid_with(ready, tide_cache_blocks_at(cache, place))))
			return false;
	}
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		const struct tide_bin *pending = cache->pending[cls];
		if (pending != NULL && (pending->cls != cls || !tide_bin_is_valid(pending)))
			return false;
		if (cls <= TIDE_STASH_LAST && !tide_stash_is_valid(&cache->stash[cls]))
			return false;
	}
	return true;
}
