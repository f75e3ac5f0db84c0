/* huge.c: what is dear is asked for less and less often, and again as before when it is not; and to
 * find that out costs no memory where there are no huge pages. */
#include "huge.h"

#include "heap.h"
#include "options.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sys/prctl.h>

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
	static const uint32_t wanted[] = { 4, 8, 16, 32, 64, 64 };
	uint32_t skips = 0;

	for (unsigned i = 0; i < COUNT_OF(wanted); i++) {
		skips = tide_huge_skips_after(DEAR_NS, skips);
		cr_assert_eq(skips, wanted[i]);
	}
}

Test(huge, a_region_that_is_opened_takes_no_memory_where_there_are_no_huge_pages)
{
	cr_assert_eq(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	tide_free(tide_malloc(1));
	tide_options_set(TIDE_OPTION_HUGE_BYTES, 0);
	size_t base = resident_bytes();
	for (unsigned i = 0; i < 8; i++) {
		struct tide_heap *heap = tide_heap_create(NULL);

		cr_assert_not_null(heap);
		cr_assert_not_null(tide_heap_malloc(heap, 100));
	}
	cr_assert_leq(resident_above(base), 2 * MIB, "%zu KiB", resident_above(base) >> 10);
}
