/* stash.c: what a thread keeps comes back side by side and is nobody else's; there is as much of it
 * as the thread needs. */
#include "stash.h"

#include "block.h"
#include "slab.h"

#include "../api/support.h"

#include <criterion/criterion.h>

enum { CLS = 2, BYTES = 32, BLOCKS = 300, ROOM = 100000 };

static void *block[BLOCKS];
static struct tide_stash stash;

/* Blocks of fresh slabs, in the order of their addresses. */
static void blocks_are_made(void)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		block[i] = tide_malloc(BYTES);
		cr_assert_not_null(block[i]);
		cr_assert(i == 0 || block[i] == (char *)block[i - 1] + BYTES);
	}
	stash.most = ROOM;
}

static struct tide_bin *bin_of(void *const *blocks, unsigned count)
{
	struct tide_bin *bin = tide_bin_new(CLS, TIDE_BIN_SLOTS);

	cr_assert_not_null(bin);
	for (unsigned i = 0; i < count; i++)
		tide_bin_add(bin, blocks[i]);
	return bin;
}

/* All but what is left in a bin goes into the stash; how many are left. */
static unsigned put(struct tide_stash *to, void *const *blocks, unsigned count)
{
	struct tide_bin *bin = bin_of(blocks, count);

	(void)tide_stash_put(to, bin);
	unsigned left = bin->count;
	bin->count = 0;
	tide_bin_recycle(bin);
	cr_assert(tide_stash_is_valid(to));
	return left;
}

static struct tide_bin *take(struct tide_stash *from)
{
	struct tide_bin *bin = bin_of(NULL, 0);

	(void)tide_stash_take(from, bin);
	cr_assert(tide_bin_is_valid(bin));
	cr_assert(tide_stash_is_valid(from));
	return bin;
}

TestSuite(stash, .init = blocks_are_made, .timeout = 60);

Test(stash, what_was_freed_in_any_order_comes_back_in_that_of_addresses)
{
	static const unsigned order[] = { 3, 1, 0, 2, 6, 5, 4, 7, 40, 20, 30, 10 };
	void *freed[COUNT_OF(order)];
	static const unsigned sorted[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10, 20, 30, 40 };

	for (unsigned i = 0; i < COUNT_OF(order); i++)
		freed[i] = block[order[i]];
	cr_assert_eq(put(&stash, freed, COUNT_OF(order)), 0);
	cr_assert_eq(stash.blocks, COUNT_OF(order));
	struct tide_bin *bin = take(&stash);
	cr_assert_eq(bin->count, COUNT_OF(order));
	for (unsigned i = 0; i < COUNT_OF(order); i++)
		cr_assert_eq(tide_bin_take(bin), block[sorted[i]], "%u", i);
	cr_assert_eq(stash.blocks, 0);
	cr_assert_null(stash.top);
	cr_assert_eq(take(&stash)->count, 0);
}

Test(stash, a_bin_takes_no_more_than_it_holds)
{
	for (unsigned i = 0; i + TIDE_BIN_SLOTS <= BLOCKS; i += TIDE_BIN_SLOTS)
		cr_assert_eq(put(&stash, &block[i], TIDE_BIN_SLOTS), 0);
	uint32_t before = stash.blocks;
	struct tide_bin *bin = bin_of(NULL, 0);
	tide_bin_set_capacity(bin, 10);
	cr_assert_eq(tide_stash_take(&stash, bin), 10);
	cr_assert_eq(bin->count, 10);
	cr_assert_eq(stash.blocks, before - 10);
	cr_assert(tide_stash_is_valid(&stash));
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(tide_bin_take(bin), block[i]);
}

/* A slab is one thread's until that took the last block. */
Test(stash, another_thread_keeps_nothing_of_the_same_slab)
{
	struct tide_stash other = { .most = ROOM };

	cr_assert_eq(put(&stash, &block[0], 3), 0);
	cr_assert_eq(put(&other, &block[3], 5), 5);
	cr_assert_eq(other.blocks, 0);
	cr_assert_eq(take(&stash)->count, 3);
	other.pause = 0;
	cr_assert_eq(put(&other, &block[3], 5), 0);
	cr_assert_eq(put(&stash, &block[0], 3), 3);
	cr_assert_eq(take(&other)->count, 5);
}

Test(stash, what_is_no_free_block_stays_in_the_bin)
{
	struct tide_slab *slab = tide_slab_of(block[0]);
	void *odd[] = { (char *)block[2] + 16, block[4], block[5], block[4], &stash };

	cr_assert_eq(put(&stash, odd, COUNT_OF(odd)), 3, "inside; twice; none of ours");
	cr_assert_eq(put(&stash, &block[5], 1), 1, "kept already");
	tide_store_relaxed(&slab->bits[0], 1u << 7);
	cr_assert_eq(put(&stash, &block[7], 1), 1, "free already");
	tide_store_relaxed(&slab->bits[0], 0);
	cr_assert_eq(stash.blocks, 2);
}

/* Many of a word, which are looked at together, and one among them that is no free block. */
static void assert_left_alone(void *wrong, const char *what)
{
	enum { MANY = 40, AT = 17 };
	void *many[MANY];

	memcpy(many, &block[64 + 3], sizeof many);
	many[AT] = wrong;
	struct tide_bin *bin = bin_of(many, MANY);
	cr_assert_eq(tide_stash_put(&stash, bin), 1, "%s", what);
	cr_assert_eq(bin->count, 1, "%s", what);
	cr_assert_eq(tide_bin_take(bin), wrong, "%s", what);
	cr_assert_eq(stash.blocks, MANY - 1, "%s", what);
	tide_bin_recycle(bin);
	cr_assert_eq(take(&stash)->count, MANY - 1, "%s", what);
}

Test(stash, one_among_many_that_is_no_free_block_stays_in_the_bin)
{
	struct tide_slab *slab = tide_slab_of(block[64]);
	struct tide_bin *kept;

	cr_assert_eq(slab, tide_slab_of(block[127]));
	assert_left_alone((char *)block[64 + 60] + 16, "inside a block that is not free");
	assert_left_alone((char *)block[64 + 3 + 17] + 16, "inside the one it stands for");
	assert_left_alone(block[64 + 3 + 30], "twice");
	_Atomic uint64_t *word = &slab->bits[((uintptr_t)block[64 + 50] - slab->base) / BYTES / 64];
	uint64_t bit = 1ull << ((uintptr_t)block[64 + 50] - slab->base) / BYTES % 64;
	tide_store_relaxed(word, bit);
	assert_left_alone(block[64 + 50], "in the free set");
	cr_assert_eq(tide_load_relaxed(word), bit);
	tide_store_relaxed(word, 0);
	cr_assert_eq(put(&stash, &block[64 + 50], 1), 0);
	kept = bin_of((void *[]){ block[64 + 51], block[64 + 50], block[64 + 52] }, 3);
	cr_assert_eq(tide_stash_put(&stash, kept), 1, "kept");
	cr_assert_eq(stash.blocks, 3);
}

/* Of none a slab is claimed. */
Test(stash, a_slab_of_which_nothing_is_kept_is_nobodys)
{
	void *inside = (char *)block[2] + 16;

	cr_assert_eq(put(&stash, &inside, 1), 1);
	cr_assert_null(stash.top);
	cr_assert_null(tide_load_relaxed(&tide_slab_of(block[2])->owner));
}

/* One in 256. */
static void take_far(void **far, void *const *many, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		far[i] = many[i * 256];
}

Test(stash, blocks_from_all_over_the_place_are_not_kept)
{
	enum { FAR = 64 };
	static void *many[FAR * 256], *far[FAR];

	for (unsigned i = 0; i < COUNT_OF(many); i++)
		many[i] = tide_malloc(BYTES);
	take_far(far, many, FAR);
	cr_assert_eq(put(&stash, far, FAR), FAR);
	cr_assert_eq(put(&stash, many, FAR), 0);
}

Test(stash, a_few_such_bins_among_many_others_are_kept)
{
	enum { FAR = 16 };
	static void *many[FAR * 256], *far[FAR];

	for (unsigned i = 0; i < COUNT_OF(many); i++)
		many[i] = tide_malloc(BYTES);
	take_far(far, many, FAR);
	cr_assert_eq(put(&stash, far, FAR), FAR);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(put(&stash, &block[16 * i], 16), 0);
		cr_assert_eq(put(&stash, far, FAR), i < 3 ? FAR : 0u, "%u", i);
	}
	take_far(far, many + 1, FAR);
	cr_assert_eq(put(&stash, far, FAR), FAR, "the next after as many again");
}

Test(stash, after_a_bin_of_others_blocks_some_are_not_looked_at)
{
	struct tide_stash other = { .most = ROOM };
	unsigned left_alone = 0;

	cr_assert_eq(put(&other, &block[0], 1), 0);
	cr_assert_eq(put(&stash, &block[1], 8), 8);
	cr_assert_eq(take(&other)->count, 1);
	while (put(&stash, &block[1], 8) > 0)
		left_alone++;
	cr_assert_gt(left_alone, 0);
	cr_assert_lt(left_alone, 64);
}

/* As where a thread frees what only others allocate. */
Test(stash, bins_of_others_blocks_one_after_the_other_are_looked_at_less_and_less)
{
	struct tide_stash other = { .most = ROOM };
	unsigned pause[12];

	cr_assert_eq(put(&other, &block[0], 1), 0);
	for (unsigned i = 0; i < COUNT_OF(pause); i++) {
		cr_assert_eq(put(&stash, &block[1], 8), 8, "a look");
		pause[i] = stash.pause;
		cr_assert(i == 0 || pause[i] >= pause[i - 1]);
		stash.pause = 0;
	}
	cr_assert_gt(pause[1], pause[0]);
	cr_assert_eq(pause[11], pause[10], "up to a bound");
	cr_assert_eq(take(&other)->count, 1);
	cr_assert_eq(put(&stash, &block[1], 8), 0, "of nobody's slab");
	cr_assert_eq(take(&stash)->count, 8);
	cr_assert_eq(put(&other, &block[0], 1), 0);
	cr_assert_eq(put(&stash, &block[1], 8), 8);
	cr_assert_eq(stash.pause, pause[0], "as at first");
}

Test(stash, there_is_room_for_what_the_thread_got_from_elsewhere)
{
	stash.most = 0;
	tide_stash_took(&stash, 60, ROOM);
	cr_assert_eq(stash.most, 0, "not before it comes");
	for (unsigned i = 0; i < 20; i++) /* however long it was in use */
		cr_assert_eq(tide_stash_due(&stash), 0);
	cr_assert_eq(put(&stash, &block[0], 50), 0);
	cr_assert_eq(stash.most, 50);
	cr_assert_eq(take(&stash)->count, 50);
	cr_assert_eq(put(&stash, &block[0], 50), 0, "it has the room still");
	cr_assert_eq(stash.took, 10);
	tide_stash_gave(&stash, 5);
	cr_assert_eq(stash.took, 5);
	cr_assert_eq(put(&stash, &block[50], 8), 0, "a bin that fits in part goes in whole");
	cr_assert_eq(put(&stash, &block[58], 8), 8);
	cr_assert_eq(stash.took, 0);
	tide_stash_took(&stash, UINT32_MAX, 70);
	cr_assert_eq(stash.took, 70 - stash.most, "no more than the limit");
	tide_stash_gave(&stash, UINT32_MAX);
	cr_assert_eq(stash.took, 0);
	tide_stash_took(&stash, UINT32_MAX, 10);
	cr_assert_eq(stash.took, 0);
	cr_assert(tide_stash_is_valid(&stash));
}

Test(stash, half_of_what_was_not_needed_since_the_last_tick_is_to_go)
{
	cr_assert_eq(put(&stash, &block[0], 40), 0);
	cr_assert_eq(tide_stash_due(&stash), 0, "it was put by since");
	cr_assert_eq(tide_stash_due(&stash), 20);
	cr_assert_eq(stash.most, ROOM - 20);
	(void)take(&stash);
	cr_assert_eq(tide_stash_due(&stash), 0, "all was needed");
}

static unsigned slabs_taken;

static void take_over(struct tide_slab *slab)
{
	_Atomic uint64_t *own = slab->bits + tide_slab_words(CLS);

	for (unsigned i = 0; i < tide_slab_words(CLS); i++)
		tide_store_relaxed(&own[i], 0);
	tide_stash_let_go(slab);
	slabs_taken++;
}

Test(stash, slabs_go_as_they_are_and_first_what_was_put_by_first)
{
	enum { SLABS = 5 };
	static void *many[SLABS * 64 * 64];
	struct tide_slab *first = NULL;
	unsigned blocks = SLABS * tide_slab_shape[CLS].blocks;

	cr_assert_leq(blocks, COUNT_OF(many));
	for (unsigned i = 0; i < blocks; i++)
		many[i] = tide_malloc(BYTES);
	for (unsigned i = 0; i + 64 <= blocks; i += 64) {
		(void)put(&stash, &many[i], 64);
		first = first != NULL ? first : stash.top;
	}
	uint32_t before = stash.blocks;
	cr_assert_eq(tide_stash_take_slabs(&stash, 1, 100, take_over), 1);
	cr_assert_null(tide_load_relaxed(&first->owner));
	cr_assert_lt(stash.blocks, before);
	cr_assert(tide_stash_is_valid(&stash));
	cr_assert_eq(tide_stash_take_slabs(&stash, before, 2, take_over), 2, "no more at once");
	cr_assert(tide_stash_is_valid(&stash));
	(void)tide_stash_take_slabs(&stash, before, 100, take_over);
	cr_assert_eq(stash.blocks, 0);
	cr_assert_null(stash.top);
	cr_assert_geq(slabs_taken, SLABS);
}

/* A fork came between two stores: a slab is the thread's, and not in its list. */
Test(stash, a_slab_that_fell_out_of_the_list_comes_back_with_a_block_of_it)
{
	cr_assert_eq(put(&stash, &block[0], 8), 0);
	struct tide_slab *slab = stash.top;

	slab->own_listed = false;
	stash.top = NULL;
	tide_stash_repair(&stash);
	cr_assert_eq(stash.blocks, 0);
	cr_assert_eq(put(&stash, &block[8], 1), 0);
	cr_assert_eq(stash.blocks, 9);
	cr_assert_eq(take(&stash)->count, 9);
	/* Claimed, and nothing more. */
	tide_store_relaxed(&slab->owner, &stash);
	cr_assert_eq(put(&stash, &block[0], 2), 0);
	cr_assert_eq(take(&stash)->count, 2);
	/* About to leave. */
	cr_assert_eq(put(&stash, &block[0], 2), 0);
	slab->own_listed = false;
	tide_stash_repair(&stash);
	cr_assert(tide_stash_is_valid(&stash));
	cr_assert_eq(take(&stash)->count, 2);
}

Test(stash, after_a_thread_vanished_the_counts_are_made_true)
{
	cr_assert_eq(put(&stash, &block[0], 8), 0);
	struct tide_slab *slab = stash.top;
	_Atomic uint64_t *own = slab->bits + tide_slab_words(CLS);
	unsigned words = tide_slab_words(CLS);

	for (unsigned i = 0; i < words; i++) { /* it had taken all but one, and counted none */
		if (tide_load_relaxed(&own[i]) != 0)
			tide_store_relaxed(&own[i], tide_load_relaxed(&own[i]) &
			                                -tide_load_relaxed(&own[i]));
	}
	cr_assert_not(tide_stash_is_valid(&stash));
	tide_stash_repair(&stash);
	cr_assert(tide_stash_is_valid(&stash));
	cr_assert_eq(stash.blocks, 1);
	for (unsigned i = 0; i < words; i++)
		tide_store_relaxed(&own[i], 0);
	tide_stash_repair(&stash);
	cr_assert_null(stash.top);
	cr_assert_null(tide_load_relaxed(&slab->owner), "nobody's");
}

Test(stash, the_validator_sees_each_broken_invariant)
{
	cr_assert_eq(put(&stash, &block[0], 8), 0);
	struct tide_slab *slab = stash.top;
	struct tide_stash other;

	stash.blocks++;
	cr_assert_not(tide_stash_is_valid(&stash));
	stash.blocks--;
	slab->own_free++;
	cr_assert_not(tide_stash_is_valid(&stash));
	slab->own_free--;
	stash.least = stash.blocks + 1;
	cr_assert_not(tide_stash_is_valid(&stash));
	stash.least = 0;
	tide_store_relaxed(&slab->owner, &other);
	cr_assert_not(tide_stash_is_valid(&stash));
	tide_store_relaxed(&slab->owner, &stash);
	cr_assert(tide_stash_is_valid(&stash));
}
