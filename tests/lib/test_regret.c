/* What was given back too early: counted once, bounded, forgotten. */
#include <criterion/criterion.h>

#include "regret.h"

#include "../api/support.h"

Test(regret, nothing_is_regretted_that_was_not_given)
{
	cr_assert_eq(tide_regret_retain(16 * MIB), 16 * MIB);
	tide_regret_need(100 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 16 * MIB);
	tide_regret_gave(100 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 16 * MIB);
}

Test(regret, what_is_needed_again_may_stay)
{
	tide_regret_gave(20 * MIB);
	tide_regret_need(5 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 26 * MIB);
	/* No more than was given back, and that once. */
	tide_regret_need(50 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 56 * MIB);
	tide_regret_need(50 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 56 * MIB);
}

Test(regret, is_bounded)
{
	tide_regret_gave(1000 * MIB);
	tide_regret_need(1000 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 128 * MIB);
	cr_assert_eq(tide_regret_retain(0), 0, "who may retain nothing never may");
	/* What is above the bound is forgotten first. */
	tide_regret_age(16 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 72 * MIB);
}

Test(regret, is_forgotten)
{
	tide_regret_gave(40 * MIB);
	tide_regret_need(20 * MIB);
	tide_regret_age(16 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 36 * MIB);
	tide_regret_need(40 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 56 * MIB, "the rest is forgotten, too");
	for (int tick = 0; tick < 64; tick++)
		tide_regret_age(16 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 16 * MIB);
}

Test(regret, what_may_be_retained_is_the_larger_of_a_floor_and_a_part)
{
	static const struct {
		uint64_t live_bytes, floor_bytes;
		uint32_t percent;
		uint64_t due;
	} row[] = {
		{ 0, 16 * MIB, 25, 16 * MIB },
		{ 64 * MIB, 16 * MIB, 25, 16 * MIB },
		{ 6400, 0, 25, 1600 },
		{ 1000 * MIB, 16 * MIB, 25, 250 * MIB },
		{ 1000 * MIB, 16 * MIB, 0, 16 * MIB },
		{ 1000 * MIB, 0, 100, 1000 * MIB },
		{ 0, 0, 25, 0 },
		{ UINT64_MAX, 0, 100, UINT64_MAX / 100 * 100 },
		{ UINT64_MAX, UINT64_MAX, 100, UINT64_MAX },
		{ UINT64_MAX, 0, 25, UINT64_MAX / 100 * 25 },
	};

	for (unsigned i = 0; i < COUNT_OF(row); i++) {
		uint64_t got =
		    tide_regret_base(row[i].live_bytes, row[i].floor_bytes, row[i].percent);
		cr_expect_eq(got, row[i].due, "row %u: %lu", i, (unsigned long)got);
	}
}
