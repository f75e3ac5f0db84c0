/* What was given back too early: counted once, bounded, forgotten. */
#include <criterion/criterion.h>

#include "regret.h"

#define MIB (UINT64_C(1) << 20)

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
	cr_assert_eq(tide_regret_retain(16 * MIB), 21 * MIB);
	/* No more than was given back, and that once. */
	tide_regret_need(50 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 36 * MIB);
	tide_regret_need(50 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 36 * MIB);
}

Test(regret, is_bounded)
{
	tide_regret_gave(1000 * MIB);
	tide_regret_need(1000 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 64 * MIB);
	cr_assert_eq(tide_regret_retain(0), 0, "who may retain nothing never may");
	/* What is above the bound is forgotten first. */
	tide_regret_age(16 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 40 * MIB);
}

Test(regret, is_forgotten)
{
	tide_regret_gave(40 * MIB);
	tide_regret_need(20 * MIB);
	tide_regret_age(16 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 26 * MIB);
	tide_regret_need(40 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 36 * MIB, "the rest is forgotten, too");
	for (int tick = 0; tick < 64; tick++)
		tide_regret_age(16 * MIB);
	cr_assert_eq(tide_regret_retain(16 * MIB), 16 * MIB);
}
