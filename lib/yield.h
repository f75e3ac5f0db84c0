/* Yield points: named places in the windows of the protocols, where tests/interleave may stop a
 * thread and let another one run. A variant of the library is built for these tests alone; in all
 * others the points compile to nothing.
 *
 *   TIDE_YIELD("file.window")   between two steps of a protocol that others may come between
 *
 * What a thread does from one point to the next is one step to the scheduler of the tests, so a
 * window without a point is not explored. The rest is for os.c, whose waits, wakes, clock and
 * threads the scheduler has to know of: each says whether it took the call upon itself.
 *
 * Touched by  every thread; no state here
 */
#ifndef TIDE_YIELD_H
#define TIDE_YIELD_H

#include "compiler.h"

#ifndef TIDE_INTERLEAVE
#define TIDE_INTERLEAVE 0
#endif

#define TIDE_YIELD(point) ((void)(TIDE_INTERLEAVE && (tide_yield(point), 1)))

/* Defined by tests/interleave/baton.c, and only there. */
TIDE_HIDDEN void tide_yield(const char *point);
TIDE_HIDDEN bool tide_yield_futex_wait(void *word, uint32_t seen, uint64_t timeout_ns);
TIDE_HIDDEN bool tide_yield_futex_wake(void *word, uint32_t waiters);
TIDE_HIDDEN bool tide_yield_clock_ns(uint64_t *now_ns);
TIDE_HIDDEN bool tide_yield_thread_start(void (*entry)(void *), void *arg, _Atomic uint32_t *alive);

#endif
