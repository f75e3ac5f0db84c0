/* Whether huge pages are worth asking for, by evidence.
 *
 * They make a heap that grows up to three times as fast, where the memory is there. On a virtual
 * machine it may not be: a guest that reports its free blocks to the host (free page reporting)
 * gives back those of 2 MiB and more, so that each huge page has to be found by the host again,
 * while small pages come from fragments that never went. A huge page then takes 2 ms instead of
 * 0.1.
 *
 * So the first huge page of a region is timed, when the thread that opened the region touches its
 * first page, as it is about to do in any case. When it was dear, the rest of that region and the
 * next few do with small pages, twice as many each time in a row. (The wait is what counts: who
 * lost the processor meanwhile takes that for the page's fault, and a few regions do without.)
 * Large blocks do without for a while, too. Where the system gives huge pages to all who do not
 * refuse them, only that one region does.
 *
 * Measured on such a machine after 7 s of rest: 512 MiB of 64-byte blocks 1.2 to 1.5 s without this
 * rule, 0.32 to 0.36 with it, and 0.33 to 0.38 in an allocator that asks for no huge pages.
 *
 * Touched by  every thread: advice     Progress  wait-free but for the system
 */
#ifndef TIDE_HUGE_H
#define TIDE_HUGE_H

#include "compiler.h"

#define TIDE_HUGE_PAGE_BYTES (2ul << 20)

/* Ask for huge pages in a region that was just mapped, at a multiple of one; whether it did. */
TIDE_HIDDEN bool tide_huge_ask(void *start, size_t bytes);
/* Who opened such a region: touch its first page, and keep what that took. */
TIDE_HIDDEN void tide_huge_time(void *start, size_t bytes);
/* Whether they were dear not long ago. */
TIDE_HIDDEN bool tide_huge_is_dear(void);

/* The rule by itself: how many regions to do without, after one that took `ns`, when it was
 * `before` regions the last time (0: it was not dear). */
TIDE_HIDDEN uint32_t tide_huge_skips_after(uint64_t ns, uint32_t before);

#endif
