/* loop.c: the steps, on whichever thread; the token; and what a step may not do. */
#include "support.h"

TestSuite(loop, .timeout = 60);

static void begin(void)
{
	process_begins();
	tide_options_set(TIDE_OPTION_GC, 0);
}

/* Blocks made and freed again, so that all ways are used. */
static void churn(unsigned rounds, uint64_t seed)
{
	enum { SLOTS = 2000 };
	static struct parcel *slot[SLOTS];
	uint64_t random = seed;

	for (unsigned i = 0; i < rounds; i++) {
		struct parcel **at = &slot[random_next(&random) % SLOTS];
		if (*at != NULL)
			cr_assert_null(parcel_end(*at));
		*at = parcel_make(random_mixed_size(&random), random);
		cr_assert_not_null(*at);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot[i] != NULL)
			cr_assert_null(parcel_end(slot[i]));
		slot[i] = NULL;
	}
}

Test(loop, without_the_token_nothing_is_done, .init = begin)
{
	struct tide_cache *cache = tide_cache_self;
	struct tide_bin *bin = tide_bin_new(tide_class_of(64), TIDE_BIN_SLOTS);

	(void)free_region();
	cr_assert(tide_token_try());
	uint64_t cycles = stats_now().gc_cycles;
	cr_assert_eq(tide_gc_step_once(), -1);
	cr_assert_eq(tide_gc_refill_inline(cache, bin, 8), 0);
	cr_assert_eq(bin->count, 0);
	cr_assert_not(tide_gc_help(cache));
	cr_assert_null(tide_gc_chunk_aligned(tide_cache_self, tide_class_of(20000), 4096));
	cr_assert_eq(stats_now().gc_cycles, cycles);
	/* And everything still works. */
	churn(SCALED(20000u), 1);
	tide_token_release();
	cr_assert_eq(tide_gc_refill_inline(cache, bin, 8), 8);
	cr_assert(tide_token_try(), "the token was given back");
	tide_token_release();
}

Test(loop, memory_is_bounded_while_another_holds_the_token_for_ever, .init = begin)
{
	cr_assert(tide_token_try());
	churn(SCALED(50000u), 2);
	uint64_t mapped = stats_now().mapped_bytes;
	for (unsigned i = 0; i < 8; i++)
		churn(SCALED(50000u), 2);
	cr_assert_leq(stats_now().mapped_bytes, 2 * mapped + 16 * MIB);
	tide_token_release();
	assert_audit();
}

Test(loop, a_step_drains_no_more_than_its_share, .init = begin)
{
	unsigned cls = tide_class_of(64);
	struct tide_cache *cache = tide_cache_self;
	unsigned blocks = 64 * 100;
	static void *block[64 * 100];

	for (unsigned i = 0; i < blocks; i++)
		block[i] = tide_malloc(64);
	for (unsigned i = 0; i < blocks; i += 64) {
		struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
		for (unsigned k = 0; k < 64; k++) {
			tide_bin_add(bin, block[i + k]);
			tide_count_owned(&cache->frees[cls], 1u);
		}
		tide_garbage_publish(&cache->garbage, bin);
	}
	if (!TIDE_AUDITED)
		cr_assert_gt(stats_now().backlog_bytes, 0);
	unsigned steps = 0;
	uint64_t left = stats_now().backlog_bytes;
	while (left > 0) {
		cr_assert_eq(tide_gc_step_once(), 1);
		uint64_t now = stats_now().backlog_bytes;
		cr_assert_lt(now, left);
		cr_assert_leq(left - now, 16 * 64 * 64u, "a step is short");
		left = now;
		steps++;
	}
	cr_assert_geq(steps, 7);
	while (tide_gc_step_once() == 1)
		cr_assert_lt(++steps, 10000u);
	cr_assert_eq(tide_gc_step_once(), 0);
	assert_audit();
}

Test(loop, a_miss_is_served_from_what_was_freed, .init = begin)
{
	struct tide_cache *cache = tide_cache_self;
	unsigned cls = tide_class_of(5000);
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
	struct tide_region *region = free_region();

	uint64_t inline_before = stats_now().gc_inline_steps;
	cr_assert_eq(tide_gc_refill_inline(cache, bin, 5), 5);
	cr_assert_eq(stats_now().gc_inline_steps, inline_before + 1);
	for (unsigned i = 0; i < 5; i++)
		cr_assert_eq(tide_pagemap_region((uintptr_t)bin->slot[TIDE_BIN_BASE + i]), region);
	/* Garbage is drained for it. */
	tide_garbage_publish(&cache->garbage, bin);
	struct tide_bin *second = tide_bin_new(cls, TIDE_BIN_SLOTS);
	cr_assert_eq(tide_gc_refill_inline(cache, second, 3), 3);
	cr_assert(tide_garbage_is_empty(&cache->garbage));
}

Test(loop, a_purge_empties_everything, .init = begin)
{
	churn(SCALED(100000u), 3);
	cr_assert_gt(tide_purge(), 0);
	struct tide_stats stats = stats_now();
	cr_assert_eq(stats.backlog_bytes, 0);
	cr_assert_eq(stats.queued_bytes, 0);
	cr_assert_eq(stats.large_cached_bytes, 0);
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 0);
	cr_assert_eq(tide_purge(), 0);
	assert_audit();
}
