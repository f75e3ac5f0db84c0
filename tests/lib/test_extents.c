/* extents.c: free ranges merge with their neighbours and are cut to measure by best fit. A long
 * random run is compared with a map of pages. */
#include "extents.h"

#include "../api/support.h"

#include <criterion/criterion.h>

enum { PAGES = 512, STEPS = SCALED(60000) };
#define PAGE TIDE_PAGE_BYTES
#define START ((uintptr_t)1 << 40)

static struct tide_extents extents;

static bool add(size_t page, size_t pages)
{
	bool added =
	    tide_extents_add(&extents, (struct tide_extent){ START + page * PAGE, pages * PAGE });

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
	cr_assert(add(10, 5));
	cr_assert(add(20, 5));
	cr_assert_eq(extents.count, 2u);
	cr_assert(add(15, 5));
	cr_assert_eq(extents.count, 1u);
	cr_assert_eq(extents.of[0].bytes, 15 * PAGE);
	cr_assert(add(9, 1));
	cr_assert(add(25, 1));
	cr_assert_eq(extents.count, 1u);
	cr_assert_eq(take(17, 1), 9);
	cr_assert_eq(extents.count, 0u);
}

Test(extents, the_best_fit_is_cut_and_the_lowest_of_equals)
{
	cr_assert(add(0, 20));
	cr_assert(add(30, 8));
	cr_assert(add(50, 8));
	cr_assert_eq(take(8, 1), 30);
	cr_assert_eq(take(7, 1), 50);
	cr_assert_eq(take(1, 1), 57);
	cr_assert_eq(take(21, 1), -1);
	cr_assert_eq(take(20, 1), 0);
	cr_assert_eq(take(1, 1), -1);
}

Test(extents, a_multiple_is_found_and_both_ends_stay)
{
	cr_assert(add(1, 30));
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

	cr_assert(add(0, 10));
	cr_assert(tide_extents_take(&extents, PAGE, 3 * PAGE, &base, &bytes));
	cr_assert_eq(bytes, 10 * PAGE);
	cr_assert(add(0, 11));
	bytes = 8 * PAGE;
	cr_assert(tide_extents_take(&extents, PAGE, 3 * PAGE, &base, &bytes));
	cr_assert_eq(bytes, 8 * PAGE);
}

Test(extents, at_an_address_only_what_starts_there)
{
	cr_assert(add(10, 10));
	cr_assert_not(tide_extents_take_at(&extents, START + 9 * PAGE, PAGE));
	cr_assert_not(tide_extents_take_at(&extents, START + 11 * PAGE, PAGE));
	cr_assert_not(tide_extents_take_at(&extents, START + 10 * PAGE, 11 * PAGE));
	cr_assert(tide_extents_take_at(&extents, START + 10 * PAGE, 4 * PAGE));
	cr_assert_eq(take(6, 1), 14);
}

static size_t take_longest(size_t least_pages, size_t most_pages, size_t step_pages, size_t *page)
{
	uintptr_t base;
	size_t bytes;

	if (!tide_extents_take_longest(&extents, least_pages * PAGE, most_pages * PAGE,
	                               step_pages * PAGE, &base, &bytes))
		return 0;
	cr_assert(tide_extents_are_valid(&extents));
	*page = (base - START) / PAGE;
	return bytes / PAGE;
}

Test(extents, the_end_of_the_longest_if_it_is_long_enough)
{
	size_t page;

	cr_assert_eq(take_longest(1, PAGES, 1, &page), 0u);
	cr_assert(add(10, 10));
	cr_assert(add(30, 12));
	cr_assert_eq(take_longest(13, PAGES, 1, &page), 0u);
	cr_assert_eq(take_longest(12, 4, 1, &page), 4u);
	cr_assert_eq(page, 38u);
	cr_assert_eq(take_longest(1, PAGES, 1, &page), 10u);
	cr_assert_eq(page, 10u);
	/* Down to a whole step, where there is one. */
	cr_assert_eq(take_longest(1, 1, 4, &page), 2u);
	cr_assert_eq(page, 36u);
	cr_assert_eq(take_longest(1, 1, 4, &page), 4u);
	cr_assert_eq(page, 32u);
	cr_assert_eq(take_longest(1, 1, 4, &page), 1u);
	cr_assert_eq(page, 31u);
}

Test(extents, a_full_array_takes_only_neighbours)
{
	uintptr_t base;
	size_t bytes = PAGE;

	for (size_t i = 0; i < TIDE_EXTENTS_MAX; i++)
		cr_assert(add(8 * i, 5));
	cr_assert_not(add(8 * TIDE_EXTENTS_MAX, 5));
	/* Cut in the middle, it would be one too many. */
	cr_assert_not(tide_extents_take(&extents, 16 * PAGE, 0, &base, &bytes) &&
	              base % (16 * PAGE));
	cr_assert_eq(extents.count, TIDE_EXTENTS_MAX);
	cr_assert(add(5, 3));
	cr_assert_eq(extents.count, TIDE_EXTENTS_MAX - 1);
	cr_assert(add(8 * TIDE_EXTENTS_MAX, 5));
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
		cr_assert(add(page, pages));
		mark(page, pages, true);
	}
}
