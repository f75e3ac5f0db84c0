/* When a store is to be defragmented. */
#include <criterion/criterion.h>

#include "support.h"

#include "store/judge.h"

static const struct tide_store_options options = { .defragment_percent = 200,
	                                           .defragment_waste_bytes = 1000,
	                                           .defragment_after_ns = 50 };
static struct tide_judge judge;
static bool start;

static enum tide_store_verdict check(uint64_t now_ns, uint64_t held_bytes, uint64_t used_bytes)
{
	return tide_judge_check(&judge, &options, now_ns, held_bytes, used_bytes, &start);
}

Test(judge, thresholds_are_exact)
{
	tide_judge_init(&judge);
	cr_assert_eq(check(0, 0, 0), TIDE_STORE_COMPACT);
	cr_assert_eq(check(0, 9999, 5000), TIDE_STORE_COMPACT);
	cr_assert_eq(check(0, 10000, 5000), TIDE_STORE_FRAGMENTED);
	cr_assert_eq(check(0, 1998, 999), TIDE_STORE_LITTLE_WASTE);
	cr_assert_eq(check(0, 2000, 1000), TIDE_STORE_FRAGMENTED);
	cr_assert_eq(check(0, 999, 0), TIDE_STORE_LITTLE_WASTE);
	cr_assert_eq(check(0, 1000, 0), TIDE_STORE_FRAGMENTED);
	cr_assert(!start);
}

Test(judge, it_starts_only_after_the_whole_time)
{
	tide_judge_init(&judge);
	(void)check(100, 10000, 1000);
	(void)check(149, 10000, 1000);
	cr_assert(!start);
	cr_assert_eq(tide_judge_fragmented_ns(&judge, 149), 49);
	(void)check(149, 1000, 1000); /* compact for a moment */
	cr_assert_eq(tide_judge_fragmented_ns(&judge, 149), 0);
	(void)check(150, 10000, 1000);
	cr_assert(!start);
	(void)check(199, 10000, 1000);
	cr_assert(!start);
	(void)check(200, 10000, 1000);
	cr_assert(start);
}

Test(judge, each_verdict_has_its_own_words)
{
	for (unsigned a = 0; a <= TIDE_STORE_STOPPED; a++) {
		const char *text = tide_store_verdict_text((enum tide_store_verdict)a);

		cr_assert_str_neq(text, "unknown");
		for (unsigned b = 0; b < a; b++)
			cr_assert_str_neq(text,
			                  tide_store_verdict_text((enum tide_store_verdict)b));
	}
	cr_assert_str_eq(tide_store_verdict_text((enum tide_store_verdict)99), "unknown");
}
