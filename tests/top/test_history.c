/* history.c: rates between two snapshots, and sparklines. */
#include "history.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct history history;
static struct tide_stats_snapshot now;

static void add_at(uint64_t seconds, uint64_t live_bytes, uint64_t misses)
{
	now.taken_ns = seconds * 1000000000u;
	now.all.live_bytes = live_bytes;
	now.all.from_gc = misses;
	history_add(&history, &now, 77);
}

Test(history, rates_are_of_the_time_between)
{
	add_at(10, 5, 100);
	cr_assert_eq(history_now(&history, SERIES_MISSES), 0, "nothing before the first");
	add_at(12, 9, 700);
	cr_assert_eq(history_now(&history, SERIES_MISSES), 300);
	cr_assert_eq(history_now(&history, SERIES_LIVE), 9);
	cr_assert_eq(history_now(&history, SERIES_RSS), 77);
}

Test(history, a_page_not_written_since_is_no_news)
{
	add_at(1, 5, 0);
	add_at(2, 5, 50);
	add_at(2, 5, 50);
	cr_assert_eq(history_now(&history, SERIES_MISSES), 50);
	now.all.gc_state = 2; /* asleep: there is nothing to write */
	add_at(2, 5, 50);
	cr_assert_eq(history_now(&history, SERIES_MISSES), 0);
}

Test(history, counters_that_went_back)
{
	add_at(1, 5, 1000);
	add_at(2, 5, 10);
	cr_assert_eq(history_now(&history, SERIES_MISSES), 0);
}

Test(history, sparkline)
{
	char line[64];

	for (uint64_t i = 0; i < 4; i++)
		add_at(i + 1, i * 7, 0);
	history_sparkline(&history, SERIES_LIVE, 6, true, line, sizeof line);
	cr_assert_str_eq(line, "  _-*@", "'%s'", line);
	history_sparkline(&history, SERIES_LIVE, 3, true, line, sizeof line);
	cr_assert_str_eq(line, "-*@", "'%s'", line);
	history_sparkline(&history, SERIES_LIVE, 2, false, line, sizeof line);
	cr_assert_str_eq(line, "▆█", "'%s'", line);
	history_sparkline(&history, SERIES_LIVE, 4, false, line, 5);
	cr_assert_leq(strlen(line), 4, "what does not fit is left out whole");
}

Test(history, the_oldest_are_forgotten)
{
	char line[HISTORY_SAMPLES + 2];

	for (uint64_t i = 0; i < HISTORY_SAMPLES + 100; i++)
		add_at(i, i < 100 ? 1000000 : 1, 0);
	history_sparkline(&history, SERIES_LIVE, HISTORY_SAMPLES, true, line, sizeof line);
	cr_assert_eq(strspn(line, "@"), HISTORY_SAMPLES);
}
