/* extents.c: free ranges merge with their neighbours, are cut to measure by best fit, and go oldest
 * first. A long random run is compared with a map of pages. */
#include "extents.h"

#include "../api/support.h"

#include <criterion/criterion.h>

enum { PAGES = 512, STEPS = SCALED(60000) };
#define PAGE TIDE_PAGE_BYTES
#define START ((uintptr_t)1 << 40)

static struct tide_extents extents;

static bool add(size_t page, size_t pages, uint64_t tick)
{
	bool added = tide_extents_add(
	    &extents, (struct tide_extent){ START + page * PAGE, pages * PAGE, tick });

	cr_assert(tide_extents_are_valid(&extents));
	return added;
}

/* The page at which `pages` were found, -1 for none. */
static long take(size_t pages, size_t align_pages)
{
	uintptr_t base;
	size_t bytes = pages * PAGE;

	if (!tide_extents_take(&extents, align_pages * PAGE, 0, &base, &bytes))
		return -1;
	cr_assert_eq(bytes, pages * PAGE);
	cr_assert(tide_extents_are_valid(&extents));
	return (long)((base - START) / PAGE);
}

Test(extents, neighbours_become_one)
{
	cr_assert(add(10, 5, 0));
	cr_assert(add(20, 5, 0));
	cr_assert_eq(extents.count, 2u);
	cr_assert(add(15, 5, 0));
	cr_assert_eq(extents.count, 1u);
	cr_assert_eq(extents.of[0].bytes, 15 * PAGE);
	cr_assert(add(9, 1, 0));
	cr_assert(add(25, 1, 0));
	cr_assert_eq(extents.count, 1u);
	cr_assert_eq(take(17, 1), 9);
	cr_assert_eq(extents.count, 0u);
}

Test(extents, the_best_fit_is_cut_and_the_lowest_of_equals)
{
	cr_assert(add(0, 20, 0));
	cr_assert(add(30, 8, 0));
	cr_assert(add(50, 8, 0));
	cr_assert_eq(take(8, 1), 30);
	cr_assert_eq(take(7, 1), 50);
	cr_assert_eq(take(1, 1), 57);
	cr_assert_eq(take(21, 1), -1);
	cr_assert_eq(take(20, 1), 0);
	cr_assert_eq(take(1, 1), -1);
}

Test(extents, a_multiple_is_found_and_both_ends_stay)
{
	cr_assert(add(1, 30, 0));
	cr_assert_eq(take(8, 16), 16);
	cr_assert_eq(extents.count, 2u);
	cr_assert_eq(take(16, 16), -1);
	cr_assert_eq(take(15, 1), 1);
	cr_assert_eq(take(7, 8), 24);
}

Test(extents, a_short_rest_goes_with_it)
{
	uintptr_t base;
	size_t bytes = 8 * PAGE;

	cr_assert(add(0, 10, 0));
	cr_assert(tide_extents_take(&extents, PAGE, 3 * PAGE, &base, &bytes));
	cr_assert_eq(bytes, 10 * PAGE);
	cr_assert(add(0, 11, 0));
	bytes = 8 * PAGE;
	cr_assert(tide_extents_take(&extents, PAGE, 3 * PAGE, &base, &bytes));
	cr_assert_eq(bytes, 8 * PAGE);
}

Test(extents, at_an_address_only_what_starts_there)
{
	cr_assert(add(10, 10, 0));
	cr_assert_not(tide_extents_take_at(&extents, START + 9 * PAGE, PAGE));
	cr_assert_not(tide_extents_take_at(&extents, START + 11 * PAGE, PAGE));
	cr_assert_not(tide_extents_take_at(&extents, START + 10 * PAGE, 11 * PAGE));
	cr_assert(tide_extents_take_at(&extents, START + 10 * PAGE, 4 * PAGE));
	cr_assert_eq(take(6, 1), 14);
}

Test(extents, the_longest_if_it_is_long_enough)
{
	uintptr_t base;
	size_t bytes;

	cr_assert_not(tide_extents_take_longest(&extents, 1, &base, &bytes));
	cr_assert(add(10, 10, 0));
	cr_assert(add(30, 12, 0));
	cr_assert_not(tide_extents_take_longest(&extents, 13 * PAGE, &base, &bytes));
	cr_assert(tide_extents_take_longest(&extents, 12 * PAGE, &base, &bytes));
	cr_assert_eq(base, START + 30 * PAGE);
	cr_assert_eq(bytes, 12 * PAGE);
	cr_assert_eq(extents.count, 1u);
}

Test(extents, the_oldest_goes_first_and_from_its_end)
{
	uintptr_t base;

	cr_assert(add(0, 10, 7));
	cr_assert(add(20, 10, 5));
	cr_assert(add(40, 10, 6));
	cr_assert_eq(tide_extents_take_oldest(&extents, 5, 4 * PAGE, &base), 0u);
	cr_assert_eq(tide_extents_take_oldest(&extents, 6, 4 * PAGE, &base), 4 * PAGE);
	cr_assert_eq(base, START + 26 * PAGE);
	cr_assert_eq(tide_extents_take_oldest(&extents, 6, 100 * PAGE, &base), 6 * PAGE);
	cr_assert_eq(tide_extents_take_oldest(&extents, 6, 100 * PAGE, &base), 0u);
	cr_assert_eq(tide_extents_take_oldest(&extents, 7, 100 * PAGE, &base), 10 * PAGE);
	cr_assert_eq(base, START + 40 * PAGE);
	/* What merges is as young as its youngest part. */
	cr_assert(add(10, 1, 9));
	cr_assert_eq(tide_extents_take_oldest(&extents, 9, 100 * PAGE, &base), 0u);
	cr_assert_eq(tide_extents_take_oldest(&extents, 10, 100 * PAGE, &base), 11 * PAGE);
}

Test(extents, a_full_array_takes_only_neighbours)
{
	uintptr_t base;
	size_t bytes = PAGE;

	for (size_t i = 0; i < TIDE_EXTENTS_MAX; i++)
		cr_assert(add(8 * i, 5, 0));
	cr_assert_not(add(8 * TIDE_EXTENTS_MAX, 5, 0));
	/* Cut in the middle, it would be one too many. */
	cr_assert_not(tide_extents_take(&extents, 16 * PAGE, 0, &base, &bytes) &&
	              base % (16 * PAGE));
	cr_assert_eq(extents.count, TIDE_EXTENTS_MAX);
	cr_assert(add(5, 3, 0));
	cr_assert_eq(extents.count, TIDE_EXTENTS_MAX - 1);
	cr_assert(add(8 * TIDE_EXTENTS_MAX, 5, 0));
}

/* The model: which pages are free. */
static bool is_free[PAGES];

static void mark(size_t page, size_t pages, bool free)
{
	for (size_t i = page; i < page + pages; i++) {
		cr_assert_neq(is_free[i], free, "page %zu", i);
		is_free[i] = free;
	}
}

static size_t longest_free(void)
{
	size_t longest = 0;
	size_t run = 0;

	for (size_t i = 0; i < PAGES; i++) {
		run = is_free[i] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

Test(extents, as_a_map_of_pages_has_it)
{
	uint64_t random = 1;

	for (int step = 0; step < STEPS; step++) {
		size_t pages = 1 + random_next(&random) % 24;
		size_t page = random_next(&random) % (PAGES - pages);
		bool used = true;

		if (random_next(&random) % 2 == 0) {
			long at = take(pages, 1);
			cr_assert_eq(at >= 0, longest_free() >= pages);
			if (at >= 0)
				mark((size_t)at, pages, false);
			continue;
		}
		for (size_t i = page; i < page + pages; i++)
			used &= !is_free[i];
		if (!used)
			continue;
		cr_assert(add(page, pages, 0));
		mark(page, pages, true);
	}
}
