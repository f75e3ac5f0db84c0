/* See history.h. */
#include "history.h"

#include <string.h>

enum rule { LAST, MEAN, MAX };

static const struct {
	const char *name;
	enum rule rule;
} known[HISTORY_COLUMN_COUNT] = {
#define HISTORY_ROW(ID, name, rule) { name, rule },
	HISTORY_COLUMNS(HISTORY_ROW)
#undef HISTORY_ROW
};

void history_start(struct history *history)
{
	/* Also makes it resident, so that it does not grow into what the allocator is charged
	 * with. */
	memset(history, 0, sizeof *history);
	history->stride = 1;
}

/* `value` of `weight` samples joins what stands for `had` samples. */
static double joined(enum rule rule, double old, double had, double value, double weight)
{
	switch (rule) {
	case MEAN:
		return (old * had + value * weight) / (had + weight);
	case MAX:
		return old > value ? old : value;
	default:
		return value;
	}
}

static void halve(struct history *history)
{
	for (size_t i = 0; i < HISTORY_COLUMN_COUNT; i++) {
		double *column = history->column[i];

		for (size_t j = 0; j < HISTORY_POINTS / 2; j++)
			column[j] = joined(known[i].rule, column[2 * j], 1, column[2 * j + 1], 1);
	}
	history->points = HISTORY_POINTS / 2;
	history->stride *= 2;
}

void history_add(struct history *history, const double sample[HISTORY_COLUMN_COUNT])
{
	if (history->points == HISTORY_POINTS)
		halve(history);
	for (size_t i = 0; i < HISTORY_COLUMN_COUNT; i++) {
		double *at = &history->column[i][history->points];

		*at = history->pending == 0
		          ? sample[i]
		          : joined(known[i].rule, *at, (double)history->pending, sample[i], 1);
	}
	if (++history->pending == history->stride) {
		history->points++;
		history->pending = 0;
	}
}

void history_rate(const struct history *history, enum history_column column,
                  double rate[HISTORY_POINTS])
{
	const double *seconds = history->column[HISTORY_SECONDS];
	const double *count = history->column[column];

	for (size_t i = 0; i < history->points; i++) {
		double span = seconds[i] - (i > 0 ? seconds[i - 1] : 0);
		double more = count[i] - (i > 0 ? count[i - 1] : 0);

		rate[i] = span > 0 ? more / span : 0;
	}
}

const char *history_name(enum history_column column)
{
	return known[column].name;
}
