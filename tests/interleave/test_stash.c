/* stash.c: of a slab one thread keeps blocks at a time, whoever stands still where; and what an
 * owner keeps is taken over while it goes on. No block is in two places. */
#include "support.h"

#include "cache.h"
#include "heap.h"
#include "options.h"
#include "slab.h"

#include <tide/tide.h>

enum { BYTES = 512, CLS = TIDE_STASH_LAST, BLOCKS = 6, EACH = 2, ROUNDS = 2 };

#define POINTS "stash. cache. test."

static void *block[BLOCKS]; /* of one slab */
static struct tide_cache *keeper;
static struct tide_stash stash[SCENARIO_THREADS];
static struct tide_bin *bin[SCENARIO_THREADS];
static struct tide_bin *single[ROUNDS];
static unsigned taken[BLOCKS]; /* over, by the GC */

static unsigned number_of(const void *it)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (block[i] == it)
			return i;
	}
	schedule_fail("that is no block of ours: %p", it);
	return 0;
}

/* Each thread has two blocks in its bin. */
static void one_slab(void)
{
	tide_options_set(TIDE_OPTION_GC, 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		block[i] = tide_malloc(BYTES);
		schedule_must(block[i] != NULL && tide_slab_of(block[i]) == tide_slab_of(block[0]));
	}
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		stash[i].most = BLOCKS;
		bin[i] = tide_bin_new(CLS, TIDE_BIN_SLOTS);
		schedule_must(bin[i] != NULL);
		for (unsigned j = 0; i < BLOCKS / EACH && j < EACH; j++)
			tide_bin_add(bin[i], block[i * EACH + j]);
	}
	keeper = tide_cache_self;
	tide_cache_self = TIDE_CACHE_NONE;
}

static void put_and_take(struct tide_stash *own, struct tide_bin *in)
{
	unsigned before = in->count;

	(void)tide_stash_put(own, in);
	TIDE_YIELD("test.put");
	if (in->count == before)
		TIDE_YIELD("test.another_has_it");
	(void)tide_stash_take(own, in);
	if (in->count != before || own->top != NULL)
		schedule_fail("%u blocks came back, of %u", in->count, before);
}

static void keep(void)
{
	int self = schedule_self();

	for (unsigned i = 0; i < ROUNDS; i++)
		put_and_take(&stash[self], bin[self]);
}

/* The blocks of thread 0, a bin for each. */
static void one_slab_and_a_cache(void)
{
	one_slab();
	for (unsigned i = 0; i < ROUNDS; i++) {
		single[i] = tide_bin_new(CLS, TIDE_BIN_SLOTS);
		schedule_must(single[i] != NULL);
		tide_bin_add(single[i], tide_bin_take(bin[0]));
	}
}

/* In slow calls, as threads do. */
static void keep_in_a_cache(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		tide_cache_slow_enter(keeper);
		if (keeper->has_pending) {
			keeper->stash[CLS].most = BLOCKS; /* also after all was taken */
			(void)tide_stash_put(&keeper->stash[CLS], single[i]);
			TIDE_YIELD("test.kept");
		}
		tide_cache_slow_leave(keeper);
	}
}

static void take_slab(struct tide_slab *slab)
{
	_Atomic uint64_t *own = slab->bits + tide_slab_words(CLS);
	uint64_t word = tide_load_relaxed(own);

	TIDE_YIELD("test.takes_over");
	for (unsigned i = 0; i < BLOCKS; i++) {
		uint64_t bit = 1ull << (((uintptr_t)block[i] - slab->base) / BYTES);
		taken[i] += (word & bit) != 0;
	}
	tide_store_relaxed(own, 0);
	tide_stash_let_go(slab);
}

static void take_over(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		(void)tide_cache_take_stashes(keeper, true, take_slab);
}

static void count_bin(const struct tide_bin *in, unsigned *places)
{
	for (unsigned i = 0; i < in->count; i++)
		places[number_of(in->slot[TIDE_BIN_BASE + i])]++;
}

static const char *each_block_is_in_one_place(void)
{
	unsigned places[BLOCKS];
	struct tide_slab *slab = tide_slab_of(block[0]);
	uint64_t own = tide_load_relaxed(&slab->bits[tide_slab_words(CLS)]);

	for (unsigned i = 0; i < BLOCKS; i++) {
		places[i] = taken[i];
		places[i] += own >> (((uintptr_t)block[i] - slab->base) / BYTES) & 1;
	}
	for (unsigned i = 0; i < SCENARIO_THREADS; i++)
		count_bin(bin[i], places);
	for (unsigned i = 0; i < ROUNDS && single[i] != NULL; i++)
		count_bin(single[i], places);
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (places[i] > 1)
			return "a block is in two places";
		if (places[i] == 0 && schedule_frozen() < 0)
			return "a block was lost";
	}
	if (schedule_frozen() < 0 && own == 0 && tide_load_relaxed(&slab->owner) != NULL)
		return "somebody keeps the slab, and nothing of it";
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "threads_keep_blocks_of_one_slab",
	  .set_up = one_slab,
	  .thread = { keep, keep, keep },
	  .check = each_block_is_in_one_place,
	  .points = POINTS,
	  .must_meet = "test.another_has_it" },
	{ .name = "one_that_keeps_some_is_frozen",
	  .set_up = one_slab,
	  .thread = { keep, keep },
	  .check = each_block_is_in_one_place,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "what_is_kept_is_taken_over",
	  .set_up = one_slab_and_a_cache,
	  .thread = { keep_in_a_cache, take_over, keep },
	  .check = each_block_is_in_one_place,
	  .points = POINTS,
	  .must_meet = "test.takes_over" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
