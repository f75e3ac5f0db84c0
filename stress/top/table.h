/* The classes as the user wants to see them: sorted by a column, filtered. Pure. */
#ifndef TOP_TABLE_H
#define TOP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <tide/stats.h>

enum column {
	COLUMN_BLOCK,
	COLUMN_HELD,
	COLUMN_LIVE,
	COLUMN_BINS,
	COLUMN_QUEUED,
	COLUMN_LEVEL,
	COLUMN_GARBAGE,
	COLUMN_FREE,
	COLUMN_MISSES,
	COLUMN_COUNT
};

/* What to show: lengths from `from` to `to` bytes. */
struct filter {
	uint64_t from_bytes, to_bytes;
};

/* "64", "64-", "-4K", "1K-64K", or "" for all. False: none of these; *filter is left alone. */
bool filter_parse(struct filter *filter, const char *text);

const char *column_name(enum column column);
uint64_t column_value(const struct tide_stats_class *own, enum column column);

/* Indices into of_class of what the filter lets through, sorted: the largest first, but lengths
 * from the smallest up; `reverse` turns that round. Returns how many. */
size_t table_sort(const struct tide_stats_snapshot *snapshot, const struct filter *filter,
                  enum column column, bool reverse, unsigned *index);

#endif
