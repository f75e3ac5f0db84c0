#include "start.h"

#include "config.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "guard.h"
#include "heap.h"
#include "meta.h"
#include "object.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "profile.h"
#include "profile_write.h"
#include "profiled.h"
#include "publish.h"
#include "seat.h"
#include "token.h"
#include "yield.h"

#include <pthread.h>

/* writers  threads in their first call, by CAS   readers  the same
 * order    acq-rel                               edges    start.once */
static _Atomic uint32_t once;
/* The options could be read, and what they ask for is there. Who does not see it does all of that
 * again.
 * writers  threads in start-up   readers  the same   order  release, acquire
 * edges    start.options: reading them again gives the same values */
static _Atomic bool options_read;
_Atomic bool tide_start_checked_on;
/* Runs at each thread's end. Plain: made by the winner of `once`; who comes before that has no
 * destructor, and its cache is adopted by the GC instead. */
static pthread_key_t thread_key;
/* writers the winner of start.once  readers every thread  order release, acquire
 * edges start.key: thread_key -> its users */
static _Atomic bool thread_key_made;

static void thread_end(void *arg)
{
	struct tide_cache *cache = arg;
	/* From here on the thread is as new: what later destructors free gets it a cache again, and
	 * that one this destructor, as often as the C library runs them; then it is adopted. */
	tide_cache_self = TIDE_CACHE_NONE;
	tide_object_self = TIDE_OBJECT_TABLE_NONE;
	/* Cancelled in the middle of a call, which POSIX forbids: as it is, nobody may have it. The
	 * GC adopts and mends it like that of a thread that vanished. */
	if (TIDE_UNLIKELY(cache->in_slow))
		return;
	tide_seat_leave_all(cache);
	tide_cache_park(cache);
	tide_doorbell_ring(false); /* what it holds must age */
	/* Nobody hears that, and it may be that nobody misses any more. */
	if (TIDE_UNLIKELY(tide_gc_thread_has_left()))
		tide_gc_thread_want();
}

static void profile_start(bool late)
{
	if (tide_option(TIDE_OPTION_CHECK) != 0)
		return; /* tide_profile_write_start says so */
	if (late)
		tide_profile_write_late();
	else if (tide_profile_start())
		tide_sample_start((uint64_t)tide_option(TIDE_OPTION_PROFILE_BYTES),
		                  (uint64_t)tide_option(TIDE_OPTION_PROFILE_SEED));
}

static void options_start(void)
{
	if (tide_load_acquire(&options_read)) /* start.options */
		return;
	if (tide_os_page_bytes() > TIDE_PAGE_BYTES)
		tide_fatal_pages(tide_os_page_bytes(), TIDE_PAGE_BYTES);
	bool late = tide_cache_all(&tide_heap_default) != NULL;
	TIDE_YIELD("start.options");
	bool read = tide_options_init();
	/* Blocks of before are not known as live, so checking can't begin in the middle. */
	if (late && !tide_load_relaxed(&tide_start_checked_on))
		tide_options_set(TIDE_OPTION_CHECK, 0);
	tide_store_relaxed(&tide_start_checked_on, tide_option(TIDE_OPTION_CHECK) != 0);
	/* Nor can counting. */
	if (tide_option(TIDE_OPTION_PROFILE) != 0)
		profile_start(late);
	if (!late)
		tide_budget_set(&tide_heap_default.budget,
		                (enum tide_heap_counts)tide_option(TIDE_OPTION_LIMIT_COUNTS), 0,
		                (uint64_t)tide_option(TIDE_OPTION_LIMIT));
	TIDE_YIELD("start.queues");
	tide_queue_init(&tide_heap_default.queues);
	if (tide_option(TIDE_OPTION_GUARD_EVERY) != 0)
		tide_guard_start();
	if (read)
		tide_store_release(&options_read, true); /* start.options */
}

static void process_start(void)
{
	uint32_t seen = 0;
	TIDE_YIELD("start.once");
	if (tide_load_acquire(&once) != 0 || !tide_cas_acq_rel(&once, &seen, 1u)) /* start.once */
		return;
	TIDE_YIELD("start.won");
	tide_gc_process_start();
	if (tide_start_checked() && tide_load_relaxed(&options_read))
		tide_options_seal();
	tide_gc_publish_start();
	if (tide_option(TIDE_OPTION_PROFILE) != 0) {
		if (tide_sample_on())
			tide_profiled_start();
		tide_profile_write_start();
	}
	tide_fork_register();
	TIDE_YIELD("start.key");
	if (pthread_key_create(&thread_key, thread_end) == 0)
		tide_store_release(&thread_key_made, true); /* start.key */
}

/* Of no thread there is: the system takes ids below. */
#define NOT_TO_ASK (1u << 31)

/* The calling thread's id, by which others ask the system whether it is there still. In the child of
 * a vfork, which has its parent thread's variables, one that nobody gets an answer for: else that
 * thread would seem to be gone when only the child is. (POSIX forbids malloc there.) */
static uint32_t thread_id(void)
{
	uint32_t process_id = tide_gc_process_id();
	bool foreign = process_id != 0 && process_id != tide_os_process_id();
	return tide_os_thread_id() | (foreign ? NOT_TO_ASK : 0);
}

TIDE_USUAL struct tide_cache *tide_start_thread(void)
{
	if (tide_cache_is_of_gc)
		return NULL;
	options_start();
	if (tide_pagemap_near()->pages == 0) {
		/* Any fresh mapping shows where the system puts such things. */
		void *probe = tide_meta_alloc(TIDE_CACHE_LINE_BYTES);
		if (probe != NULL)
			tide_pagemap_init((uintptr_t)probe);
	}
	uint32_t id = thread_id();
	struct tide_cache *cache = tide_cache_unpark(&tide_heap_default, id);
	if (cache == NULL)
		return NULL;
	tide_token_own_id = id;
	tide_lane = cache->lane;
	tide_cache_self = cache;
	TIDE_YIELD("start.cache");
	process_start();
	/* May allocate, which by now finds a cache. */
	if (tide_load_acquire(&thread_key_made)) /* start.key */
		(void)pthread_setspecific(thread_key, cache);
	return cache;
}
