/* table.c: the classes as the user sorts and filters them. */
#include "table.h"

#include <criterion/criterion.h>

static const struct filter all_lengths = { 0, UINT64_MAX };
static struct tide_stats_snapshot snapshot;
static unsigned index_of[TIDE_STATS_CLASSES];

static void set_up(void)
{
	snapshot.class_count = 4;
	for (unsigned i = 0; i < 4; i++) {
		snapshot.of_class[i].block_bytes = 64u << i;
		snapshot.of_class[i].held_bytes = (i * 3 + 1) % 4 * 1000;
		snapshot.of_class[i].from_gc = i;
		snapshot.of_class[i].from_queue = 7 * (i % 2);
	}
}

static void assert_order(size_t count, unsigned a, unsigned b, unsigned c, unsigned d)
{
	unsigned wanted[] = { a, b, c, d };

	for (size_t i = 0; i < count; i++)
		cr_assert_eq(index_of[i], wanted[i], "row %zu", i);
}

TestSuite(table, .init = set_up);

Test(table, sorts_by_each_column)
{
	cr_assert_eq(table_sort(&snapshot, &all_lengths, COLUMN_BLOCK, false, index_of), 4);
	assert_order(4, 0, 1, 2, 3);
	table_sort(&snapshot, &all_lengths, COLUMN_BLOCK, true, index_of);
	assert_order(4, 3, 2, 1, 0);
	table_sort(&snapshot, &all_lengths, COLUMN_HELD, false, index_of);
	assert_order(4, 2, 3, 0, 1); /* 3000, 2000, 1000, 0 */
	table_sort(&snapshot, &all_lengths, COLUMN_HELD, true, index_of);
	assert_order(4, 1, 0, 3, 2);
	table_sort(&snapshot, &all_lengths, COLUMN_MISSES, false, index_of);
	assert_order(4, 3, 1, 2, 0); /* 10, 8, 2, 0 */
}

Test(table, equal_rows_stay_in_order)
{
	table_sort(&snapshot, &all_lengths, COLUMN_FREE, false, index_of);
	assert_order(4, 0, 1, 2, 3);
}

Test(table, filters)
{
	struct filter filter;

	cr_assert(filter_parse(&filter, "100-300"));
	cr_assert_eq(table_sort(&snapshot, &filter, COLUMN_BLOCK, false, index_of), 2);
	assert_order(2, 1, 2, 0, 0);
	cr_assert(filter_parse(&filter, "64"));
	cr_assert_eq(table_sort(&snapshot, &filter, COLUMN_BLOCK, false, index_of), 1);
	cr_assert(filter_parse(&filter, "256-"));
	cr_assert_eq(table_sort(&snapshot, &filter, COLUMN_BLOCK, false, index_of), 2);
	cr_assert(filter_parse(&filter, "-64"));
	cr_assert_eq(table_sort(&snapshot, &filter, COLUMN_BLOCK, false, index_of), 1);
	cr_assert(filter_parse(&filter, "1k-2M"));
	cr_assert_eq(filter.from_bytes, 1024);
	cr_assert_eq(filter.to_bytes, 2u << 20);
	cr_assert(filter_parse(&filter, ""));
	cr_assert_eq(table_sort(&snapshot, &filter, COLUMN_BLOCK, false, index_of), 4);
}

Test(table, filters_that_are_none)
{
	static const char *const text[] = { "x",     "1-x", "9-3", "--",
		                            "1-2-3", "K",   "64 ", "1234567890123" };
	struct filter filter = { 5, 6 };

	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		cr_assert_not(filter_parse(&filter, text[i]), "%s", text[i]);
	cr_assert_eq(filter.from_bytes, 5);
	cr_assert_eq(filter.to_bytes, 6);
}

Test(table, columns_have_names)
{
	for (int i = 0; i < COLUMN_COUNT; i++)
		cr_assert_not_null(column_name((enum column)i));
}
