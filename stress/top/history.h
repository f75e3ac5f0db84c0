/* What was seen over time: one sample a refresh, the oldest forgotten, and sparklines of it. */
#ifndef TOP_HISTORY_H
#define TOP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <tide/stats.h>

enum series {
	SERIES_LIVE,
	SERIES_RESIDENT,
	SERIES_RSS,
	SERIES_BACKLOG,
	SERIES_MISSES, /* a second, like the next ones */
	SERIES_EXCHANGES,
	SERIES_RETURNED,
	SERIES_GC_PERCENT,
	SERIES_COUNT
};

enum { HISTORY_SAMPLES = 512 };

struct history {
	double value[SERIES_COUNT][HISTORY_SAMPLES]; /* a ring */
	size_t next, count;
	uint64_t last_taken_ns;
	struct tide_stats last;
};

/* Add what changed since the last snapshot; one taken at the same time as that is no news. */
void history_add(struct history *history, const struct tide_stats_snapshot *snapshot,
                 uint64_t rss_bytes);
double history_now(const struct history *history, enum series series);
/* The last `width` samples as a line of `width` columns, blanks first. */
void history_sparkline(const struct history *history, enum series series, unsigned width,
                       bool ascii, char *line, size_t bytes);

#endif
