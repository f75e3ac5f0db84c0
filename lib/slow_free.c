#include "slow.h"

#include "block.h"
#include "check.h"
#include "checked.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "guard.h"
#include "heap.h"
#include "hit.h"
#include "options.h"
#include "pool.h"
#include "profiled.h"
#include "seat.h"
#include "slab.h"
#include "start.h"

/* The bin that free fills, made if there is none: the ready bin, or in profile mode that for
 * returns. */
static TIDE_USUAL struct tide_bin *ready_bin(struct tide_cache *cache, unsigned cls)
{
	unsigned place = tide_pagemap_place(cls);
	if (cache->ready[place] == NULL) {
		struct tide_bin *bin = tide_bin_new(cls, tide_cache_capacity(cache, cls));
		if (bin == NULL)
			return NULL;
		tide_cache_install_at(cache, place, bin);
	}
	return cache->ready[place];
}

/* A processor's second-level cache, a small one: a class that is in it whole stays as it is. */
#define SORT_FROM_BYTES (256u << 10)

/* Whether a bin of a thread that is alone is to go past the queue. Out of the free sets blocks come
 * side by side, out of a queue as they were freed, and in worse order with each round: of a tree
 * that is dropped and built again and again, every third node lay away from the one before; in a
 * Lua program whose collector frees 20 MiB again and again, a third lay in another page. The cache
 * is missed as often (cachegrind), but such misses can't be prefetched: walking the tree took three
 * times as long, all of the Lua program 1.4 times. Up to the nominal level a queue is as good, and
 * 35 instructions a block cheaper.
 *
 * Not where there are other threads: the free sets are one at a time's, and who finds another there
 * carves. Sorted there, too, the same Lua program took 0.75 of the time, but producers and
 * consumers up to 2.7 times theirs, and trees of four threads three times the memory. */
static bool is_to_sort(struct tide_heap *heap, unsigned cls)
{
	return cls <= TIDE_STASH_LAST &&
	       tide_queue_blocks_racy(&heap->queues, cls) >= tide_queue_first_level(cls) &&
	       tide_heap_blocks_racy(heap, cls) * tide_class_bytes(cls) >= SORT_FROM_BYTES;
}

/* Straight to the free sets: while the thread that frees is alone, nobody is in its way there, and
 * the bin is in its cache still. False: somebody is the GC. */
static bool put_now(struct tide_cache *cache, struct tide_bin *bin)
{
	struct tide_cache_counts *counts = &cache->counts[bin->cls];
	uint64_t blocks = bin->count;
	if (!tide_gc_put(cache, bin))
		return false;
	tide_count_owned(&counts->to_garbage, 1u);
	tide_count_owned(&counts->garbage_blocks, blocks);
	tide_bin_recycle(bin);
	return true;
}

void tide_slow_give_away(struct tide_cache *cache, struct tide_bin *bin)
{
	struct tide_queues *queues = &cache->heap->queues;
	unsigned cls = bin->cls;
	uint64_t bytes = bin->count * (uint64_t)tide_class_bytes(cls);
	bool threaded = tide_gc_thread_runs();
	bool alone = !threaded && tide_cache_threads_racy(cache->heap) == 1;
	struct tide_cache_counts *counts = &cache->counts[cls];
	if (cls <= TIDE_STASH_LAST && cache->has_pending)
		tide_stash_gave(&cache->stash[cls], bin->count);
	tide_budget_blocks_out(&cache->heap->budget, bin->count, tide_class_bytes(cls));
	bool sort = alone && is_to_sort(cache->heap, cls);
	bool room = !sort && tide_queue_has_room(queues, cls);
	if (room) {
		tide_count_owned(&counts->to_queue, 1u);
		tide_queue_push(queues, bin);
		tide_doorbell_ring(false);
		return;
	}
	if (!sort)
		tide_cache_spilled(cache, cls);
	if (alone && put_now(cache, bin)) {
		tide_slow_want_gc_thread(cache);
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

/* While there is a GC thread, which takes over what is kept for nothing; and not where each block
 * is counted against a limit, looked at, or made zero. */
static bool may_stash(const struct tide_cache *cache, unsigned cls)
{
	return cls <= TIDE_STASH_LAST && cache->has_pending && cache->heap == &tide_heap_default &&
	       tide_gc_thread_runs() && !tide_budget_is_on(&cache->heap->budget) &&
	       !tide_start_checked() && tide_option(TIDE_OPTION_ZERO) == 0;
}

void tide_slow_took(struct tide_cache *cache, unsigned cls, unsigned blocks)
{
	if (!may_stash(cache, cls))
		return;
	size_t most_bytes = (size_t)tide_option(TIDE_OPTION_QUEUE_MAX_BYTES);
	tide_stash_took(&cache->stash[cls], blocks, (uint32_t)(most_bytes / tide_class_bytes(cls)));
}

bool tide_slow_unstash(struct tide_cache *cache, unsigned cls)
{
	if (cls > TIDE_STASH_LAST || !cache->has_pending)
		return false;
	struct tide_stash *stash = &cache->stash[cls];
	if (stash->blocks == 0)
		return false;
	struct tide_bin *bin = tide_cache_remove_ready(cache, cls);
	bin = tide_bin_fit(bin, cls, tide_cache_capacity(cache, cls));
	if (bin == NULL)
		return false;
	tide_bin_set_capacity(bin, tide_cache_capacity(cache, cls));
	unsigned taken = tide_stash_take(stash, bin);
	tide_cache_install(cache, bin);
	return taken > 0;
}

/* Of the blocks that a bin has still, those that are free already: freed twice. */
static TIDE_COLD void drop_free(struct tide_bin *bin)
{
	for (unsigned at = bin->count; at-- > 0;) {
		void *block = bin->slot[TIDE_BIN_BASE + at];
		if (!tide_slab_is_free(block, bin->cls))
			continue;
		tide_bin_drop(bin, at);
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, bin->cls,
		                  tide_class_bytes(bin->cls));
	}
}

/* Of each class for each thread, half of a processor's first-level cache. */
#define STASH_FROM_BYTES (16u << 10)

/* Keep the blocks of a full bin, which has the others afterwards. What is in the processors'
 * first-level caches goes to the queue whole instead, which is 30 instructions a block cheaper.
 *
 * Through queues and common free sets threads get each other's blocks now and then, a few bins in
 * ten thousand, until each page has blocks of several: and then processors that read ahead take
 * lines from each other. Two threads that each allocate and free 2,700 blocks of 64 bytes again and
 * again took twice the time with 256 KiB here, and 4,000 of up to 16 bytes twice with 32, where a
 * line takes 160 ns from one processor to the other. Threads that free each other's blocks of 20
 * classes take 1.1 times as long as with 256 KiB. */
static void stash(struct tide_cache *cache, struct tide_bin *bin)
{
	unsigned cls = bin->cls;
	if (!may_stash(cache, cls))
		return;
	uint64_t threads = tide_cache_threads_racy(cache->heap);
	uint64_t bytes = tide_heap_blocks_racy(cache->heap, cls) * tide_class_bytes(cls);
	if (bytes < STASH_FROM_BYTES * threads)
		return;
	if (TIDE_UNLIKELY(tide_stash_put(&cache->stash[cls], bin) > 0))
		drop_free(bin);
}

/* A block that was freed twice with others between goes round in the thread's own bins unseen, and
 * with a bin to other threads, past the GC. So one full bin in so many is looked into. A look costs
 * 13 instructions a block (callgrind), 1,700 for a bin of 128: into each, and a thread that frees
 * what it does not allocate again would spend 6 % more; into one in eight, and it is 1 %. */
#define FULLS_PER_LOOK 8

static TIDE_NOINLINE void look_into(struct tide_bin *bin)
{
	unsigned cls = bin->cls;
	unsigned at;
	while (TIDE_UNLIKELY((at = tide_bin_find_double(bin)) < bin->count)) {
		void *block = bin->slot[TIDE_BIN_BASE + at];
		tide_bin_drop(bin, at);
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "free", block, cls, tide_class_bytes(cls));
	}
}

/* Room in the ready bin. False: no memory for a bin. */
static bool make_room(struct tide_cache *cache, unsigned cls)
{
	unsigned place = tide_pagemap_place(cls);
	if (cache->ready[place] == NULL)
		return ready_bin(cache, cls) != NULL;
	struct tide_bin *pending = tide_cache_pending(cache, cls);
	if (pending != NULL && pending->count > 0)
		stash(cache, pending);
	bool swaps = pending != NULL && pending->count == 0;
	if (swaps) /* nobody is to find it where it goes away from */
		cache->pending[cls] = NULL;
	struct tide_bin *empty =
	    tide_bin_fit(swaps ? pending : NULL, cls, tide_cache_capacity(cache, cls));
	if (empty == NULL)
		return false;
	struct tide_bin *full = tide_cache_remove_ready(cache, place);
	if (TIDE_UNLIKELY(++cache->fulls % FULLS_PER_LOOK == 0))
		look_into(full);
	if (cache->has_pending) {
		cache->pending[cls] =
		    full; /* before the one it replaces is anywhere else: see bin.h */
		if (swaps)
			tide_count_owned(&cache->counts[cls].swaps, 1u);
		full = swaps ? NULL : pending;
		tide_cache_note_pending(cache);
		tide_doorbell_ring(false); /* the GC takes what an idle thread keeps */
	}
	if (full != NULL)
		tide_slow_give_away(cache, full);
	tide_cache_install_at(cache, place, empty);
	return true;
}

/* The first block that this thread frees of a class of which it had none: another's, who may be
 * writing to its neighbours in the cache line. Reused at once, each write would take the line from
 * the other (passive false sharing: Berger, McKinley, Blumofe and Wilson, ASPLOS 2000); so it goes
 * under blocks of this thread's own. Not where they would have to be paid for. */
static bool belongs_under_own(const struct tide_cache *cache, unsigned cls)
{
	return cache->ready[cls] == NULL && tide_class_bytes(cls) < TIDE_CACHE_LINE_BYTES &&
	       !tide_sample_on() && !tide_budget_is_on(&cache->heap->budget);
}

/* False: it could not. */
static bool put_under_own(struct tide_cache *cache, void *block, unsigned cls)
{
	if (!tide_slow_refill(cache, cls))
		return false;
	struct tide_bin *bin = tide_cache_remove_ready(cache, cls);
	bool fits = bin->count < bin->slots;
	if (fits) {
		void *lowest = bin->slot[TIDE_BIN_BASE];
		bin->slot[TIDE_BIN_BASE] = block;
		tide_bin_add(bin, lowest);
		tide_hit_count(&cache->frees[cls]);
	}
	tide_cache_install(cache, bin);
	/* No room for more: the next free comes this way, too, and sees if it is the same block. */
	if (fits)
		tide_bin_set_capacity(bin, bin->count);
	return fits;
}

/* False: no memory for a bin. */
static bool small_free(struct tide_cache *cache, void *block, unsigned cls)
{
	bool checked = tide_start_checked();
	if (TIDE_UNLIKELY(checked))
		tide_slow_unshelve(cache, cls);
	else if (belongs_under_own(cache, cls) && put_under_own(cache, block, cls))
		return true;
	unsigned place = tide_pagemap_place(cls);
	if (cache->top[place][1] == TIDE_BIN_FULL && !make_room(cache, cls))
		return false;
	(void)tide_hit_push(cache, place, block);
	if (TIDE_UNLIKELY(checked))
		tide_slow_shelve(cache, cls);
	return true;
}

/* A medium class gets a ready bin at its first free; what does not fit in goes to the pool. */
static bool medium_free(struct tide_cache *cache, void *block, unsigned cls, const char *function)
{
	unsigned place = tide_pagemap_place(cls);
	if (tide_class_bytes(cls) <= TIDE_POOL_ONLY_BYTES && cache->ready[place] == NULL &&
	    !tide_start_checked())
		(void)ready_bin(cache, cls);
	return tide_hit_push(cache, place, block) || tide_pool_free(cache, block, cls, function);
}

static TIDE_USUAL void class_put(struct tide_cache *cache, void *block, unsigned cls,
                                 const char *function)
{
	/* Seen here for certain; in the hit case, at the next malloc. */
	if (tide_cache_is_at_an_end(cache, block, cls)) {
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

/* Checked mode: what is freed for good instead is another block, or none. */
static TIDE_COLD void class_free_checked(struct tide_cache *cache, void *block, unsigned cls,
                                         const char *function)
{
	if (!tide_checked_free(block, cls, function))
		return;
	if (tide_checked_full() && cache->heap == &tide_heap_default)
		block = tide_checked_park(block, cls, &cls);
	if (block != NULL)
		class_put(cache, block, cls, function);
}

static void class_free(struct tide_cache *cache, void *block, unsigned cls, const char *function)
{
	if (TIDE_UNLIKELY(tide_start_checked()))
		class_free_checked(cache, block, cls, function);
	else
		class_put(cache, block, cls, function);
}

bool tide_slow_release_parked(struct tide_cache *cache)
{
	unsigned cls;
	void *block;
	bool any = false;
	while ((block = tide_checked_unpark(&cls)) != NULL) {
		class_put(cache, block, cls, "free");
		any = true;
	}
	return any;
}

/* Jumped to, so that the frame below is the program's. */
static TIDE_NOINLINE void free_guarded(void *block, const char *function)
{
	tide_guard_free(block, function, __builtin_frame_address(0));
}

static TIDE_COLD void large_free(void *block, const char *function)
{
	size_t has_bytes = tide_large_bytes(block);
	size_t bytes;
	if (tide_start_checked() && tide_checked_full() && has_bytes != 0 &&
	    !tide_checked_is_sealed(block, has_bytes, &bytes))
		tide_fatal_misuse(TIDE_MISUSE_OVERRUN, function, block, 0, has_bytes);
	if (!tide_large_free(block))
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, 0, 0);
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

/* Of a block of class `cls` by its page, as far as the page map's window says. */
static TIDE_USUAL TIDE_NOINLINE void free_any(void *block, unsigned cls, const char *function)
{
	if (block == NULL)
		return;
	if (tide_guard_owns(block)) {
		free_guarded(block, function);
		return;
	}
	struct tide_cache *cache = tide_slow_self(); /* first of all: it reads the options */
	struct tide_heap *heap = &tide_heap_default;
	if (TIDE_UNLIKELY(cls - TIDE_CLASS_SMALL_FIRST > TIDE_CLASS_MEDIUM_LAST - 1u))
		cls = tide_block_class(block, function, &heap);
	if (cls == TIDE_CLASS_NONE)
		return;
	if (tide_sample_on())
		tide_profiled_free(heap, block, cls);
	if (cls == TIDE_CLASS_LARGE) {
		if (cache != NULL)
			tide_slow_want_gc_thread(cache);
		large_free(block, function);
		return;
	}
	if (TIDE_UNLIKELY(heap != &tide_heap_default))
		cache = tide_seat_take(heap);
	if (TIDE_LIKELY(cache != NULL))
		class_free(cache, block, cls, function);
	else
		free_without_cache(heap, block, cls);
}

TIDE_USUAL void tide_free_slow(void *block, const char *function)
{
	unsigned cls = tide_pagemap_class_of_place((unsigned)tide_hit_class(block));
	if (!tide_class_is_medium(cls) || !tide_pool_free_hit(block, cls))
		free_any(block, cls, function);
}
