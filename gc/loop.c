/* The cycle of the GC.
 *
 *   1. drain    every garbage bin: small blocks set bits, medium chunks merge      drain.c
 *   2. refill   the queues that readers found empty; adapt the levels              refill.c
 *   3. release  what was free for long enough goes back to the system              release.c
 *   4. rest     when a whole round was idle: nap or park                           thread.c
 *
 * and between 3 and 4, without the token since the program's destructors run, what object caches
 * have too much of (lib/object_drain.c). Where a container is short of memory the GC thread
 * releases all at once (container.c).
 *
 * A step does a bounded share of 1 to 3 under the token. The GC thread does step after step, and
 * lets go of the token in between so that a thread that misses can get at its class's free blocks;
 * a thread that misses does the part of a step that serves it (refill_inline), and when the process
 * has no GC thread, the rest of the step as well, a little at a time.
 */
#include "step.h"

#include "check.h"
#include "large.h"
#include "object.h"
#include "options.h"
#include "token.h"
#include "trace.h"

/* Bins drained in one step. The token is held that long, about 5 us for bins of 128 blocks. */
#define BINS_PER_STEP 4
/* Caches an inline step looks into, besides its own, so that a process of thousands of threads does
 * not make one miss pay for all of them. */
#define CACHES_PER_INLINE_STEP 8
/* System calls of a sweep in one step. */
#define CALLS_PER_STEP 16
/* How often a thread that misses looks whether the token is free, on x86 for some us, and how long
 * it then sleeps, once: as short as the system's timers allow, some 50 us. */
#define TOKEN_LOOKS (TIDE_INTERLEAVE ? 1 : 128)
#define TOKEN_WAIT_NS 1000u
/* How long a thread at the limit waits for the token. */
#define RECLAIM_WAIT_NS 10000000u
/* Every so many inline steps of a process without GC thread, one looks at the clock. */
#define INLINE_STEPS_PER_TICK_CHECK 64

static TIDE_USUAL void count_step(struct gc *gc, bool inline_step)
{
	tide_count_owned(&gc->count.cycles, 1u);
	if (inline_step)
		tide_count_owned(&gc->count.inline_steps, 1u);
}

/* What the GC thread would do, for a process that has none. */
static void stand_in(struct tide_cache *cache)
{
	tide_gc_release_excess(cache->heap);
	if (cache->help_countdown-- == 0) {
		cache->help_countdown = INLINE_STEPS_PER_TICK_CHECK;
		(void)tide_gc_refill_queues(cache->heap);
		(void)tide_gc_release_step(cache->heap, CALLS_PER_STEP);
	}
}

/* Garbage of the cache, and of others if it has little. */
static TIDE_USUAL void drain_some(struct tide_cache *cache)
{
	(void)tide_gc_drain_strays(cache->heap);
	unsigned drained = tide_gc_drain_cache(cache, BINS_PER_STEP);
	if (drained < BINS_PER_STEP)
		(void)tide_gc_drain_all(cache->heap, BINS_PER_STEP - drained,
		                        CACHES_PER_INLINE_STEP);
}

/* Of blocks out of the free sets, which the caller is about to write to. */
static void prefetch_blocks(const struct tide_bin *bin)
{
	uintptr_t bytes = tide_class_bytes(bin->cls);
	void *const *slot = &bin->slot[TIDE_BIN_BASE];
	uintptr_t lowest = (uintptr_t)slot[bin->count - 1];
	uintptr_t highest = (uintptr_t)slot[0];
	if (bytes < TIDE_CACHE_LINE_BYTES && highest - lowest == (bin->count - 1u) * bytes) {
		uintptr_t line = lowest - lowest % TIDE_CACHE_LINE_BYTES;
		for (; line <= highest; line += TIDE_CACHE_LINE_BYTES)
			__builtin_prefetch((const void *)line, 1);
		return;
	}
	for (unsigned i = 0; i < bin->count; i++)
		__builtin_prefetch(slot[i], 1);
}

/* Whether enough is free that fresh memory would be a waste: an eighth of the heap. */
static bool is_plenty_free(struct tide_heap *heap)
{
	return tide_load_relaxed(&heap->gc.count.free_set_bytes) >
	       tide_region_mapped_bytes_racy(&heap->regions) / 8;
}

/* The token for who misses in a class. Of a medium one fresh memory is page faults by the dozen,
 * and with the token's holder off its processor for some ms, threads that carve meanwhile can take
 * many times what they need (2 and 4 threads with 256 blocks of 128 to 256 KiB each, replaced at
 * random: 2.5 and 3.8 times mimalloc's memory; with looks alone 1.0 and 1.2, with both 1.0). So a
 * few looks, and the processor to who may be waiting for it; never longer: the holder may stand
 * still. (By a futex: sched_yield is none of the calls that tide.h names for filters.) */
static bool token_for(struct tide_heap *heap, unsigned cls)
{
	if (tide_token_try())
		return true;
	if (tide_class_is_small(cls) || !is_plenty_free(heap))
		return false;
	for (int looks = 0; looks < TOKEN_LOOKS; looks++) {
		tide_spin_pause();
		if (tide_token_try())
			return true;
	}
	tide_os_futex_wait(&tide_token, TIDE_TOKEN_HELD, TOKEN_WAIT_NS);
	return tide_token_try();
}

TIDE_USUAL unsigned tide_gc_refill_inline(struct tide_cache *cache, struct tide_bin *bin,
                                          unsigned want)
{
	if (!token_for(cache->heap, bin->cls))
		return 0;
	uint64_t begin_ns = tide_trace_begin();
	drain_some(cache);
	unsigned taken = tide_gc_refill_bin(cache->heap, bin, want);
	if (taken > 0 && tide_class_is_small(bin->cls))
		prefetch_blocks(bin);
	tide_gc_queue_grow(cache->heap, bin->cls);
	if (!tide_gc_thread_runs())
		stand_in(cache);
	count_step(&cache->heap->gc, true);
	TIDE_TRACE_SPAN(inline_step, TIDE_TRACE_INLINE, begin_ns, bin->cls, taken);
	tide_token_release();
	return taken;
}

bool tide_gc_help(struct tide_cache *cache)
{
	if (!tide_token_try())
		return false;
	uint64_t begin_ns = tide_trace_begin();
	(void)tide_gc_drain_strays(cache->heap);
	unsigned drained = tide_gc_drain_cache(cache, BINS_PER_STEP);
	if (!tide_gc_thread_runs())
		stand_in(cache);
	count_step(&cache->heap->gc, true);
	TIDE_TRACE_SPAN(help, TIDE_TRACE_HELP, begin_ns, drained, 0);
	tide_token_release();
	return true;
}

bool tide_gc_put(struct tide_cache *cache, struct tide_bin *bin)
{
	struct tide_heap *heap = cache->heap;
	if (!tide_token_try())
		return false;
	tide_count_owned(&heap->gc.by_class[bin->cls].garbage_drained, (uint64_t)bin->count);
	TIDE_YIELD("gc.put");
	tide_gc_drain_bin(heap, bin);
	TIDE_TRACE_EVENT(drain, TIDE_TRACE_DRAIN, 1u, 0);
	if (++heap->gc.put_bins % BINS_PER_STEP == 0) {
		drain_some(cache); /* of before, when the thread was not alone */
		stand_in(cache);
		count_step(&heap->gc, true);
	}
	tide_token_release();
	return true;
}

static bool step(struct tide_heap *heap)
{
	bool worked = tide_gc_drain_strays(heap) == GC_WORKED;
	worked |= tide_gc_drain_all(heap, BINS_PER_STEP, UINT32_MAX) > 0;
	worked |= tide_gc_refill_queues(heap) == GC_WORKED;
	worked |= tide_gc_release_step(heap, CALLS_PER_STEP) == GC_WORKED;
	if (worked)
		count_step(&heap->gc, false);
	return worked;
}

int tide_gc_step_once(void)
{
	bool worked = false;
	for (struct tide_heap *heap = &tide_heap_default; heap != NULL;
	     heap = tide_heap_next(heap)) {
		if (!tide_token_try())
			return -1;
		/* Live still, now that nobody can destroy it. */
		if (heap == &tide_heap_default || tide_load_relaxed(&heap->live))
			worked |= step(heap);
		tide_token_release();
	}
	/* Without the token: destructors are the program's code. */
	worked |= tide_object_step_all(tide_cache_is_of_gc);
	return worked;
}

size_t tide_gc_purge_all(void)
{
	if (!tide_gc_wait(0))
		return 0;
	size_t bytes = 0;
	for (struct tide_heap *heap = &tide_heap_default; heap != NULL; heap = tide_heap_next(heap))
		bytes += tide_gc_release_all(heap);
	count_step(&tide_heap_default.gc, false);
	tide_token_release();
	return bytes + tide_large_purge();
}

size_t tide_gc_purge_early(void)
{
	if (!tide_gc_wait(RECLAIM_WAIT_NS))
		return 0;
	struct tide_heap *heap;
	for (heap = &tide_heap_default; heap != NULL; heap = tide_heap_next(heap))
		tide_gc_empty_idle(heap);
	tide_token_release();
	(void)tide_object_drain_all(true);
	if (!tide_gc_wait(RECLAIM_WAIT_NS))
		return 0;
	size_t bytes = 0;
	for (heap = &tide_heap_default; heap != NULL; heap = tide_heap_next(heap))
		bytes += tide_gc_release_all(heap);
	count_step(&tide_heap_default.gc, false);
	tide_token_release();
	return bytes;
}

size_t tide_gc_purge_heap(struct tide_heap *heap)
{
	if (!tide_gc_wait(0))
		return 0;
	tide_gc_empty_idle(heap);
	size_t bytes = tide_gc_release_all(heap);
	count_step(&heap->gc, false);
	tide_token_release();
	return bytes;
}

/* The limit that a heap's memory counts against last of all. */
static const struct tide_budget *outermost(struct tide_heap *heap)
{
	return heap->budget.within != NULL ? heap->budget.within : &heap->budget;
}

/* Heaps within one limit are in each other's way by what they keep. */
void tide_gc_reclaim(struct tide_heap *heap, bool to_system)
{
	if (!tide_gc_wait(RECLAIM_WAIT_NS))
		return;
	struct tide_heap *other = &tide_heap_default;
	for (; other != NULL; other = tide_heap_next(other)) {
		bool live = other == &tide_heap_default || tide_load_relaxed(&other->live);
		if (!live || outermost(other) != outermost(heap))
			continue;
		tide_gc_empty_idle(other);
		if (to_system || tide_load_relaxed(&other->budget.counts_held))
			(void)tide_gc_release_all(other);
		else
			tide_gc_collect_all(other);
	}
	count_step(&heap->gc, true);
	tide_token_release();
}

void tide_gc_counts_read(struct tide_heap *heap, struct tide_gc_counts *counts)
{
	struct gc *gc = &heap->gc;
	counts->cycles = tide_load_relaxed(&gc->count.cycles);
	counts->inline_steps = tide_load_relaxed(&gc->count.inline_steps);
	counts->drained_blocks = tide_load_relaxed(&gc->count.drained_blocks);
	counts->refilled_blocks = tide_load_relaxed(&gc->count.refilled_blocks);
	counts->merges = tide_load_relaxed(&gc->count.merges);
	counts->returned_bytes = tide_load_relaxed(&gc->count.returned_bytes);
	counts->level_grows = tide_load_relaxed(&gc->count.level_grows);
	counts->level_reclaims = tide_load_relaxed(&gc->count.level_reclaims);
	counts->free_set_bytes = tide_load_relaxed(&gc->count.free_set_bytes);
	counts->purged_bytes = tide_load_relaxed(&gc->count.purged_bytes);
	counts->made_bytes = tide_load_relaxed(&gc->count.made_bytes);
}
