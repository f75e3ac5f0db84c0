/* What the sampler saw, over time, in bounded memory: whenever the table is full, neighbours are
 * put together, so a run of any length ends with at most HISTORY_POINTS points of equal length.
 *
 * Touched by  the main thread only.
 */
#ifndef STRESS_HISTORY_H
#define STRESS_HISTORY_H

#include <stddef.h>

enum { HISTORY_POINTS = 1200 };

/* HISTORY_COLUMNS(X) calls X(ID, name, rule): how samples become one point. LAST: counts since the
 * start, and the time; MEAN, MAX: of levels. */
#define HISTORY_COLUMNS(X)                                                                         \
	X(SECONDS, "seconds", LAST)                                                                \
	X(CALLS, "calls", LAST)                                                                    \
	X(LIVE, "live_bytes", MEAN)                                                                \
	X(RESIDENT, "resident_bytes", MEAN)                                                        \
	X(RESIDENT_MAX, "resident_max_bytes", MAX)                                                 \
	X(BACKLOG, "backlog_bytes", MEAN)                                                          \
	X(BACKLOG_MAX, "backlog_max_bytes", MAX)                                                   \
	X(QUEUED, "queued_bytes", MEAN)                                                            \
	X(LEVEL, "queue_level_bytes", MEAN)                                                        \
	X(FREE_HELD, "free_held_bytes", MEAN)                                                      \
	X(CYCLES, "gc_cycles", LAST)                                                               \
	X(INLINE, "gc_inline_steps", LAST)                                                         \
	X(MISSES, "queue_misses", LAST)                                                            \
	X(RESTING, "resting", MAX)

enum history_column {
#define HISTORY_ID(ID, name, rule) HISTORY_##ID,
	HISTORY_COLUMNS(HISTORY_ID)
#undef HISTORY_ID
	    HISTORY_COLUMN_COUNT
};

struct history {
	size_t points;  /* complete ones */
	size_t stride;  /* samples in a point */
	size_t pending; /* samples in the point that follows the complete ones */
	double column[HISTORY_COLUMN_COUNT][HISTORY_POINTS];
};

void history_start(struct history *history);
void history_add(struct history *history, const double sample[HISTORY_COLUMN_COUNT]);
/* Increase per second of a column of counts, for each point. */
void history_rate(const struct history *history, enum history_column column,
                  double rate[HISTORY_POINTS]);
const char *history_name(enum history_column column);

#endif
