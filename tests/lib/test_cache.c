/* cache.c: the cache of nobody, parking and taking over, capacities that follow use, and the
 * repair of what a thread that vanished left half done. */
#include "cache.h"

#include "heap.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"

#include "../api/support.h"

#include <criterion/criterion.h>

enum { CLS = 4, MEDIUM = 40, ENDLESS = 100000 };

static char memory[1 << 16];

static void *block(unsigned serial)
{
	return &memory[16 * (size_t)serial];
}

static struct tide_cache *unpark(uint32_t thread_id)
{
	struct tide_cache *cache = tide_cache_unpark(&tide_heap_default, thread_id);

	cr_assert_not_null(cache);
	return cache;
}

static struct tide_bin *bin_of(unsigned cls, unsigned first, unsigned count)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	cr_assert_not_null(bin);
	for (unsigned i = 0; i < count; i++)
		tide_bin_add(bin, block(first + i));
	return bin;
}

static void assert_no_bin(const struct tide_cache *cache, unsigned cls)
{
	void **top = cache->top[cls];

	cr_assert_eq(*top, top[-1], "not empty");
	cr_assert_eq(top[1], TIDE_BIN_FULL, "not full");
	cr_assert_null(cache->ready[cls]);
}

Test(cache, the_cache_of_nobody_is_empty_and_full_at_once)
{
	cr_assert_eq(tide_cache_self, TIDE_CACHE_NONE);
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++)
		assert_no_bin(TIDE_CACHE_NONE, cls);
	cr_assert_eq(tide_cache_self->near_pages, 0u);
	cr_assert(tide_cache_is_valid(TIDE_CACHE_NONE));
}

Test(cache, a_new_cache_has_nothing_and_knows_the_window)
{
	tide_pagemap_init(0x7f0000000000);
	struct tide_cache *cache = unpark(77);

	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		assert_no_bin(cache, cls);
		cr_assert_eq(tide_cache_blocks(cache, cls), 0u);
	}
	cr_assert(tide_cache_is_valid(cache));
	cr_assert_eq(tide_cache_thread_id(tide_load_relaxed(&cache->owner)), 77u);
	cr_assert_eq(cache->near_base, tide_pagemap_near()->base);
	cr_assert_eq(cache->near_pages, tide_pagemap_near()->pages);
	cr_assert_eq(cache->near_map, tide_pagemap_near()->map);
	cr_assert(tide_garbage_is_empty(&cache->garbage));
	cr_assert_eq(tide_cache_all(&tide_heap_default), cache);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
}

Test(cache, a_parked_cache_serves_the_next_thread_with_its_bins)
{
	struct tide_cache *cache = unpark(77);
	uint64_t owner = tide_load_relaxed(&cache->owner);

	tide_cache_install(cache, bin_of(CLS, 0, 5));
	tide_cache_park(cache);
	cr_assert_eq(tide_cache_thread_id(tide_load_relaxed(&cache->owner)), 0u);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 0u);
	cr_assert_eq(unpark(77), cache);
	cr_assert_eq(tide_cache_blocks(cache, CLS), 5u);
	cr_assert_eq(*cache->top[CLS], block(4));
	/* The same thread number, but not the same owner. */
	cr_assert_neq(tide_load_relaxed(&cache->owner), owner);
	cr_assert_eq(tide_cache_thread_id(tide_load_relaxed(&cache->owner)), 77u);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);

	struct tide_cache *other = unpark(78);
	cr_assert_neq(other, cache);
	cr_assert_eq(tide_cache_all(&tide_heap_default), other);
	cr_assert_eq(other->all_next, cache);
	cr_assert_null(cache->all_next);
	cr_assert_null(tide_cache_take_parked(&tide_heap_default));
}

Test(cache, who_takes_a_parked_cache_to_empty_it_is_no_thread)
{
	struct tide_cache *cache = unpark(77);

	tide_cache_park(cache);
	cr_assert_eq(tide_cache_take_parked(&tide_heap_default), cache);
	tide_cache_park(cache);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 0u);
	cr_assert_eq(unpark(77), cache);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
}

Test(cache, without_memory_there_is_none_and_later_there_is)
{
	size_t made = 0;

	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	cr_assert_null(tide_cache_unpark(&tide_heap_default, 1));
	tide_os_fault_plan(TIDE_OS_MMAP, 3, UINT32_MAX);
	while (tide_cache_unpark(&tide_heap_default, 1) != NULL)
		cr_assert_lt(++made, ENDLESS);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), made);
	tide_os_fault_plan(0, 0, 0);
	(void)unpark(1);
}

/* Bins in and out. */

Test(cache, the_ready_bin_comes_out_with_its_count)
{
	struct tide_cache *cache = unpark(1);
	struct tide_bin *bin = bin_of(CLS, 0, 5);

	cr_assert_null(tide_cache_remove_ready(cache, CLS));
	tide_cache_install(cache, bin);
	cr_assert_eq(bin->mark, tide_cache_capacity(cache, CLS));
	*++cache->top[CLS] = block(5); /* as free does */
	*++cache->top[CLS] = block(6);
	cr_assert_eq(tide_cache_blocks(cache, CLS), 7u);
	cr_assert(tide_cache_is_valid(cache));
	cr_assert_eq(tide_cache_remove_ready(cache, CLS), bin);
	cr_assert_eq(bin->count, 7);
	cr_assert(tide_bin_is_valid(bin));
	assert_no_bin(cache, CLS);
}

Test(cache, emptying_publishes_every_block)
{
	struct tide_cache *cache = unpark(1);
	unsigned serial = 0;
	bool seen[COUNT_OF(memory) / 16] = { false };
	struct tide_bin *spent;
	struct tide_bin *bin;

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		tide_cache_install(cache, bin_of(cls, serial, cls % 3));
		serial += cls % 3;
		cache->pending[cls] = bin_of(cls, serial, cls % 5);
		serial += cls % 5;
	}
	cache->pending[MEDIUM] = NULL;
	cr_assert(tide_cache_is_valid(cache));
	cr_assert(tide_cache_empty(cache));
	unsigned found = MEDIUM % 5; /* of these the bin was taken away */
	while ((bin = tide_garbage_consume(&cache->garbage, &spent)) != NULL) {
		while (bin->count > 0) {
			size_t at = (size_t)((char *)tide_bin_take(bin) - memory) / 16;
			cr_assert(!seen[at]);
			seen[at] = true;
			found++;
		}
		tide_bin_recycle(spent);
	}
	cr_assert_eq(found, serial);
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		assert_no_bin(cache, cls);
		cr_assert_null(cache->pending[cls]);
	}
	cr_assert(!tide_cache_empty(cache));
	cr_assert(tide_garbage_is_empty(&cache->garbage));
}

/* Capacities. */

Test(cache, a_first_bin_is_small_and_never_without_room)
{
	struct tide_cache *cache = unpark(1);

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		unsigned capacity = tide_cache_capacity(cache, cls);

		cr_assert_geq(capacity, 1u);
		cr_assert_leq(capacity, (unsigned)tide_option(TIDE_OPTION_BIN_BLOCKS));
		cr_assert(capacity == 1 || capacity * tide_class_bytes(cls) <=
		                               (size_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES));
	}
}

Test(cache, a_class_that_keeps_missing_gets_larger_bins_up_to_the_limits)
{
	struct tide_cache *cache = unpark(1);

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		unsigned start = tide_cache_capacity(cache, cls);
		unsigned before = start;

		for (int i = 0; i < 200; i++) {
			tide_cache_missed(cache, cls);
			unsigned capacity = tide_cache_capacity(cache, cls);
			cr_assert_geq(capacity, before);
			cr_assert_leq(capacity, 2 * before);
			before = capacity;
		}
		size_t fit = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES) / tide_class_bytes(cls);
		size_t most = (size_t)tide_option(TIDE_OPTION_BIN_MAX_BLOCKS);
		size_t limit = fit < most ? fit : most;
		cr_assert_eq(before, limit > 0 ? limit : 1);

		/* A single spill changes nothing; a thread that only frees shrinks again. */
		tide_cache_spilled(cache, cls);
		cr_assert_eq(tide_cache_capacity(cache, cls), before);
		for (int i = 0; i < 20; i++)
			tide_cache_spilled(cache, cls);
		cr_assert_eq(tide_cache_capacity(cache, cls), start);
	}
}

Test(cache, misses_and_spills_by_turns_leave_the_bins_alone)
{
	struct tide_cache *cache = unpark(1);

	for (int i = 0; i < 4; i++)
		tide_cache_missed(cache, CLS);
	unsigned grown = tide_cache_capacity(cache, CLS);
	for (int i = 0; i < 100; i++) {
		tide_cache_missed(cache, CLS);
		for (int spill = 0; spill < 5; spill++)
			tide_cache_spilled(cache, CLS);
		cr_assert_geq(tide_cache_capacity(cache, CLS), grown);
	}
}

/* The validator. */

Test(cache, the_validator_finds_what_does_not_agree)
{
	struct tide_cache *cache = unpark(1);
	struct tide_bin *ready = bin_of(CLS, 0, 5);
	struct tide_bin *pending = bin_of(CLS, 5, 5);

	tide_cache_install(cache, ready);
	cache->pending[CLS] = pending;
	cr_assert(tide_cache_is_valid(cache));

	cache->ready[CLS] = NULL; /* a top without a bin */
	cr_assert(!tide_cache_is_valid(cache));
	cache->ready[CLS] = ready;
	cache->ready[CLS + 1] = ready; /* a bin without a top */
	cr_assert(!tide_cache_is_valid(cache));
	cache->ready[CLS + 1] = NULL;
	cache->pending[CLS + 1] = pending; /* a bin of another class */
	cr_assert(!tide_cache_is_valid(cache));
	cache->pending[CLS + 1] = NULL;
	pending->count = TIDE_BIN_SLOTS + 1;
	cr_assert(!tide_cache_is_valid(cache));
	pending->count = 5;
	ready->slot[TIDE_BIN_BASE] = block(1); /* a block twice */
	cr_assert(!tide_cache_is_valid(cache));
	ready->slot[TIDE_BIN_BASE] = block(0);
	cr_assert(tide_cache_is_valid(cache));
}

/* Taking over. */

Test(cache, a_cache_is_adopted_from_its_owner_only)
{
	struct tide_cache *cache = unpark(77);
	uint64_t owner = tide_load_relaxed(&cache->owner);

	cr_assert(!tide_cache_adopt(cache, owner + 1));
	tide_cache_park(cache);
	cr_assert(!tide_cache_adopt(cache, owner));
	cr_assert_eq(unpark(77), cache);
	cr_assert(!tide_cache_adopt(cache, owner)); /* the same number, a later thread */
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
	cr_assert(tide_cache_adopt(cache, tide_load_relaxed(&cache->owner)));
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 0u);
	cr_assert_eq(tide_cache_take_parked(&tide_heap_default), cache);
	cr_assert_null(tide_cache_take_parked(&tide_heap_default));
}

/* Adopt and empty a cache; every block comes out at most once. Returns how many. */
static unsigned adopt_and_empty(struct tide_cache *cache)
{
	bool seen[COUNT_OF(memory) / 16] = { false };
	struct tide_bin *spent;
	struct tide_bin *bin;
	unsigned found = 0;

	cr_assert(tide_cache_adopt(cache, tide_load_relaxed(&cache->owner)));
	cr_assert(tide_cache_is_valid(cache));
	cr_assert_eq(tide_cache_take_parked(&tide_heap_default), cache);
	(void)tide_cache_empty(cache);
	while ((bin = tide_garbage_consume(&cache->garbage, &spent)) != NULL) {
		cr_assert(tide_bin_is_valid(bin));
		for (unsigned i = 0; i < bin->count; i++) {
			size_t at = (size_t)((char *)bin->slot[TIDE_BIN_BASE + i] - memory) / 16;
			cr_assert(!seen[at], "block %zu twice", at);
			seen[at] = true;
			found++;
		}
		cr_assert_lt(found, 100u, "the queue goes in a circle");
	}
	return found;
}

static struct tide_cache *busy_cache(void)
{
	struct tide_cache *cache = unpark(77);

	tide_cache_install(cache, bin_of(CLS, 0, 5));
	cache->pending[CLS] = bin_of(CLS, 5, 7);
	return cache;
}

Test(cache, a_thread_that_vanished_between_two_calls_loses_nothing)
{
	cr_assert_eq(adopt_and_empty(busy_cache()), 12u);
}

/* The child of a fork would have to copy it. */
Test(cache, adoption_writes_to_no_bin_that_is_whole)
{
	struct tide_cache *cache = busy_cache();
	struct tide_bin *bin[] = { cache->ready[CLS], cache->pending[CLS] };
	char before[COUNT_OF(bin)][2048];

	/* Above its blocks a bin has what was taken out; to mend it is to clear that. */
	for (unsigned i = 0; i < COUNT_OF(bin); i++)
		bin[i]->slot[TIDE_BIN_BASE + 8] = block(20);
	for (unsigned i = 0; i < COUNT_OF(bin); i++)
		memcpy(before[i], bin[i], tide_bin_bytes(bin[i]->slots));
	cr_assert(tide_cache_adopt(cache, tide_load_relaxed(&cache->owner)));
	cr_assert_eq(cache->ready[CLS], bin[0]);
	cr_assert_eq(cache->pending[CLS], bin[1]);
	for (unsigned i = 0; i < COUNT_OF(bin); i++)
		cr_assert_eq(memcmp(before[i], bin[i], tide_bin_bytes(bin[i]->slots)), 0);
}

/* Each stands for a thread that vanished between two stores of cache.c or slow.c. */

Test(cache, vanished_while_installing_a_bin)
{
	struct tide_cache *cache = busy_cache();
	struct tide_bin *ready = tide_cache_remove_ready(cache, CLS);

	cache->ready[CLS] = ready; /* and the top not yet */
	cr_assert_geq(adopt_and_empty(cache), 7u);
	assert_no_bin(cache, CLS);
}

Test(cache, vanished_while_removing_a_bin)
{
	struct tide_cache *cache = busy_cache();

	cache->ready[CLS] = NULL; /* and the top still there */
	cr_assert_geq(adopt_and_empty(cache), 7u);
	assert_no_bin(cache, CLS);
}

Test(cache, vanished_while_the_bins_changed_places)
{
	struct tide_cache *cache = busy_cache();

	cache->pending[CLS] = cache->ready[CLS];
	cr_assert_leq(adopt_and_empty(cache), 5u);

	cache = busy_cache();
	tide_cache_install(cache, cache->pending[CLS]);
	cr_assert_leq(adopt_and_empty(cache), 7u);
}

Test(cache, vanished_while_publishing_a_bin)
{
	struct tide_cache *cache = busy_cache();
	struct tide_bin *half = bin_of(CLS, 20, 3);

	tide_store_relaxed(&half->node.next, NULL);
	tide_store_seq_cst(&cache->garbage.tail->node.next, &half->node);
	cr_assert_eq(adopt_and_empty(cache), 15u);
}

/* Threads come and go: as many caches as threads at once. */

enum { THREADS = 4, LIVES = SCALED(20000) };

static void *come_and_go(void *arg)
{
	uint32_t *id = arg;

	for (int i = 0; i < LIVES; i++) {
		struct tide_cache *cache = tide_cache_unpark(&tide_heap_default, *id);
		if (cache == NULL)
			return "no cache";
		if (tide_cache_thread_id(tide_load_relaxed(&cache->owner)) != *id)
			return "a cache has two owners";
		cache->pool_bytes++;
		if (tide_cache_thread_id(tide_load_relaxed(&cache->owner)) != *id)
			return "a cache has two owners";
		tide_cache_park(cache);
	}
	return NULL;
}

Test(cache, no_more_caches_are_made_than_threads_live_at_once, .timeout = 60)
{
	uint32_t id[THREADS] = { 1, 2, 3, 4 };
	const char *wrong = run_threads(come_and_go, id, sizeof id[0], THREADS);
	unsigned caches = 0;
	uint64_t lives = 0;

	cr_assert_null(wrong, "%s", wrong);
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next) {
		caches++;
		lives += cache->pool_bytes;
	}
	cr_assert_leq(caches, THREADS);
	cr_assert_eq(lives, (uint64_t)THREADS * LIVES);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 0u);
}
