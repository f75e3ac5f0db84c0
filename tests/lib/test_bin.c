/* bin.c: marks and counts under every capacity, blocks in and out, bins recycled for other classes,
 * and a validator that finds each invariant broken. */
#include "bin.h"

#include "os.h"

#include "../api/support.h"

#include <criterion/criterion.h>

enum { CLS = 5, ENDLESS = 100000 };

static char memory[TIDE_BIN_SLOTS * 16 + 16];

static void *block(unsigned i)
{
	return &memory[16 * i];
}

static struct tide_bin *filled_bin(unsigned capacity, unsigned count)
{
	struct tide_bin *bin = tide_bin_new(CLS, capacity > count ? capacity : count);

	cr_assert_not_null(bin);
	tide_bin_set_capacity(bin, capacity);
	for (unsigned i = 0; i < count; i++)
		tide_bin_add(bin, block(i));
	return bin;
}

Test(bin, a_new_bin_is_empty_and_valid)
{
	for (unsigned capacity = 0; capacity <= TIDE_BIN_SLOTS; capacity++) {
		struct tide_bin *bin = tide_bin_new(CLS, capacity);

		cr_assert(tide_bin_is_valid(bin));
		cr_assert_eq(bin->count, 0);
		cr_assert_eq(bin->cls, CLS);
		cr_assert_eq(bin->mark, capacity);
		/* Empty: the slot under the blocks is like the one below it. */
		void **top = tide_bin_top(bin);
		cr_assert_null(*top);
		cr_assert_null(top[-1]);
		cr_assert_eq(top[1] == TIDE_BIN_FULL, capacity == 0);
	}
}

Test(bin, each_double_is_found_and_no_other)
{
	/* Blocks of several classes, side by side and far apart. */
	static const size_t stride[] = { 16, 48, 64, 1024, 4096, 5120, 1 << 22 };

	for (size_t s = 0; s < COUNT_OF(stride); s++) {
		for (unsigned count = 0; count <= TIDE_BIN_SLOTS; count += count < 8 ? 1 : 7) {
			struct tide_bin *bin = filled_bin(TIDE_BIN_SLOTS, count);

			for (unsigned i = 0; i < count; i++)
				bin->slot[TIDE_BIN_BASE + i] =
				    (void *)(0x7f0012340000u +
				             (i * 37 % TIDE_BIN_SLOTS) * stride[s]);
			cr_assert_eq(tide_bin_find_double(bin), count);
			for (unsigned i = 1; i < count; i++) {
				for (unsigned below = 0; below < i; below++) {
					void *own = bin->slot[TIDE_BIN_BASE + i];

					bin->slot[TIDE_BIN_BASE + i] =
					    bin->slot[TIDE_BIN_BASE + below];
					cr_assert_eq(tide_bin_find_double(bin), i);
					bin->slot[TIDE_BIN_BASE + i] = own;
				}
			}
		}
	}
}

Test(bin, what_is_dropped_is_out_and_the_rest_is_in)
{
	struct tide_bin *bin = filled_bin(5, 5);

	tide_bin_drop(bin, 1);
	tide_bin_drop(bin, 3);
	cr_assert_eq(bin->count, 3);
	cr_assert_eq(bin->slot[TIDE_BIN_BASE], block(0));
	cr_assert_eq(bin->slot[TIDE_BIN_BASE + 1], block(4));
	cr_assert_eq(bin->slot[TIDE_BIN_BASE + 2], block(2));
}

Test(bin, empty_and_full_show_in_the_slots)
{
	for (unsigned capacity = 1; capacity <= TIDE_BIN_SLOTS; capacity++) {
		struct tide_bin *bin = filled_bin(capacity, 0);

		for (unsigned i = 0; i < capacity; i++) {
			cr_assert_neq(tide_bin_top(bin)[1], TIDE_BIN_FULL);
			tide_bin_add(bin, block(i));
			cr_assert_eq(*tide_bin_top(bin), block(i));
			cr_assert_neq(*tide_bin_top(bin), tide_bin_top(bin)[-1]);
			cr_assert(tide_bin_is_valid(bin));
		}
		cr_assert_eq(tide_bin_top(bin)[1], TIDE_BIN_FULL);
		for (unsigned i = capacity; i-- > 0;)
			cr_assert_eq(tide_bin_take(bin), block(i));
		cr_assert_eq(*tide_bin_top(bin), tide_bin_top(bin)[-1]);
		cr_assert(tide_bin_is_valid(bin));
	}
}

Test(bin, the_mark_moves_but_never_into_the_blocks)
{
	for (unsigned count = 0; count <= TIDE_BIN_SLOTS; count++) {
		struct tide_bin *bin = filled_bin(TIDE_BIN_SLOTS, count);

		for (unsigned capacity = 0; capacity <= TIDE_BIN_SLOTS; capacity += 3) {
			tide_bin_set_capacity(bin, capacity);
			cr_assert(tide_bin_is_valid(bin));
			cr_assert_eq(bin->mark, capacity > count ? capacity : count);
			for (unsigned i = 0; i < count; i++)
				cr_assert_eq(bin->slot[TIDE_BIN_BASE + i], block(i));
		}
	}
}

/* The GC and the frontier fill a bin without looking at its mark. */
Test(bin, a_bin_filled_past_its_mark_is_made_valid)
{
	for (unsigned mark = 0; mark <= TIDE_BIN_SLOTS; mark++) {
		for (unsigned count = mark; count <= TIDE_BIN_SLOTS; count += 5) {
			struct tide_bin *bin = filled_bin(mark, count);

			tide_bin_set_capacity(bin, mark);
			cr_assert(tide_bin_is_valid(bin), "mark %u, %u blocks", mark, count);
			cr_assert_eq(bin->count, count);
			while (bin->count > 0)
				(void)tide_bin_take(bin);
			tide_bin_recycle(bin);
		}
	}
}

Test(bin, a_short_bin_is_shorter_and_never_holds_more)
{
	struct tide_bin *bin = tide_bin_new(CLS, 1);

	cr_assert_eq(bin->slots, TIDE_BIN_SHORT_SLOTS);
	tide_bin_set_capacity(bin, TIDE_BIN_SLOTS);
	cr_assert_eq(bin->mark, TIDE_BIN_SHORT_SLOTS);
	for (unsigned i = 0; i < TIDE_BIN_SHORT_SLOTS; i++)
		tide_bin_add(bin, block(i));
	cr_assert(tide_bin_is_valid(bin));
	tide_bin_set_capacity(bin, 1);
	cr_assert_eq(bin->mark, TIDE_BIN_SHORT_SLOTS, "there are blocks up to it");
}

Test(bin, what_is_too_short_is_replaced)
{
	struct tide_bin *brief = tide_bin_fit(NULL, CLS, 2);
	struct tide_bin *other = tide_bin_fit(brief, CLS, TIDE_BIN_SHORT_SLOTS);

	cr_assert_eq(other, brief);
	other = tide_bin_fit(brief, CLS, TIDE_BIN_SHORT_SLOTS + 1);
	cr_assert_eq(other->slots, TIDE_BIN_SLOTS);
	cr_assert_eq(other->mark, TIDE_BIN_SHORT_SLOTS + 1);
	cr_assert_eq(tide_bin_new(CLS, 1), brief, "it was recycled");
	cr_assert_eq(tide_bin_fit(other, CLS, 1), other, "one that is too long will do");
}

Test(bin, recycled_bins_serve_any_class_and_capacity)
{
	uint64_t random = 7;
	tide_bin_recycle(tide_bin_new(CLS, TIDE_BIN_SHORT_SLOTS));
	tide_bin_recycle(tide_bin_new(CLS, TIDE_BIN_SLOTS));
	size_t total = tide_bin_total_racy();

	for (int i = 0; i < 10000; i++) {
		unsigned cls = (unsigned)(random_next(&random) % TIDE_CLASS_SLOTS);
		unsigned capacity = (unsigned)(random_next(&random) % (TIDE_BIN_SLOTS + 1));
		struct tide_bin *bin = tide_bin_new(cls, capacity);

		cr_assert(tide_bin_is_valid(bin));
		cr_assert_eq(bin->cls, cls);
		cr_assert_eq(bin->mark, capacity);
		for (unsigned b = 0; b < capacity; b++)
			tide_bin_add(bin, block(b));
		while (bin->count > 0)
			(void)tide_bin_take(bin);
		tide_bin_recycle(bin);
	}
	cr_assert_eq(tide_bin_total_racy(), total);
}

Test(bin, bins_at_the_same_time_are_different_ones)
{
	struct tide_bin *bin[100];

	for (size_t i = 0; i < COUNT_OF(bin); i++) {
		bin[i] = filled_bin(8, 0);
		tide_bin_add(bin[i], block((unsigned)i % TIDE_BIN_SLOTS));
	}
	for (size_t i = 0; i < COUNT_OF(bin); i++) {
		cr_assert_eq(bin[i]->count, 1);
		cr_assert_eq(bin[i]->slot[TIDE_BIN_BASE], block((unsigned)i % TIDE_BIN_SLOTS));
	}
	cr_assert_geq(tide_bin_total_racy(), COUNT_OF(bin));
}

Test(bin, without_memory_a_long_one_will_do_for_few)
{
	struct tide_bin *other = tide_bin_new(CLS, TIDE_BIN_SLOTS);
	struct tide_bin *bin;

	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	while (tide_bin_new(CLS, 8) != NULL)
		continue;
	tide_bin_recycle(other);
	bin = tide_bin_new(CLS, 8);
	cr_assert_eq(bin, other);
	cr_assert_eq(bin->mark, 8);
	cr_assert(tide_bin_is_valid(bin));
	tide_os_fault_plan(0, 0, 0);
}

Test(bin, without_memory_there_is_none_and_later_there_is)
{
	size_t made = 0;
	struct tide_bin *last = filled_bin(8, 0);
	struct tide_bin *bin;

	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	while ((bin = tide_bin_new(CLS, 8)) != NULL)
		cr_assert_lt(++made, ENDLESS);
	cr_assert_null(tide_bin_new(CLS, 8));
	cr_assert_null(tide_bin_fit(NULL, CLS, TIDE_BIN_SLOTS));
	cr_assert_eq(tide_bin_fit(last, CLS, TIDE_BIN_SLOTS), last, "better than none");
	tide_bin_recycle(last);
	cr_assert_eq(tide_bin_new(CLS, 8), last);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_not_null(tide_bin_new(CLS, 8));
}

/* The validator. Each change alone makes a valid bin invalid. */

Test(bin, the_validator_finds_a_count_above_the_mark)
{
	struct tide_bin *bin = filled_bin(8, 4);

	bin->count = 9;
	cr_assert(!tide_bin_is_valid(bin));
}

Test(bin, the_validator_finds_a_mark_above_the_slots)
{
	struct tide_bin *bin = filled_bin(8, 4);

	bin->mark = TIDE_BIN_SLOTS + 1;
	cr_assert(!tide_bin_is_valid(bin));
}

Test(bin, the_validator_finds_a_block_under_the_first)
{
	for (unsigned i = 0; i < TIDE_BIN_BASE; i++) {
		struct tide_bin *bin = filled_bin(8, 4);

		bin->slot[i] = block(9);
		cr_assert(!tide_bin_is_valid(bin));
	}
}

Test(bin, the_validator_finds_a_lost_a_moved_and_a_second_mark)
{
	struct tide_bin *bin = filled_bin(8, 4);

	bin->slot[TIDE_BIN_BASE + 8] = NULL;
	cr_assert(!tide_bin_is_valid(bin));
	bin->slot[TIDE_BIN_BASE + 9] = TIDE_BIN_FULL;
	cr_assert(!tide_bin_is_valid(bin));
	bin->slot[TIDE_BIN_BASE + 8] = TIDE_BIN_FULL;
	cr_assert(!tide_bin_is_valid(bin));
	bin->slot[TIDE_BIN_BASE + 9] = NULL;
	cr_assert(tide_bin_is_valid(bin));
	bin->slot[TIDE_BIN_BASE + 2] = TIDE_BIN_FULL;
	cr_assert(!tide_bin_is_valid(bin));
}

Test(bin, the_validator_finds_a_missing_and_a_doubled_block)
{
	struct tide_bin *bin = filled_bin(8, 4);

	bin->slot[TIDE_BIN_BASE + 1] = NULL;
	cr_assert(!tide_bin_is_valid(bin));
	bin->slot[TIDE_BIN_BASE + 1] = block(3);
	cr_assert(!tide_bin_is_valid(bin));
	bin->slot[TIDE_BIN_BASE + 1] = block(1);
	cr_assert(tide_bin_is_valid(bin));
}
