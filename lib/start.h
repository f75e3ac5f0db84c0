/* Start-up of the process and of each thread.
 *
 * There is no "initialised?" on any fast path: the first call of a thread misses, and the miss
 * comes by here. What a process needs once is set up by the first thread; each piece is lock-free
 * by itself or has a default that is as good, so a second thread that arrives meanwhile need not
 * wait.
 *
 * Touched by  app threads
 * Edges       start.options  who did what the options ask for -> who goes on
 *             start.once  only its winner registers handlers
 */
#ifndef TIDE_START_H
#define TIDE_START_H

#include "cache.h"

/* A cache for the calling thread, which has none; NULL when there is no memory. */
TIDE_HIDDEN struct tide_cache *tide_start_thread(void);

/* fork.c. Before any fork can happen. */
TIDE_HIDDEN void tide_fork_register(void);

/* Checked mode (option `check`): no bin is ever installed between calls, so that each call misses
 * and is checked in full (slow.c). */
TIDE_HIDDEN extern _Atomic bool tide_start_checked_on;
static inline bool tide_start_checked(void)
{
	return tide_load_relaxed(&tide_start_checked_on);
}

#endif
