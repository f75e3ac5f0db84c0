/* What memory is held by, and why it is not given back: the same words for whoever prints or shows
 * a snapshot. Pure.
 *
 * Invariant  the bytes of all rows are those of resident_bytes, up to what moved while the snapshot
 *            was taken
 */
#ifndef TIDE_STATS_HELD_H
#define TIDE_STATS_HELD_H

#include "compiler.h"

#include <tide/stats.h>

enum { TIDE_HELD_ROWS = 8 };
struct tide_held {
	const char *by;
	uint64_t bytes;
	const char *why; /* at most 46 characters: with the rest a line of 80 */
};

TIDE_HIDDEN void tide_stats_held(const struct tide_stats_snapshot *snapshot,
                                 struct tide_held held[TIDE_HELD_ROWS]);
/* "at work", "dozing", "asleep", "none". */
TIDE_HIDDEN const char *tide_stats_gc_word(const struct tide_stats_snapshot *snapshot);

#endif
