/* The snapshot: every figure read where it is kept, without waiting for anybody.
 *
 * Touched by  whoever asks; reads what all others write, by relaxed loads
 * Progress    wait-free but for the number of threads and heaps. Takes the GC token if it is free,
 *             so that no step of the GC runs meanwhile; else `settled` is 0.
 */
#ifndef TIDE_STATS_COLLECT_H
#define TIDE_STATS_COLLECT_H

#include "compiler.h"

#include <tide/stats.h>

/* The totals, and with `snapshot`, which may be NULL, all but its magic, sequence and end. Entries
 * beyond the counts are not touched. */
TIDE_HIDDEN void tide_stats_collect(struct tide_stats *all, struct tide_stats_snapshot *snapshot);

/* As tide_stats_snapshot and tide_stats_write, but also for the GC thread: nothing thread-local is
 * touched, so the bins of a calling thread are as of its last miss, too. */
TIDE_HIDDEN void tide_stats_take(struct tide_stats_snapshot *snapshot);
TIDE_HIDDEN int tide_stats_print(int file, enum tide_stats_format format);

#endif
