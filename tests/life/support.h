/* What the tests of a whole life share: resident memory sampled over a run, and the bound.
 *
 * The bound  (lib/cache.h, DESIGN) when the world stands still and the GC has come to rest:
 *
 *   held <= live + bins of every cache + kept blocks + levels of the queues + garbage
 *
 * in blocks, which the caches and queues themselves are asked for; and in resident memory, where
 * each block that is live or in a bin pins the pages it lies in, plus a region for each frontier
 * and the allocator's own structures.
 */
#ifndef TIDE_TESTS_LIFE_SUPPORT_H
#define TIDE_TESTS_LIFE_SUPPORT_H

#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>

#include "../api/support.h"

#include "doorbell.h"
#include "gc.h"
#include "heap.h"
#include "options.h"
#include "queue.h"

#define RUN_MS (SANITIZED ? 1500u : 7000u)
#define FRONTIER_BYTES (2 * (size_t)TIDE_REGION_BYTES)
/* Stacks and the C library's own, for each thread. */
#define THREAD_OWN_BYTES (128 * KIB)

static inline uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Plateau ---- */

enum { SAMPLES_MAX = 4096 };

struct samples {
	size_t bytes[SAMPLES_MAX];
	unsigned count;
};

static inline void sample(struct samples *samples)
{
	if (samples->count < SAMPLES_MAX)
		samples->bytes[samples->count++] = resident_bytes();
}

static inline void sample_for(struct samples *samples, unsigned ms)
{
	for (uint64_t end = now_ms() + ms; now_ms() < end; sleep_ms(10))
		sample(samples);
}

static inline size_t mean_of_third(const struct samples *samples, unsigned third)
{
	unsigned first = samples->count * third / 3;
	unsigned end = samples->count * (third + 1) / 3;
	size_t sum = 0;

	for (unsigned i = first; i < end; i++)
		sum += samples->bytes[i] / KIB;
	return end > first ? sum / (end - first) * KIB : 0;
}

static inline void assert_plateau(const struct samples *samples)
{
	size_t middle = mean_of_third(samples, 1);
	size_t last = mean_of_third(samples, 2);

	cr_assert_geq(samples->count, 30, "too few samples to judge");
	if (!SANITIZED)
		cr_assert_leq(last, middle + middle / 4 + 4 * MIB,
		              "resident: %zu MiB, then %zu MiB", middle / MIB, last / MIB);
}

/* ---- The world at rest ---- */

static inline void assert_audit(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

/* Until the GC has nothing left to do or to age. Nobody else may be at work. */
static inline void settle(void)
{
	unsigned rounds = 0;

	if (!tide_gc_thread_runs()) {
		while (tide_gc_step() == 1)
			cr_assert_lt(++rounds, 1000000u, "the GC does not come to an end");
		return;
	}
	for (unsigned in_a_row = 0; in_a_row < 5;) {
		bool asleep = tide_load_seq_cst(&tide_doorbell.state) == TIDE_GC_ASLEEP;
		cr_assert_lt(++rounds, 3000u, "the GC does not come to rest");
		in_a_row = asleep ? in_a_row + 1 : 0;
		sleep_ms(10);
	}
}

/* Memory that a block keeps from going back: the pages that it lies in. */
static inline size_t pinned_bytes(unsigned cls)
{
	size_t bytes = tide_class_bytes(cls);

	if (TIDE_PAGE_BYTES % bytes == 0)
		return TIDE_PAGE_BYTES;
	if (bytes % TIDE_PAGE_BYTES == 0 && tide_class_is_small(cls))
		return bytes;
	return (bytes / TIDE_PAGE_BYTES + 2) * TIDE_PAGE_BYTES;
}

/* What the options let `caches` threads and the queues hold, in classes up to `max_bytes`. */
static inline size_t held_limit(unsigned caches, size_t max_bytes, bool pinned)
{
	size_t limit = 0;
	size_t bin_bytes = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES);
	unsigned last = tide_class_of(max_bytes);

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= last; cls++) {
		size_t each = pinned ? pinned_bytes(cls) : tide_class_bytes(cls);
		size_t capacity = bin_bytes / tide_class_bytes(cls);
		size_t most = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BLOCKS);
		if (capacity > most)
			capacity = most;
		if (capacity == 0)
			capacity = 1;
		if (tide_class_bytes(cls) <= TIDE_POOL_ONLY_BYTES)
			limit += caches * 2 * capacity * each;
		/* A queue at its level, and one bin above it. */
		limit +=
		    (tide_load_relaxed(&tide_heap_default.queues.level[cls]) + capacity) * each;
	}
	if (max_bytes > TIDE_SMALL_MAX_BYTES)
		limit += caches * (TIDE_POOL_MAX_BYTES + TIDE_MEDIUM_MAX_BYTES);
	return limit;
}

static inline unsigned caches_made(void)
{
	unsigned count = 0;

	for (struct tide_cache *cache = tide_cache_all(&tide_heap_default); cache != NULL;
	     cache = cache->all_next)
		count++;
	return count;
}

/* In blocks: what is in bins, queues and garbage. */
static inline size_t held_blocks_bytes(void)
{
	size_t bytes = stats_now().queued_bytes + stats_now().backlog_bytes;

	for (struct tide_cache *cache = tide_cache_all(&tide_heap_default); cache != NULL;
	     cache = cache->all_next) {
		for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++)
			bytes += tide_cache_blocks(cache, cls) * tide_class_bytes(cls);
	}
	return bytes;
}

/* Settled: the equation, and both forms of the bound. `base` is what was resident before the first
 * block; live blocks are given by number, and by the most they may pin. */
static inline void assert_bound(size_t base, size_t live_pinned_bytes, size_t max_bytes)
{
	settle();
	assert_audit();
	unsigned caches = caches_made();
	struct tide_stats stats = stats_now();

	cr_assert_eq(stats.backlog_bytes, 0, "garbage was left behind");
	size_t held = held_blocks_bytes();
	size_t limit = held_limit(caches, max_bytes, false);
	cr_assert_leq(held, limit, "held in blocks: %zu KiB, limit: %zu KiB", held / KIB,
	              limit / KIB);
	if (SANITIZED)
		return;
	size_t above = resident_above(base);
	limit = live_pinned_bytes + held_limit(caches, max_bytes, true) + FRONTIER_BYTES +
	        stats.metadata_bytes + caches * THREAD_OWN_BYTES;
	cr_assert_leq(above, limit, "resident: %zu KiB, limit: %zu KiB", above / KIB, limit / KIB);
}

/* Nothing is live, and no bin is in use but the caller's: what a purge leaves. */
static inline void assert_nothing_left(size_t base)
{
	(void)tide_purge();
	settle();
	assert_audit();
	cr_assert_eq(stats_now().backlog_bytes, 0);
	cr_assert_eq(stats_now().large_bytes, 0);
	if (!SANITIZED)
		cr_assert_leq(resident_above(base),
		              FRONTIER_BYTES + stats_now().metadata_bytes + 4 * THREAD_OWN_BYTES,
		              "%zu KiB are left", resident_above(base) / KIB);
}

/* ---- A bounded channel of parcels ---- */

enum { CHANNEL_SLOTS = 4096 };

struct channel {
	_Atomic(struct parcel *) slot[CHANNEL_SLOTS];
};

/* False: that slot is taken. */
static inline bool channel_put(struct channel *channel, uint64_t at, struct parcel *parcel)
{
	struct parcel *none = NULL;

	return atomic_compare_exchange_strong(&channel->slot[at % CHANNEL_SLOTS], &none, parcel);
}

static inline struct parcel *channel_take(struct channel *channel, uint64_t at)
{
	if (atomic_load(&channel->slot[at % CHANNEL_SLOTS]) == NULL)
		return NULL;
	return atomic_exchange(&channel->slot[at % CHANNEL_SLOTS], NULL);
}

static inline const char *channel_empty(struct channel *channel)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < CHANNEL_SLOTS && wrong == NULL; i++) {
		struct parcel *parcel = channel_take(channel, i);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return wrong;
}

#endif
