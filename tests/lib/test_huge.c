/* huge.c: what is dear is asked for less and less often, and again as before when it is not. */
#include "huge.h"

#include <criterion/criterion.h>

#define CHEAP_NS 100000u
#define DEAR_NS 2000000u

Test(huge, what_is_cheap_is_asked_for_each_time)
{
	cr_assert_eq(tide_huge_skips_after(CHEAP_NS, 0), 0u);
	cr_assert_eq(tide_huge_skips_after(CHEAP_NS, 4), 0u);
	cr_assert_eq(tide_huge_skips_after(CHEAP_NS, 64), 0u);
}

Test(huge, what_is_dear_is_asked_for_half_as_often_each_time_but_never_given_up)
{
	uint32_t skips = 0;
	uint32_t before = 0;

	for (unsigned i = 0; i < 10; i++) {
		skips = tide_huge_skips_after(DEAR_NS, before);
		cr_assert(skips == 2 * before || (before == 0 && skips > 0) || skips == before);
		cr_assert_leq(skips, 64u);
		before = skips;
	}
	cr_assert_eq(skips, 64u);
}
