/* The GC thread: when it starts, sleeps, stops, and what fork does to it.
 *
 * It is unknown to the C library (os.h), so it keeps no process alive, takes no part in exit and
 * leaves a single-threaded program's fast paths in libc alone; and it may be started anywhere, even
 * below the loader, since no lock is involved. All signals are blocked in it.
 *
 *   OFF --start--> RUNS --stop--> STOPPING --thread gone--> OFF (by the program: stays off)
 *                  RUNS --the program's rights changed (follow.h)--> LEFT --start--> RUNS
 */
#include "container.h"
#include "follow.h"
#include "step.h"

#include "doorbell.h"
#include "large.h"
#include "object.h"
#include "options.h"
#include "os.h"
#include "os_file.h"
#include "publish.h"
#include "token.h"
#include "trace.h"
#include "yield.h"

#include <errno.h>

/* LEFT: it ended by itself or is about to, and its stack is for the next to unmap. */
enum { THREAD_OFF, THREAD_STARTING, THREAD_RUNS, THREAD_STOPPING, THREAD_LEFT };

/* How long a park lasts when nothing is left to age: bounds what a missed ring would cost. */
#define SLEEP_NS (30ull * 1000000000u)
/* How long when another thread was the GC at the time of looking. */
#define BUSY_NS (2ull * 1000000u)
/* How long the GC thread naps, and how often at most before it has itself woken again: after one
 * ring, and when much was published during a nap. */
#define NAP_NS 1000000u
#define NAPS_FIRST 2
#define NAPS 4
#define STOP_POLL_NS 1000000u
#define START_POLLS 100
#define START_TRIES 4
/* A holder of the token that does not let go for so long is frozen; fork then goes on without. */
#define FORK_WAIT_NS (5ull * 1000000000u)

/* writers  who starts or stops, by CAS    readers  every thread
 * order    acq-rel, relaxed for advice    edges    none: the token carries the GC's state */
static _Atomic uint32_t state;
/* The program stopped it, or it could not start: it is not started unasked.
 * writers every thread  readers every thread
 * order   seq_cst in stop and in a start unasked, each of which writes one of `unwanted` and
 *         `state` before it reads the other, so that one sees the other; else relaxed: advice */
static _Atomic bool unwanted;
/* writers the starter, the kernel  readers who stops  order acquire  edges os.thread_end */
static _Atomic uint32_t alive;
/* writers who starts the process, fork's child  readers the GC
 * order relaxed: known before any thread  edges none */
static _Atomic uint32_t process_id;
static struct gc_container container; /* plain: the GC thread's */
/* writers the GC thread  readers statistics  order relaxed: a counter  edges none */
static _Atomic uint64_t container_purges;
static void *stack; /* plain: who won the state */
static size_t stack_bytes;

struct tide_gc_thread_counts tide_gc_thread_counts;

bool tide_gc_thread_runs(void)
{
	return tide_load_relaxed(&state) == THREAD_RUNS;
}

bool tide_gc_thread_has_left(void)
{
	return tide_load_relaxed(&state) == THREAD_LEFT;
}

static bool left_in(struct tide_heap *heap)
{
	bool left = heap->gc.unsettled || heap->gc.sweep_region != 0 ||
	            tide_load_relaxed(&heap->orphans.first) != NULL ||
	            !tide_stack_is_empty_racy(&heap->frontier.sealed);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST && !left; cls++)
		left = !tide_queue_is_empty_racy(&heap->queues, cls);
	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL && !left; cache = cache->all_next) {
		bool parked = tide_cache_thread_id(tide_load_relaxed(&cache->owner)) == 0;
		left = !tide_garbage_is_empty(&cache->garbage) ||
		       (parked && tide_load_relaxed(&cache->used)) || tide_cache_is_to_take(cache);
	}
	return left;
}

/* Whether a step would find something to do, now or at a later tick. What the token guards is not
 * looked at without it. */
static bool anything_left(void)
{
	if (!tide_token_try())
		return true;
	bool left = tide_large_cached_bytes_racy() > 0 || tide_object_is_left();
	struct tide_heap *heap = &tide_heap_default;
	for (; heap != NULL && !left; heap = tide_heap_next(heap))
		left = left_in(heap);
	tide_token_release();
	return left;
}

static uint64_t shorter(uint64_t ns, uint64_t patience_ns)
{
	return patience_ns != 0 && patience_ns < ns ? patience_ns : ns;
}

/* No longer than the publisher may wait, or a change of rights may stay unseen. */
static void sleep_for(uint32_t sleep, uint64_t ns)
{
	ns = shorter(ns, tide_gc_publish_patience_ns());
	tide_doorbell_sleep(sleep, shorter(ns, tide_gc_follow_patience_ns()));
}

static void park(void)
{
	uint64_t half_ns = (uint64_t)tide_option(TIDE_OPTION_DECAY_MS) * 500000u;
	uint64_t look_ns = tide_gc_container_sleep_ns(&container);
	if (half_ns > look_ns)
		half_ns = look_ns;
	uint32_t sleep = anything_left() ? TIDE_GC_DOZING : TIDE_GC_ASLEEP;
	tide_store_relaxed(&tide_gc_thread_counts.state, (uint64_t)sleep);
	tide_gc_publish_round(sleep == TIDE_GC_ASLEEP);
	TIDE_YIELD("gc.park");
	uint64_t begin_ns = tide_trace_begin();
	uint64_t wakes = tide_load_relaxed(&tide_doorbell.wakes);
	TIDE_PROBE(gc_sleep, sleep, wakes);
	tide_doorbell_announce(sleep);
	/* (What was much came when nobody was to ring yet.) */
	if (tide_doorbell_heard_much() || (sleep == TIDE_GC_ASLEEP && anything_left()))
		tide_doorbell_retract();
	else if (sleep == TIDE_GC_DOZING)
		sleep_for(sleep, half_ns > BUSY_NS ? half_ns : BUSY_NS);
	else
		sleep_for(sleep, SLEEP_NS);
	uint64_t woken = tide_load_relaxed(&tide_doorbell.wakes) - wakes;
	TIDE_PROBE(gc_awake, sleep, woken);
	if (begin_ns != 0)
		tide_trace_put_own(TIDE_TRACE_SLEEP, begin_ns, sleep, woken);
}

struct naps {
	unsigned left;
	bool napped; /* instead of parking, the last time */
};

/* After a round in which there was nothing to do. False: it is not worth it. */
static bool nap(struct naps *naps)
{
	if (tide_doorbell_heard_much())
		naps->left = naps->napped ? NAPS : NAPS_FIRST;
	naps->napped = naps->left > 0;
	if (!naps->napped)
		return false;
	naps->left--;
	uint64_t begin_ns = tide_trace_begin();
	TIDE_PROBE(gc_sleep, TIDE_GC_AWAKE, tide_load_relaxed(&tide_doorbell.wakes));
	tide_doorbell_nap(NAP_NS);
	TIDE_PROBE(gc_awake, TIDE_GC_AWAKE, 0u);
	if (begin_ns != 0)
		tide_trace_put_own(TIDE_TRACE_SLEEP, begin_ns, TIDE_GC_AWAKE, 0);
	return true;
}

/* One round, timed. */
static int round_timed(void)
{
	struct tide_gc_thread_counts *counts = &tide_gc_thread_counts;
	uint64_t from_ns = tide_os_clock_fine_ns();
	tide_store_relaxed(&counts->state, (uint64_t)TIDE_GC_AWAKE);
	tide_store_relaxed(&counts->seen_ns, from_ns);
	int did = tide_gc_step_once();
	uint64_t took_ns = tide_os_clock_fine_ns() - from_ns;
	tide_count_owned(&counts->steps, 1u);
	tide_count_owned(&counts->step_ns, took_ns);
	if (took_ns > tide_load_relaxed(&counts->step_max_ns))
		tide_store_relaxed(&counts->step_max_ns, took_ns);
	unsigned time = took_ns < 256 ? 0 : 56u - (unsigned)__builtin_clzll(took_ns);
	if (time >= TIDE_STATS_STEP_TIMES)
		time = TIDE_STATS_STEP_TIMES - 1;
	tide_count_owned(&counts->step_times[time], 1u);
	TIDE_PROBE(gc_round, did, took_ns);
	if (did > 0 && tide_trace_begin() != 0)
		tide_trace_put_own(TIDE_TRACE_ROUND, from_ns, (uint64_t)did, 0);
	return did;
}

uint64_t tide_gc_container_purges_racy(void)
{
	return tide_load_relaxed(&container_purges);
}

static void purge_when_short(void)
{
	if (container.state == GC_CONTAINER_NONE ||
	    !tide_gc_container_is_short(&container, tide_os_clock_ns()))
		return;
	tide_count_owned(&container_purges, 1u);
	tide_gc_container_purged(&container, tide_gc_purge_early());
}

/* Whether this thread has not the rights of the program's any more, and is to be followed by one
 * that has. That one comes when a thread misses or ends; so nothing is left behind to age, but
 * where one GC thread follows hard upon the other. */
static bool leaves(void)
{
	uint64_t now_ns = tide_load_relaxed(&tide_gc_thread_counts.seen_ns);
	enum tide_gc_follow seen = tide_gc_follow_round(now_ns);
	if (TIDE_LIKELY(seen == GC_FOLLOW_SAME))
		return false;
	if (tide_gc_follow_purges(now_ns) || seen == GC_FOLLOW_FILTERED)
		(void)tide_gc_purge_early();
	if (seen == GC_FOLLOW_FILTERED)
		tide_store_seq_cst(&unwanted, true);
	uint32_t running = THREAD_RUNS;
	if (!tide_cas_acq_rel(&state, &running, (uint32_t)THREAD_LEFT))
		return false; /* it is being stopped, or its starter is slow: later */
	tide_doorbell_set_served(false);
	return true;
}

static void gc_main(void *arg)
{
	(void)arg;
	/* For blocks that destructors free (object.h): this thread never has bins. */
	tide_cache_self = TIDE_CACHE_NONE;
	tide_object_self = TIDE_OBJECT_TABLE_NONE;
	tide_cache_is_of_gc = true;
	tide_token_own_id = tide_os_thread_id();
	tide_gc_publish_begin();
	/* Before the files of the container and of follow.c are open, which it would close. Those
	 * of a thread before this one are in its own table. */
	bool filtered = tide_os_is_filtered();
	bool apart = !filtered && tide_gc_publish_go_apart();
	if (filtered || apart)
		container = (struct gc_container){ .state = GC_CONTAINER_NEW };
	if (filtered) /* it may open none */
		container.state = GC_CONTAINER_NONE;
	tide_gc_follow_begin(tide_os_clock_fine_ns(), apart);
	struct naps naps = { 0 };
	while (tide_load_relaxed(&state) != THREAD_STOPPING) {
		purge_when_short();
		int did = round_timed();
		if (leaves())
			break;
		tide_gc_publish_round(false);
		if (tide_frontier_prefault_ahead(&tide_heap_default.frontier))
			continue;
		if (did == 0) {
			if (!nap(&naps))
				park();
		} else if (did < 0) {
			tide_doorbell_announce(TIDE_GC_DOZING);
			sleep_for(TIDE_GC_DOZING, tide_gc_look_for_holder() ? BUSY_NS : SLEEP_NS);
		}
	}
	tide_gc_follow_end();
	tide_gc_publish_end();
}

/* Who starts or stops on the program's behalf waits for a start in progress, though not for one
 * whose thread is frozen; and for the end of a thread that has left. */
static void await_start(void)
{
	for (int polls = 0; polls < START_POLLS; polls++) {
		uint32_t seen = tide_load_acquire(&state);
		uint32_t left = tide_load_acquire(&alive); /* os.thread_end */
		if (seen == THREAD_STARTING)
			tide_os_futex_wait(&state, seen, STOP_POLL_NS);
		else if (seen == THREAD_LEFT && left != 0)
			tide_os_futex_wait(&alive, left, STOP_POLL_NS);
		else
			return;
	}
}

/* From LEFT to STARTING; false: not, or not yet. */
static bool take_over(void)
{
	uint32_t seen = THREAD_LEFT;
	if (tide_load_acquire(&alive) != 0 || /* os.thread_end */
	    !tide_cas_seq_cst(&state, &seen, (uint32_t)THREAD_STARTING))
		return false;
	/* Of another thread by now, that has left too? */
	if (tide_load_acquire(&alive) != 0) { /* os.thread_end */
		tide_store_release(&state, (uint32_t)THREAD_LEFT);
		return false;
	}
	(void)tide_os_unmap(stack, stack_bytes);
	return true;
}

static int start(bool unasked)
{
	uint32_t seen = THREAD_OFF;
	TIDE_YIELD("gc.off");
	if (!tide_cas_seq_cst(&state, &seen, (uint32_t)THREAD_STARTING) && !take_over())
		return EALREADY;
	TIDE_YIELD("gc.start");
	if (unasked && tide_load_seq_cst(&unwanted)) {
		tide_store_release(&state, (uint32_t)THREAD_OFF);
		return ECANCELED;
	}
	if (!tide_os_thread_start(gc_main, NULL, "tide-gc", &tide_cache_self, &alive, &stack,
	                          &stack_bytes)) {
		tide_store_relaxed(&unwanted, true);
		tide_store_release(&state, (uint32_t)THREAD_OFF);
		return EAGAIN;
	}
	tide_doorbell_set_served(true);
	TIDE_YIELD("gc.started");
	tide_store_release(&state, (uint32_t)THREAD_RUNS);
	return 0;
}

static void process_note(void)
{
	tide_store_relaxed(&process_id, tide_os_process_id());
}

void tide_gc_process_start(void)
{
	process_note();
	/* The clock starts now: else the first step of all would be a tick, and settle what has not
	 * begun. */
	if (tide_token_try()) {
		tide_heap_default.gc.tick_start_ns = tide_os_clock_ns();
		tide_token_release();
	}
}

uint32_t tide_gc_process_id(void)
{
	return tide_load_relaxed(&process_id);
}

int tide_gc_thread_start(void)
{
	int result;
	int tries = START_TRIES; /* against starts unasked that give up */
	do {
		await_start();
		result = start(false);
	} while (result == EALREADY && tide_load_acquire(&state) != THREAD_RUNS && --tries > 0);
	/* After, not before: else a thread that wants one starts it first, and we say EALREADY. */
	if (result == 0)
		tide_store_relaxed(&unwanted, false);
	return result;
}

void tide_gc_thread_want(void)
{
	uint32_t seen = tide_load_relaxed(&state);
	bool due = seen == THREAD_LEFT || (seen == THREAD_OFF && tide_option(TIDE_OPTION_GC) != 0);
	if (due && !tide_load_relaxed(&unwanted))
		(void)start(true);
}

bool tide_gc_thread_wanted_alone(void)
{
	return tide_option(TIDE_OPTION_GC) == 2 || tide_gc_thread_has_left() ||
	       tide_gc_publish_needs_thread();
}

int tide_gc_thread_stop(void)
{
	uint32_t seen = THREAD_RUNS;
	tide_store_seq_cst(&unwanted, true);
	await_start();
	if (!tide_cas_seq_cst(&state, &seen, (uint32_t)THREAD_STOPPING) &&
	    (seen != THREAD_LEFT || !tide_cas_seq_cst(&state, &seen, (uint32_t)THREAD_STOPPING)))
		return ESRCH;
	TIDE_YIELD("gc.stop");
	uint32_t left;
	while ((left = tide_load_acquire(&alive)) != 0) { /* os.thread_end */
		/* Not a ring, which wakes once for each sleep: this wake may get lost. */
		tide_doorbell_retract();
		TIDE_YIELD("gc.stopping");
		tide_os_futex_wake(&tide_doorbell.state, 1);
		tide_os_futex_wait(&alive, left, STOP_POLL_NS);
	}
	(void)tide_os_unmap(stack, stack_bytes);
	TIDE_YIELD("gc.stopped");
	tide_doorbell_set_served(false);
	tide_store_release(&state, (uint32_t)THREAD_OFF);
	return 0;
}

bool tide_gc_fork_prepare(void)
{
	return tide_gc_wait(FORK_WAIT_NS);
}

void tide_gc_fork_parent(bool held)
{
	if (held)
		tide_token_release();
}

/* The cache of the thread that forked, in any heap; NULL: it has none there. */
static struct tide_cache *survivor_in(struct tide_heap *heap, struct tide_cache *survivor)
{
	if (heap == &tide_heap_default)
		return survivor;
	return tide_cache_seated(survivor, heap->slot, tide_load_relaxed(&heap->generation));
}

void tide_gc_fork_child(bool held, struct tide_cache *survivor, uint32_t thread_id)
{
	/* Who used queues and is gone may have counted what it did not do. */
	bool others = !held || tide_load_relaxed(&state) != THREAD_OFF;
	if (tide_load_relaxed(&state) != THREAD_OFF) {
		if (tide_load_relaxed(&state) == THREAD_RUNS ||
		    tide_load_relaxed(&state) == THREAD_LEFT)
			(void)tide_os_unmap(stack, stack_bytes);
		tide_store_relaxed(&alive, 0);
		tide_store_relaxed(&state, (uint32_t)THREAD_OFF);
		tide_doorbell_set_served(false);
	}
	tide_token_forget_waiters();
	tide_token_own_id = thread_id;
	if (held) /* before the process's ids count: the parent's thread is none of this one's */
		tide_token_sign();
	tide_doorbell_retract();
	process_note();
	tide_gc_publish_forget();
	struct tide_heap *heap = &tide_heap_default;
	for (; heap != NULL; heap = tide_heap_next(heap))
		others |= tide_cache_adopt_all(heap, survivor_in(heap, survivor), thread_id);
	for (heap = &tide_heap_default; heap != NULL && others; heap = tide_heap_next(heap))
		tide_queue_recount(&heap->queues);
	tide_object_fork_child();
	tide_store_relaxed(&tide_gc_lost, !held);
	if (!held) /* a thread that would look for the token for ever */
		tide_store_relaxed(&unwanted, true);
	if (held)
		tide_token_release();
}
