/* pagemap.c: window and tree give the same answer for every address, any address may be asked,
 * and leaves that several threads make at once are one. The map never looks at the memory it is
 * about, so most addresses here are nobody's. */
#include "pagemap.h"

#include "os.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#define NEAR_ADDRESS 0x7f1234567000ul
#define FAR_ADDRESS 0x100000000000ul

enum { THREADS = 4 };

/* What the fast path of free does. */
static unsigned class_by_window(uintptr_t address)
{
	uintptr_t page = (address - tide_pagemap_near()->base) >> TIDE_PAGE_SHIFT;

	if (page >= tide_pagemap_near()->pages)
		return TIDE_CLASS_NONE;
	return tide_load_relaxed(&tide_pagemap_near()->map[page]);
}

static bool is_in_window(uintptr_t address)
{
	return (address - tide_pagemap_near()->base) >> TIDE_PAGE_SHIFT <
	       tide_pagemap_near()->pages;
}

static const uintptr_t anywhere[] = {
	0,
	1,
	0xfff,
	0x1000,
	NEAR_ADDRESS,
	FAR_ADDRESS,
	0x7fffffffffff,     /* the last of the user's */
	0x800000000000,     /* not canonical */
	0x123456789abcdef0, /* nor this */
	0xffff7fffffffffff, /* nor this */
	0xffff800000000000, /* the kernel's */
	0xffffffff81000000,
	UINTPTR_MAX,
};

static void assert_nothing_is_ours(void)
{
	for (size_t i = 0; i < COUNT_OF(anywhere); i++) {
		cr_assert_eq(tide_pagemap_class(anywhere[i]), TIDE_CLASS_NONE);
		cr_assert_eq(class_by_window(anywhere[i]), TIDE_CLASS_NONE);
		cr_assert_null(tide_pagemap_region(anywhere[i]));
	}
}

Test(pagemap, nothing_is_ours_at_first)
{
	assert_nothing_is_ours();
	for (size_t i = 0; i < COUNT_OF(anywhere); i++)
		cr_assert_null(tide_pagemap_large(anywhere[i]));
	tide_pagemap_init(NEAR_ADDRESS);
	assert_nothing_is_ours();
}

Test(pagemap, what_lies_between_our_pages_is_not_ours)
{
	tide_pagemap_init(NEAR_ADDRESS);
	for (size_t i = 4; i < 6; i++) {
		uintptr_t page = anywhere[i];

		cr_assert(tide_pagemap_prepare(page, TIDE_PAGE_BYTES));
		tide_pagemap_set(page, 1, 9);
		cr_assert_eq(tide_pagemap_class(page), 9u);
		cr_assert_eq(tide_pagemap_class(page + TIDE_PAGE_BYTES - 1), 9u);
		cr_assert_eq(tide_pagemap_class(page - 1), TIDE_CLASS_NONE);
		cr_assert_eq(tide_pagemap_class(page + TIDE_PAGE_BYTES), TIDE_CLASS_NONE);
		/* The same page under addresses that differ in bits the map must not drop. */
		cr_assert_eq(tide_pagemap_class(page | 1ul << 47), TIDE_CLASS_NONE);
		cr_assert_eq(tide_pagemap_class(page | 1ul << 63), TIDE_CLASS_NONE);
		cr_assert_eq(tide_pagemap_class(page | 0xfffful << 48), TIDE_CLASS_NONE);
		cr_assert_eq(class_by_window(page | 1ul << 47), TIDE_CLASS_NONE);
		cr_assert_eq(class_by_window(page | 1ul << 63), TIDE_CLASS_NONE);
		tide_pagemap_set(page, 1, TIDE_CLASS_NONE);
	}
	assert_nothing_is_ours();
}

/* Leaves from below the window to above it, each with some pages at its ends and inside. */
static void assert_window_and_tree_agree(uintptr_t from, uintptr_t to)
{
	uint64_t random = 11;

	for (uintptr_t leaf = from; leaf < to; leaf += TIDE_LEAF_BYTES) {
		cr_assert(tide_pagemap_prepare(leaf, TIDE_LEAF_BYTES));
		tide_pagemap_set(leaf, 1, 7);
		tide_pagemap_set(leaf + TIDE_LEAF_BYTES - TIDE_PAGE_BYTES, 1, 8);
		for (int i = 0; i < 200; i++) {
			uintptr_t page =
			    leaf + random_next(&random) % TIDE_LEAF_PAGES * TIDE_PAGE_BYTES;

			tide_pagemap_set(page, 1, (unsigned)(1 + random_next(&random) % 154));
		}
	}
	size_t inside = 0;
	for (uintptr_t leaf = from; leaf < to; leaf += TIDE_LEAF_BYTES) {
		cr_assert_neq(tide_pagemap_class(leaf), TIDE_CLASS_NONE);
		cr_assert_neq(tide_pagemap_class(leaf + TIDE_LEAF_BYTES - 1), TIDE_CLASS_NONE);
		for (size_t i = 0; i < TIDE_LEAF_PAGES; i += 1 + i % 7) {
			uintptr_t address = leaf + i * TIDE_PAGE_BYTES + i % TIDE_PAGE_BYTES;

			if (!is_in_window(address))
				continue;
			inside++;
			if (class_by_window(address) != tide_pagemap_class(address))
				cr_assert_fail("%#lx: %u and %u", (unsigned long)address,
				               class_by_window(address),
				               tide_pagemap_class(address));
		}
	}
	cr_assert_gt(inside, 0u);
}

Test(pagemap, window_and_tree_agree_at_both_ends_of_the_window)
{
	tide_pagemap_init(NEAR_ADDRESS);
	uintptr_t base = tide_pagemap_near()->base;
	uintptr_t top = base + tide_pagemap_near()->pages * TIDE_PAGE_BYTES;

	cr_assert(is_in_window(NEAR_ADDRESS));
	cr_assert_eq(base % TIDE_LEAF_BYTES, 0u);
	assert_window_and_tree_agree(base - 2 * TIDE_LEAF_BYTES, base + 2 * TIDE_LEAF_BYTES);
	assert_window_and_tree_agree(top - 2 * TIDE_LEAF_BYTES, top + 2 * TIDE_LEAF_BYTES);
}

Test(pagemap, a_window_near_zero_starts_at_zero)
{
	tide_pagemap_init(0x555555000);
	cr_assert_eq(tide_pagemap_near()->base, 0u);
	cr_assert(is_in_window(0x555555000));
	assert_window_and_tree_agree(0, 4 * TIDE_LEAF_BYTES);
}

Test(pagemap, without_a_window_all_goes_through_the_tree)
{
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	tide_pagemap_init(NEAR_ADDRESS);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_eq(tide_pagemap_near()->pages, 0u);
	cr_assert(tide_pagemap_prepare(NEAR_ADDRESS, TIDE_REGION_BYTES));
	tide_pagemap_set(NEAR_ADDRESS, 5, 3);
	cr_assert_eq(tide_pagemap_class(NEAR_ADDRESS + 4 * TIDE_PAGE_BYTES), 3u);
	cr_assert_eq(class_by_window(NEAR_ADDRESS), TIDE_CLASS_NONE);
}

Test(pagemap, a_tight_limit_makes_the_window_smaller)
{
	struct rlimit limit;

	if (SANITIZED)
		cr_skip_test("a sanitizer's shadow needs all of the address space");
	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = (rlim_t)512 << 20;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	tide_pagemap_init(NEAR_ADDRESS);
	cr_assert_eq(tide_pagemap_near()->pages, TIDE_NEAR_MIN_BYTES / TIDE_PAGE_BYTES);
	cr_assert(is_in_window(NEAR_ADDRESS));
}

Test(pagemap, far_addresses_are_served_by_the_tree)
{
	tide_pagemap_init(NEAR_ADDRESS);
	cr_assert(!is_in_window(FAR_ADDRESS));
	cr_assert(tide_pagemap_prepare(FAR_ADDRESS, TIDE_REGION_BYTES));
	tide_pagemap_set(FAR_ADDRESS, TIDE_REGION_PAGES, TIDE_CLASS_INSIDE);
	cr_assert_eq(tide_pagemap_class(FAR_ADDRESS), TIDE_CLASS_INSIDE);
	cr_assert_eq(tide_pagemap_class(FAR_ADDRESS + TIDE_REGION_BYTES - 1), TIDE_CLASS_INSIDE);
	cr_assert_eq(tide_pagemap_class(FAR_ADDRESS + TIDE_REGION_BYTES), TIDE_CLASS_NONE);
	cr_assert_eq(class_by_window(FAR_ADDRESS), TIDE_CLASS_NONE);
}

Test(pagemap, there_is_no_leaf_beyond_the_users_address_space)
{
	uintptr_t end = 1ul << TIDE_ADDRESS_BITS;

	cr_assert(tide_pagemap_prepare(end - TIDE_PAGE_BYTES, TIDE_PAGE_BYTES));
	cr_assert(!tide_pagemap_prepare(end - TIDE_PAGE_BYTES, 2 * TIDE_PAGE_BYTES));
	cr_assert(!tide_pagemap_prepare(end, TIDE_PAGE_BYTES));
	cr_assert(!tide_pagemap_prepare(0xffffffff80000000, TIDE_PAGE_BYTES));
	cr_assert_null(tide_pagemap_large(end));
}

Test(pagemap, a_region_is_found_from_all_of_its_addresses_and_from_no_other)
{
	struct tide_region *region = (struct tide_region *)0x1000;
	uintptr_t base = FAR_ADDRESS + 5 * (uintptr_t)TIDE_REGION_BYTES;

	cr_assert(tide_pagemap_prepare(base, TIDE_REGION_BYTES));
	tide_pagemap_set_region(base, region);
	for (uintptr_t at = base; at < base + TIDE_REGION_BYTES; at += 1234)
		cr_assert_eq(tide_pagemap_region(at), region);
	cr_assert_null(tide_pagemap_region(base - 1));
	cr_assert_null(tide_pagemap_region(base + TIDE_REGION_BYTES));
	tide_pagemap_set_region(base, NULL);
	cr_assert_null(tide_pagemap_region(base));
}

Test(pagemap, every_page_has_a_slot_of_its_own_for_a_large_block)
{
	cr_assert(tide_pagemap_prepare(FAR_ADDRESS, TIDE_LEAF_BYTES + 1));
	_Atomic(struct tide_large *) *before = NULL;
	for (size_t i = 0; i <= TIDE_LEAF_PAGES; i++) {
		_Atomic(struct tide_large *) *slot =
		    tide_pagemap_large(FAR_ADDRESS + i * TIDE_PAGE_BYTES);

		cr_assert_neq(slot, before);
		cr_assert_eq(slot, tide_pagemap_large(FAR_ADDRESS + i * TIDE_PAGE_BYTES + 4095));
		before = slot;
	}
}

Test(pagemap, without_memory_nothing_is_prepared_and_later_it_is)
{
	tide_pagemap_init(NEAR_ADDRESS);
	/* The first of two leaves can be had, the second can't. */
	uintptr_t start = FAR_ADDRESS + TIDE_LEAF_BYTES - TIDE_PAGE_BYTES;
	tide_os_fault_plan(TIDE_OS_MMAP, 1, 1);
	cr_assert(!tide_pagemap_prepare(start, 2 * TIDE_PAGE_BYTES));
	cr_assert_eq(tide_pagemap_class(start), TIDE_CLASS_NONE);
	cr_assert_eq(tide_pagemap_class(start + TIDE_PAGE_BYTES), TIDE_CLASS_NONE);
	tide_os_fault_plan(0, 0, 0);
	cr_assert(tide_pagemap_prepare(start, 2 * TIDE_PAGE_BYTES));
	tide_pagemap_set(start, 2, 6);
	cr_assert_eq(tide_pagemap_class(start), 6u);
	cr_assert_eq(tide_pagemap_class(start + TIDE_PAGE_BYTES), 6u);
}

/* Each thread prepares the same leaves and marks pages of its own. */
static void *mark(void *arg)
{
	uintptr_t id = *(uintptr_t *)arg;

	for (uintptr_t leaf = 0; leaf < 32; leaf++) {
		uintptr_t page = FAR_ADDRESS + leaf * TIDE_LEAF_BYTES + id * TIDE_PAGE_BYTES;

		if (!tide_pagemap_prepare(page, TIDE_PAGE_BYTES))
			return "no leaf";
		tide_pagemap_set(page, 1, (unsigned)(id + 1));
	}
	return NULL;
}

Test(pagemap, threads_that_make_a_leaf_at_once_get_the_same)
{
	uintptr_t id[THREADS] = { 0, 1, 2, 3 };
	const char *wrong = run_threads(mark, id, sizeof id[0], THREADS);

	cr_assert_null(wrong, "%s", wrong);
	for (uintptr_t leaf = 0; leaf < 32; leaf++)
		for (uintptr_t t = 0; t < THREADS; t++)
			cr_assert_eq(tide_pagemap_class(FAR_ADDRESS + leaf * TIDE_LEAF_BYTES +
			                                t * TIDE_PAGE_BYTES),
			             t + 1);
}
