/* policy.c: pure functions of numbers, by tables. */
#include "support.h"

#include "policy.h"

TestSuite(policy, .timeout = 20);

Test(policy, a_level_grows_a_step_for_each_miss_by_no_more_than_came_through)
{
	static const struct {
		uint32_t level, misses, step_blocks;
		uint64_t through_blocks;
		uint32_t max_blocks, due;
	} row[] = {
		{ 0, 1, 256, 1000, 65536, 256 },
		{ 256, 1, 256, 1000, 65536, 512 },
		{ 256, 3, 256, 1000, 65536, 1024 },
		{ 256, 4, 256, 1000, 65536, 1256 }, /* what came through is less */
		{ 256, 4, 256, 0, 65536, 256 },     /* growth alone: nothing did */
		{ 256, 0, 256, 1000, 65536, 256 },
		{ 10, 1, 4, 1000, 8, 10 }, /* above the highest: stays */
		{ 8, 1, 4, 1000, 8, 8 },
		{ 7, 1, 4, 1000, 8, 8 }, /* a part of a step */
		{ 4, 1, 4, 1000, 8, 8 },
		{ 0, 1, 0, 1000, 65536, 0 }, /* growing is switched off */
		{ 5, 1, 256, 1000, 0, 5 },   /* likewise */
		{ 0, 1, 256, 1000, 0, 0 },
		{ UINT32_MAX, 1, 256, 1000, UINT32_MAX, UINT32_MAX },
		{ UINT32_MAX - 256, 1, 256, 1000, UINT32_MAX, UINT32_MAX },
		{ UINT32_MAX - 255, 1, 256, 1000, UINT32_MAX, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX / 2, UINT32_MAX, UINT32_MAX },
		{ 0, 1u << 31, 2, UINT64_MAX / 2, 1000, 1000 }, /* 2^32 blocks, not 0 */
	};

	for (unsigned i = 0; i < COUNT_OF(row); i++) {
		uint32_t got = tide_gc_policy_grow(row[i].level, row[i].misses, row[i].step_blocks,
		                                   row[i].through_blocks, row[i].max_blocks);
		cr_expect_eq(got, row[i].due, "row %u: %u", i, got);
	}
}

Test(policy, a_queue_found_full_often_gives_a_part_back)
{
	static const struct {
		uint32_t blocks, visits, full_count, percent, due;
	} row[] = {
		{ 1000, 8, 8, 25, 0 },
		{ 1000, 9, 8, 25, 250 },
		{ 1000, 0, 8, 25, 0 },
		{ 0, 9, 8, 25, 0 },
		{ 3, 9, 8, 25, 0 },
		{ 4, 9, 8, 25, 1 },
		{ 7, 9, 8, 25, 1 },
		{ 1000, 9, 8, 100, 1000 },
		{ 1000, 9, 8, 1, 10 },
		{ UINT32_MAX, 9, 8, 100, UINT32_MAX },
		{ UINT32_MAX, 9, 8, 25, 1073741823 },
		{ 1000, UINT32_MAX, UINT32_MAX, 25, 0 },
		{ 1000, UINT32_MAX, UINT32_MAX - 1, 25, 250 },
	};

	for (unsigned i = 0; i < COUNT_OF(row); i++) {
		uint32_t got = tide_gc_policy_reclaim(row[i].blocks, row[i].visits,
		                                      row[i].full_count, row[i].percent);
		cr_expect_eq(got, row[i].due, "row %u: %u", i, got);
	}
}

Test(policy, a_level_nobody_needs_settles_to_nothing)
{
	static const struct {
		uint32_t level, bin_blocks, due;
	} row[] = {
		{ 1024, 64, 256 }, { 256, 64, 64 }, { 255, 64, 0 },
		{ 64, 64, 0 },     { 1, 64, 0 },    { 0, 64, 0 },
		{ 4, 1, 1 },       { 3, 1, 0 },     { UINT32_MAX, 64, UINT32_MAX / 4 },
	};

	for (unsigned i = 0; i < COUNT_OF(row); i++) {
		uint32_t got = tide_gc_policy_settle(row[i].level, row[i].bin_blocks);
		cr_expect_eq(got, row[i].due, "row %u: %u", i, got);
	}
	/* From any level, in few ticks. */
	for (uint32_t bin_blocks = 1; bin_blocks <= 128; bin_blocks *= 2) {
		uint32_t level = UINT32_MAX;
		unsigned ticks = 0;
		while (level > 0 && ticks < 100) {
			level = tide_gc_policy_settle(level, bin_blocks);
			ticks++;
		}
		cr_expect_leq(ticks, 17);
	}
}
