/* All that the rest of Tide may know of the GC. It is a role: the functions here take the token (or
 * say that they need it), so any thread may call them; when the GC thread runs, it is one more
 * caller.
 *
 * The bound. At every instant, for each class, every block is in exactly one place:
 *
 *   carved == live + in bins, or kept + in queues + in garbage + in free sets   (tide_gc_audit)
 *
 * and once the GC had a step, memory that is neither live nor in a free set is at most
 *
 *     threads * (sum over classes up to 32 KiB of 2 * bin capacity + TIDE_POOL_MAX_BYTES
 *                and a block)
 *   + sum over small classes of queue level, each up to what came and went in turns and
 *     queue_max_bytes; over medium ones, each up to 1 MiB; without a GC thread all small ones
 *     together up to a quarter of what may be retained (between two ticks up to 1.75 times that,
 *     where threads of all lanes fill them: queue.h)
 *   + with a GC thread, what threads keep (stash.h): of each class up to 512 bytes as much as the
 *     thread got from elsewhere and did not give away, up to queue_max_bytes; what it does not need
 *     is halved at each tick, and goes when it is idle
 *   + threads * backlog_bytes (wake_bytes without a GC thread)
 *   + the cache of large blocks: retain_bytes or retain_percent of live, with a GC thread four
 *     times that, without one up to eight times (regret.h)
 *   + a quarter of live for rounding to classes + one open slab a class and lane + two open regions
 *
 * Object caches hold, for each cache, besides its live objects: two bins for each thread that uses
 * it, the depot (after a step 1 MiB, and what was in use since the last tick), and the
 * raw objects of slabs in which others are live.
 *
 * All of this holds for each heap that the program makes; `threads` are then those that use it.
 *
 * What is in a free set holds memory for at most one and a half decay_ms with a GC thread; without
 * one it is at most the larger of retain_bytes and retain_percent of live, up to 8 times that
 * while what was given back is needed again (regret.h). When the GC can't run at all (a frozen
 * thread has the token), full bins go to the queues beyond their levels: threads then live on what
 * they free, and the bound is the peak of live.
 */
#ifndef TIDE_GC_H
#define TIDE_GC_H

#include "cache.h"

#include <tide/stats.h>

/* Fill `bin`, an empty one of the calling thread's cache `cache`, with up to `want` blocks of its
 * class, from what was freed: drain some garbage, then the free sets. Returns the number of blocks;
 * 0 when there are none or another thread is the GC just now.
 *
 * Budget  a bounded number of bins and blocks. For a small class it never waits; for a medium one,
 *         where much is free that another thread is at, it looks a few times whether that one is
 *         done, and sleeps once, for some 50 us at the most. Other system calls only when a process
 *         without GC thread has to give memory back. */
TIDE_HIDDEN unsigned tide_gc_refill_inline(struct tide_cache *cache, struct tide_bin *bin,
                                           unsigned want);

/* Take work off the GC: drain some of the garbage of `cache`. False: another thread is the GC. */
TIDE_HIDDEN bool tide_gc_help(struct tide_cache *cache);
/* The blocks of the bin to the free sets, at once; it is empty afterwards. False: another thread is
 * the GC. */
TIDE_HIDDEN bool tide_gc_put(struct tide_cache *cache, struct tide_bin *bin);

/* A medium block of class `cls` at a multiple of align_bytes (more than a granule) out of the free
 * sets, after draining some of the garbage of `cache`; NULL when there is none or another thread is
 * the GC. */
TIDE_HIDDEN void *tide_gc_chunk_aligned(struct tide_cache *cache, unsigned cls, size_t align_bytes);

/* One bounded step of everything. 1: there was work; 0: none is left; -1: another thread is the
 * GC. */
TIDE_HIDDEN int tide_gc_step_once(void);

/* Drain everything, return everything that can be returned. Waits for the token. Bytes returned. */
TIDE_HIDDEN size_t tide_gc_purge_all(void);
/* The same for one heap, and what its idle threads keep. */
TIDE_HIDDEN size_t tide_gc_purge_heap(struct tide_heap *heap);

/* The same by the GC thread, for memory is short: also what idle threads put by, and what object
 * caches keep. 0 as well when another thread is the GC for long. */
TIDE_HIDDEN size_t tide_gc_purge_early(void);

/* What is in nobody's hands and what idle threads keep, to the free sets, and if that is wanted, or
 * where the heap's limit counts held memory, back to the system. Waits for the token, but not
 * long. */
TIDE_HIDDEN void tide_gc_reclaim(struct tide_heap *heap, bool to_system);

/* Take a heap that the program made apart, to be created anew: all its memory goes back to the
 * system, and the threads lose their caches in it. Waits for the token. */
TIDE_HIDDEN void tide_gc_dismantle(struct tide_heap *heap);

/* Call `visit` for the live blocks of a heap that the program made (<tide/heap.h>). Waits for the
 * token, and keeps it. */
TIDE_HIDDEN int tide_gc_walk(struct tide_heap *heap,
                             int (*visit)(void *block, size_t bytes, void *context), void *context);
struct tide_heap_stats;
TIDE_HIDDEN void tide_gc_heap_stats(struct tide_heap *heap, struct tide_heap_stats *stats);

/* The GC thread. start: 0, EALREADY or EAGAIN. stop: 0 or ESRCH; waits for its end. */
TIDE_HIDDEN int tide_gc_thread_start(void);
TIDE_HIDDEN int tide_gc_thread_stop(void);
TIDE_HIDDEN bool tide_gc_thread_runs(void);
/* It ended by itself (gc/follow.h), and nothing is collected until somebody wants the next. */
TIDE_HIDDEN bool tide_gc_thread_has_left(void);
/* Start it unless it runs, failed to start, was stopped by the program, or is switched off. */
TIDE_HIDDEN void tide_gc_thread_want(void);

/* Times that it purged because its container was short of memory. */
TIDE_HIDDEN uint64_t tide_gc_container_purges_racy(void);
/* Whether it is wanted in a process of one thread as well. */
TIDE_HIDDEN bool tide_gc_thread_wanted_alone(void);

/* Once, by the process's first thread: start the decay clock, note which process this is. */
TIDE_HIDDEN void tide_gc_process_start(void);
/* Which process this is, as far as the GC was told: by its start, or by fork's child handler. */
TIDE_HIDDEN uint32_t tide_gc_process_id(void);

/* fork: the parent takes the token before (false: it could not be had in time), gives it back
 * after; the child, which has one thread, adopts the caches of all others. Without the token the
 * child's GC state may be half changed: it then never collects, and threads carve for
 * themselves. */
TIDE_HIDDEN bool tide_gc_fork_prepare(void);
TIDE_HIDDEN void tide_gc_fork_parent(bool held);
TIDE_HIDDEN void tide_gc_fork_child(bool held, struct tide_cache *survivor, uint32_t thread_id);

struct tide_gc_counts {
	uint64_t cycles, inline_steps, drained_blocks, refilled_blocks, merges, returned_bytes;
	uint64_t level_grows, level_reclaims;
	uint64_t free_set_bytes, purged_bytes, made_bytes;
};
TIDE_HIDDEN void tide_gc_counts_read(struct tide_heap *heap, struct tide_gc_counts *counts);

/* What the GC thread tells of itself; of all GC threads that the process had.
 * writers  the GC thread   readers  statistics   order  relaxed: counts   edges  none */
struct tide_gc_thread_counts {
	_Atomic uint64_t state;   /* TIDE_GC_AWAKE, _DOZING, _ASLEEP (doorbell.h) */
	_Atomic uint64_t seen_ns; /* when it last began a round */
	_Atomic uint64_t steps, step_ns, step_max_ns, cpu_ns;
	_Atomic uint64_t step_times[TIDE_STATS_STEP_TIMES]; /* <tide/stats.h> */
};
TIDE_HIDDEN extern struct tide_gc_thread_counts tide_gc_thread_counts;

/* Audit, for when all other threads stand still: walks every structure, and checks for each class
 *
 *   carved == live + in bins + in queues + in garbage + in free sets
 *
 * where live is the difference of the calls counted (audit builds), or any number that is not
 * negative (other builds). NULL when all is well, else what is wrong; there is nothing to audit in
 * a child that was forked without the token, and that is what it says. Waits for the token. */
TIDE_HIDDEN const char *tide_gc_audit(void);

#endif
