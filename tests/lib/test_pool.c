/* pool.c: medium blocks that serve for a little less than they are, and what a thread may keep. */
#include <tide/heap.h>

#include "block.h"
#include "gc.h"
#include "heap.h"
#include "options.h"
#include "pool.h"
#include "region.h"
#include "seat.h"
#include "slow.h"
#include "token.h"

#include "step.h"

#include "../api/support.h"

#include <criterion/criterion.h>

static void *block_of(size_t bytes)
{
	void *block = tide_malloc(bytes);

	cr_assert_not_null(block);
	return block;
}

static struct tide_region *region_of(const void *block, unsigned *granule)
{
	struct tide_region *region;
	struct tide_slab *slab;
	struct tide_heap *heap;
	unsigned cls = tide_block_class(block, "test", &heap);

	cr_assert_eq(heap, &tide_heap_default);
	cr_assert(tide_region_find_block(block, cls, &region, &slab, granule));
	return region;
}

static size_t chunk_bytes(const void *block)
{
	unsigned granule;
	struct tide_region *region = region_of(block, &granule);

	return (tide_load_relaxed(&region->tag[granule]) & TIDE_TAG_GRANULES) * (size_t)KIB;
}

static void assert_sound(void)
{
	const char *wrong = tide_gc_audit();
	cr_assert_null(wrong, "%s", wrong);
}

Test(pool, a_block_serves_for_up_to_an_eighth_less)
{
	void *first = block_of(80 * KIB);

	tide_free(first);
	cr_assert_eq(block_of(72 * KIB), first);
	cr_assert_eq(tide_malloc_usable_size(first), 80 * KIB, "it stays what it is");
	cr_assert_eq(chunk_bytes(first), 80 * KIB);
	assert_sound();

	tide_free(first);
	cr_assert_neq(block_of(70 * KIB), first);
	cr_assert_eq(block_of(80 * KIB), first);
	cr_assert_eq(tide_malloc_usable_size(first), 80 * KIB);
	assert_sound();
}

Test(pool, the_wanted_class_comes_first)
{
	void *larger = block_of(41 * KIB);
	void *right = block_of(40 * KIB);

	tide_free(right);
	tide_free(larger);
	cr_assert_eq(block_of(40 * KIB), right);
	cr_assert_eq(block_of(40 * KIB), larger);
}

Test(pool, what_is_too_long_or_too_short_does_not_serve)
{
	void *longer = block_of(100 * KIB);
	void *shorter = block_of(50 * KIB);

	tide_free(longer);
	tide_free(shorter);
	void *block = block_of(60 * KIB);
	cr_assert(block != longer && block != shorter);
	cr_assert_neq(block_of(128 * KIB), longer);
}

/* Also when the whole of it is freed elsewhere and merged by the GC. */
Test(pool, the_gc_gets_the_whole_chunk)
{
	void *block = block_of(120 * KIB);
	void *after = block_of(9 * KIB);

	tide_free(block);
	cr_assert_eq(block_of(110 * KIB), block);
	uint64_t free_bytes = stats_now().free_set_bytes;
	tide_free(block);
	tide_purge();
	cr_assert_eq(stats_now().free_set_bytes - free_bytes, 120 * KIB);
	assert_sound();
	tide_free(after);
}

/* A freed block of the class of `has` serves for `asked`, or it does not. */
static void assert_serves(size_t has, size_t asked, bool serves)
{
	tide_free(block_of(has));
	void *block = block_of(asked);
	cr_assert_eq(tide_malloc_usable_size(block) == has, serves, "%zu KiB for %zu KiB",
	             has / KIB, asked / KIB);
	tide_free(block);
	tide_purge();
}

Test(pool, the_edges_of_what_serves)
{
	static void *live[32]; /* a heap of which a part is more than any of these */

	for (size_t i = 0; i < COUNT_OF(live); i++)
		live[i] = block_of(MIB);
	assert_serves(36 * KIB, 33 * KIB, true);  /* the least without a ready bin */
	assert_serves(33 * KIB, 32 * KIB, false); /* from there to where there is one */
	assert_serves(73 * KIB, 65 * KIB, true);  /* an eighth of 65, rounded down */
	assert_serves(74 * KIB, 65 * KIB, false);
	assert_serves(73 * KIB, 72 * KIB, true); /* from one word of marks to the next */
	assert_serves(288 * KIB, 256 * KIB, true);
	assert_serves(128 * KIB, 120 * KIB, true);
	assert_serves(144 * KIB, 120 * KIB, false);
	assert_serves(144 * KIB, 128 * KIB, true);
	assert_serves(160 * KIB, 129 * KIB, true);
	assert_serves(176 * KIB, 129 * KIB, false);
	assert_serves(1024 * KIB, 960 * KIB, true);
	assert_serves(1024 * KIB, 961 * KIB, true);
	assert_sound();
}

/* What is freed where its class has a bin already goes by the short path; one that is no block
 * still does not go in. */
Test(pool, the_middle_of_a_block_is_not_freed)
{
	tide_options_set(TIDE_OPTION_FATAL, 0);
	char *block = block_of(64 * KIB);
	void *other = block_of(64 * KIB);

	tide_free(other);
	tide_free(block + KIB);
	tide_free(block + 16);
	cr_assert_eq(tide_cache_blocks(tide_cache_self, tide_class_of(64 * KIB)), 1u);
	tide_free(block);
	cr_assert_eq(tide_cache_blocks(tide_cache_self, tide_class_of(64 * KIB)), 2u);
	assert_sound();
}

/* In a heap that the program made, too, where pages do not say the class. */
Test(pool, a_program_s_heap_has_one)
{
	struct tide_heap *heap;

	cr_assert_not_null(heap = tide_heap_create(NULL));
	void *block = tide_heap_malloc(heap, 80 * KIB);
	tide_free(block);
	cr_assert_eq(tide_heap_malloc(heap, 72 * KIB), block);
	cr_assert_eq(tide_malloc_usable_size(block), 80 * KIB);
	assert_sound();
	tide_heap_destroy(heap);
}

/* tests/death has the fatal side. */
Test(pool, a_block_in_the_pool_is_freed_once)
{
	tide_options_set(TIDE_OPTION_FATAL, 0);
	void *block = block_of(64 * KIB);
	void *other = block_of(64 * KIB);

	tide_free(block);
	tide_free(other);
	tide_free(block);
	assert_sound();
	cr_assert_eq(block_of(64 * KIB), other);
	cr_assert_eq(block_of(64 * KIB), block);
	cr_assert_neq(block_of(64 * KIB), block);
}

Test(pool, a_thread_keeps_a_bounded_pool)
{
	static void *block[200];
	uint64_t random = 5;

	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < COUNT_OF(block); i++)
			block[i] = block_of(33 * KIB + random_next(&random) % (95 * KIB));
		for (size_t i = 0; i < COUNT_OF(block); i++) {
			uint64_t bytes = 0;

			tide_free(block[i]);
			for (unsigned cls = tide_class_of(TIDE_POOL_ONLY_BYTES) + 1;
			     cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
				unsigned kept = tide_cache_blocks(tide_cache_self, cls);
				cr_assert_lt(kept, (unsigned)TIDE_POOL_BIN_BLOCKS);
				bytes += kept * tide_class_bytes(cls);
			}
			cr_assert_leq(bytes, TIDE_POOL_MAX_BYTES);
			cr_assert_eq(tide_cache_self->pool_bytes, bytes);
		}
	}
	assert_sound();
}

enum { ROUNDS = SCALED(200000), HELD = 64 };

/* Random sizes: blocks never overlap, whatever class they pass for. */
Test(pool, contents_are_kept_in_a_mix_of_sizes)
{
	static struct {
		unsigned char *block;
		size_t bytes;
	} held[HELD];
	uint64_t random = 17;

	for (int i = 0; i < ROUNDS; i++) {
		size_t at = random_next(&random) % HELD;

		if (held[at].block != NULL) {
			cr_assert_eq(held[at].block[0], (unsigned char)at);
			cr_assert_eq(held[at].block[held[at].bytes - 1], (unsigned char)at);
		}
		tide_free(held[at].block);
		held[at].bytes = 9 * KIB + random_next(&random) % (119 * KIB);
		held[at].block = block_of(held[at].bytes);
		cr_assert_geq(tide_malloc_usable_size(held[at].block), held[at].bytes);
		held[at].block[0] = (unsigned char)at;
		held[at].block[held[at].bytes - 1] = (unsigned char)at;
	}
	assert_sound();
}

/* The GC takes what an idle thread has in its pending bins, small and medium. */

static unsigned emptied;

static void count_and_empty(struct tide_heap *heap, struct tide_bin *bin)
{
	emptied += bin->count;
	tide_gc_drain_bin(heap, bin);
}

Test(pool, the_gc_takes_what_an_idle_thread_keeps)
{
	void *block = block_of(100 * KIB);

	tide_gc_stop();
	tide_free(block);
	struct tide_cache *cache = tide_cache_self;
	cr_assert_eq(tide_cache_blocks(cache, tide_class_of(100 * KIB)), 1u);
	cr_assert(tide_cache_is_to_take(cache));
	cr_assert_not(tide_cache_take_idle(cache, count_and_empty, NULL), "it was not idle so far");
	cr_assert(tide_cache_take_idle(cache, count_and_empty, NULL));
	cr_assert_eq(emptied, 1u);
	cr_assert_eq(tide_cache_blocks(cache, tide_class_of(100 * KIB)), 0u);
	cr_assert_not(tide_cache_is_to_take(cache));
	assert_sound();
}

/* It is told once, and again after it took what there was. */
Test(pool, the_gc_is_told_of_what_is_kept_next)
{
	void *block[2] = { block_of(100 * KIB), block_of(100 * KIB) };

	tide_gc_stop();
	struct tide_cache *cache = tide_cache_self;
	for (size_t i = 0; i < COUNT_OF(block); i++) {
		tide_free(block[i]);
		cr_assert(cache->noted);
		cr_assert(tide_cache_is_to_take(cache));
		(void)tide_cache_take_idle(cache, count_and_empty, NULL);
		cr_assert(tide_cache_take_idle(cache, count_and_empty, NULL));
		cr_assert_not(cache->noted);
		cr_assert_not(tide_cache_is_to_take(cache));
	}
}

/* Somebody has the token for good, and plenty is free: after a few looks fresh memory does. */
Test(pool, nobody_waits_for_the_token_for_good)
{
	static void *block[64];

	tide_gc_stop();
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = block_of(200 * KIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	tide_self_empty();
	(void)tide_gc_step_once();
	cr_assert_gt(stats_now().free_set_bytes, stats_now().mapped_bytes / 8);
	cr_assert(tide_token_try());
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = block_of(150 * KIB);
	tide_token_release();
	assert_sound();
}

/* While the GC is at the pending bins, the owner does without them. */
Test(pool, nobody_waits_for_the_pending_bins)
{
	static void *block[400];
	struct tide_cache *cache;

	tide_gc_stop();
	tide_free(block_of(100 * KIB));
	cache = tide_cache_self;
	tide_store_relaxed(&cache->pending_taken, true);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT_OF(block); i++)
			block[i] = block_of(i % 2 != 0 ? 64 : 100 * KIB);
		for (size_t i = 0; i < COUNT_OF(block); i++)
			tide_free(block[i]);
	}
	cr_assert_eq(tide_cache_blocks(cache, tide_class_of(100 * KIB)), 1u);
	tide_store_relaxed(&cache->pending_taken, false);
	assert_sound();
}
