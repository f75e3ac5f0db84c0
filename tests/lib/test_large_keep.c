/* large_keep.c: free blocks merge, are cut to measure and lengthened, within bounds and until they
 * were not needed for a while; and they are not lost to a fork, nor in the way of an allocation. */
#include "doorbell.h"
#include "extents.h"
#include "large_support.h"

#include <sys/mman.h>
#include <sys/resource.h>

Test(large_keep, the_next_of_its_size_gets_the_freed_one)
{
	char *block = large_alloc(MIB);
	bool zeroed = true;

	memset(block, 1, MIB);
	cr_assert(tide_large_free(block));
	cr_assert_eq(cached(), MIB);
	cr_assert_eq(
	    (char *)tide_large_alloc(&tide_heap_default, MIB - 100000, TIDE_PAGE_BYTES, &zeroed),
	    block);
	cr_assert(!zeroed);
	assert_block(block, MIB - 100000);
	cr_assert_eq(cached() + live(), MIB);
	cr_assert_gt(cached(), 0u);
}

Test(large_keep, a_shorter_one_gets_a_part_and_the_rest_stays)
{
	char *block = large_alloc(2 * MIB);

	cr_assert(tide_large_free(block));
	char *first = large_alloc(800 * KIB);
	char *second = large_alloc(900 * KIB);
	cr_assert_eq(first, block);
	cr_assert_eq(second, first + tide_large_bytes(first));
	cr_assert_eq(cached() + live(), 2 * MIB);
	/* Both parts free, it is one again. */
	cr_assert(tide_large_free(first));
	cr_assert(tide_large_free(second));
	cr_assert_eq((char *)large_alloc(2 * MIB), block);
	cr_assert_eq(cached(), 0u);
}

/* Memory that was in use comes first; only what is missing is mapped, beside it. */
Test(large_keep, a_longer_one_gets_all_of_it_and_fresh_memory_beside)
{
	char *block = large_alloc(2 * MIB);
	char *end = block + 2 * MIB;

	memset(block, 1, 2 * MIB);
	cr_assert(tide_large_free(block));
	char *longer = large_alloc(3 * MIB);
	cr_assert_eq(cached(), 0u);
	cr_assert(longer == block || longer + 3 * MIB == end);
	cr_assert_eq(block[0] + end[-1], 2);
	assert_block(longer, 3 * MIB);
	memset(longer, 2, 3 * MIB);
}

Test(large_keep, a_block_grows_into_a_kept_one_behind_it)
{
	char *block = large_alloc(8 * MIB);

	cr_assert(tide_large_free(block));
	char *first = large_alloc(2 * MIB);
	cr_assert_eq(first, block);
	pattern_fill(first, 2 * MIB, 7);
	cr_assert_eq(tide_large_resize(first, 6 * MIB), first);
	cr_assert(pattern_holds(first, 2 * MIB, 7));
	cr_assert_geq(tide_large_bytes(first), 6 * MIB);
	cr_assert_eq(cached() + live(), 8 * MIB);
}

Test(large_keep, what_is_kept_is_bounded)
{
	enum { BLOCKS = 200 };
	char *block[BLOCKS];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 4 * MIB);
	tide_options_set(TIDE_OPTION_RETAIN_PERCENT, 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		block[i] = large_alloc(200 * KIB + i * 8 * KIB);
	for (unsigned i = 0; i < BLOCKS; i++) {
		cr_assert(tide_large_free(block[i]));
		cr_assert_leq(cached(), 4 * MIB);
	}
	cr_assert_gt(cached(), 0u);
	cr_assert_eq(live(), 0u);
	/* A lower bound takes effect with the next that is freed. */
	block[0] = large_alloc(300 * KIB);
	tide_options_set(TIDE_OPTION_RETAIN_BYTES, MIB);
	cr_assert(tide_large_free(block[0]));
	cr_assert_leq(cached(), MIB);
}

Test(large_keep, a_clock_allows_for_more_and_none_for_giants)
{
	char *block[8];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 2 * MIB);
	tide_options_set(TIDE_OPTION_RETAIN_PERCENT, 0);
	tide_doorbell_set_served(true);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = large_alloc(MIB + i * 300 * KIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		cr_assert(tide_large_free(block[i]));
	cr_assert_gt(cached(), 2 * MIB);
	cr_assert_leq(cached(), 8 * MIB);
	(void)tide_large_purge();

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, (int64_t)1 << 40);
	char *giant = large_alloc(65 * MIB);
	cr_assert(tide_large_free(giant));
	cr_assert_eq(cached(), 0u);
}

/* What was not needed between two ticks. */
Test(large_keep, what_is_kept_goes_when_it_is_old)
{
	char *old = large_alloc(MIB);
	(void)large_alloc(MIB); /* or they would be one */
	char *young = large_alloc(2 * MIB);

	(void)tide_large_age();
	cr_assert(tide_large_free(old));
	cr_assert_eq(tide_large_age(), 0u);
	cr_assert(tide_large_free(young));
	cr_assert_eq(tide_large_age(), MIB);
	cr_assert_eq(cached(), 2 * MIB);
	cr_assert_eq(tide_large_age(), 2 * MIB);
	cr_assert_eq(cached(), 0u);
}

/* A small part that comes and goes does not keep the rest. */
Test(large_keep, what_is_needed_again_and_again_stays_alone)
{
	char *block = large_alloc(16 * MIB);

	cr_assert(tide_large_free(block));
	for (int tick = 0; tick < 4; tick++) {
		cr_assert(tide_large_free(large_alloc(2 * MIB)));
		(void)tide_large_age();
	}
	cr_assert_leq(cached(), 4 * MIB);
	cr_assert_geq(cached(), 2 * MIB);
}

/* One that can't be lengthened, between two that are in use, ages all the same. */
Test(large_keep, what_was_tried_in_vain_is_as_it_was)
{
	char *between = NULL;
	char *near[3];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 256 * MIB);
	for (size_t i = 0; i < COUNT_OF(near); i++)
		near[i] = large_alloc(6 * MIB);
	for (size_t i = 0; i < COUNT_OF(near); i++)
		between = near[i] + 6 * MIB == near[(i + 1) % 3] ? near[(i + 1) % 3] : between;
	if (between == NULL)
		between = near[1];
	cr_assert(tide_large_free(between));
	(void)tide_large_age();
	for (int i = 0; i < 2; i++)
		cr_assert(tide_large_resize(large_alloc(10 * MIB), 10 * MIB) != NULL);
	cr_assert_leq(cached(), 6 * MIB);
	if (cached() == 6 * MIB)
		cr_assert_eq(tide_large_age(), 6 * MIB);
}

/* Two halves of different mappings are one block, which then can't be moved by the system. */
Test(large_keep, a_block_over_two_mappings_is_resized_without_loss)
{
	size_t before = 0;

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 256 * MIB);
	tide_options_set(TIDE_OPTION_HUGE_BYTES, (int64_t)1 << 40);
	char *start = large_alloc(8 * MIB);
	cr_assert_eq(madvise(start + 4 * MIB, 4 * MIB, MADV_NOHUGEPAGE), 0);
	pattern_fill(start, 8 * MIB, 3);
	for (int i = 0; i < 20; i++) {
		char *moved = tide_large_resize(start, 64 * MIB);
		if (moved != NULL) {
			cr_assert_eq(moved, start); /* there was room behind it */
			break;
		}
		cr_assert_eq(tide_large_bytes(start), 8 * MIB);
		cr_assert(before == 0 || mapped_bytes() <= before, "address space is lost");
		before = mapped_bytes();
	}
	cr_assert(pattern_holds(start, 8 * MIB, 3));
	start = tide_large_resize(start, 3 * MIB);
	cr_assert_not_null(start);
	cr_assert(pattern_holds(start, 3 * MIB, 3));
}

/* Address space has a limit: what is kept makes room. */
Test(large_keep, what_is_kept_goes_before_an_allocation_fails)
{
	char *block[4];
	struct rlimit limit;

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 1024 * MIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = large_alloc(60 * MIB);
	(void)large_alloc(MIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		cr_assert(tide_large_free(block[i]));
	cr_assert_eq(cached(), 240 * MIB);
	limit.rlim_cur = limit.rlim_max = mapped_bytes() + 100 * MIB;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	(void)large_alloc(330 * MIB);
}

/* What a forked process finds: all that is kept, and counted. */
Test(large_keep, the_kept_ones_are_adopted)
{
	char *block = large_alloc(2 * MIB);

	cr_assert(tide_large_free(block));
	cr_assert(tide_large_keep_hold());
	tide_large_keep_adopt(true);
	cr_assert_eq(cached(), 2 * MIB);
	cr_assert_eq((char *)large_alloc(2 * MIB), block);
	cr_assert(tide_large_free(block));
	/* Not so when another thread was at it. */
	cr_assert(tide_large_keep_hold());
	cr_assert_neq((char *)large_alloc(3 * MIB), block);
	tide_large_keep_adopt(false);
	char *again = large_alloc(MIB);
	cr_assert(tide_large_free(again));
	cr_assert_eq((char *)large_alloc(MIB), again);
}

/* Refusals. */

Test(large_keep, a_kept_block_serves_when_the_system_has_none)
{
	char *block = large_alloc(MIB);

	cr_assert(tide_large_free(block));
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	cr_assert_eq((char *)large_alloc(MIB), block);
}

Test(large_keep, what_the_system_does_not_take_back_loses_its_memory_and_goes_later)
{
	char *block = large_alloc(8 * MIB);

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 0);
	tide_options_set(TIDE_OPTION_RETAIN_PERCENT, 0);
	memset(block, 1, 8 * MIB);
	size_t resident = resident_bytes();
	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, UINT32_MAX);
	cr_assert(tide_large_free(block));
	assert_gone(block);
	cr_assert_eq(live(), 0u);
	cr_assert_eq(cached(), 0u);
	cr_assert_lt(resident_bytes(), resident - 7 * MIB);
	cr_assert_eq(tide_os_discarded_bytes_racy(), 8 * MIB);
	tide_os_discard_again();
	cr_assert_eq(tide_os_discarded_bytes_racy(), 8 * MIB);
	tide_os_fault_plan(0, 0, 0);
	tide_os_discard_again();
	cr_assert_eq(tide_os_discarded_bytes_racy(), 0u);
}

/* More free ranges than there is room for, none beside another: what does not fit goes at once. */
Test(large_keep, what_there_is_no_room_for_goes)
{
	enum { BLOCKS = 2 * TIDE_EXTENTS_MAX + 80 };
	static char *block[BLOCKS];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, (int64_t)1 << 40);
	for (size_t i = 0; i < BLOCKS; i++)
		block[i] = large_alloc(MIB);
	for (size_t i = 0; i < BLOCKS; i += 2)
		cr_assert(tide_large_free(block[i]));
	cr_assert_eq(cached(), BLOCKS / 2 * MIB);
	(void)tide_large_resize(large_alloc(MIB), 2 * MIB);
	cr_assert_leq(cached(), TIDE_EXTENTS_MAX * MIB);
	cr_assert_geq(cached(), (TIDE_EXTENTS_MAX - 4) * MIB);
	(void)tide_large_purge();
	cr_assert_eq(cached(), 0u);
}
