/* The snapshot: every figure read where it is kept, without waiting for anybody.
 *
 * Touched by  whoever asks; reads what all others write, by relaxed loads
 * Progress    wait-free but for the number of threads and heaps. Takes the GC token if it is free, so
 *             that no step of the GC runs meanwhile; else `settled` is 0.
 */
#ifndef TIDE_STATS_COLLECT_H
#define TIDE_STATS_COLLECT_H

#include "compiler.h"

#include <tide/stats.h>

/* The totals, and with `snapshot`, which may be NULL, all but its magic, sequence and end. Entries
 * beyond the counts are not touched. */
TIDE_HIDDEN void tide_stats_collect(struct tide_stats *all, struct tide_stats_snapshot *snapshot);

#endif
