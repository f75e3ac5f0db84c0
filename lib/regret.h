/* Whether a process without a GC thread gave memory back too early.
 *
 * Nobody can return what such a process retains while it makes no calls, so it retains little, and
 * gives the rest back as it frees. A program that builds and drops the same again and again then
 * pays a system call and page faults each time: what it needs again soon after is regretted, and so
 * much more may be retained, until ticks of the GC's clock have halved it away. (The idea is
 * hysteresis by evidence: memory that only shrinks is never regretted.)
 *
 * Measured: binary trees of 2^4 to 2^18 nodes built and dropped by one thread, 20 MiB in all, spent
 * 0.11 of 1.0 s in the kernel before. 64 MiB of 64-byte blocks freed in random order and made
 * again, eight times: 20 ns a block with a bound of four times the base, 13 with eight and what is
 * regretted counted twice (mimalloc 7.5).
 *
 * Touched by  every thread: advice, nothing depends on it but how much is kept
 * Bound       seven times more than what may be retained anyway, eight times in all. A process
 *             that then makes no more calls keeps that: its clock is its own slow calls.
 * Roughly     memory is counted as needed when it is handed out to be cut up
 */
#ifndef TIDE_REGRET_H
#define TIDE_REGRET_H

#include "compiler.h"

#include <stdint.h>

/* So many bytes went back for want of a clock. */
TIDE_HIDDEN void tide_regret_gave(uint64_t bytes);
/* So many that hold no memory are to be used now. */
TIDE_HIDDEN void tide_regret_need(uint64_t bytes);
/* What may be retained without regret beside so much that is live: a part of it, or the floor. */
TIDE_HIDDEN uint64_t tide_regret_base(uint64_t live_bytes, uint64_t floor_bytes, uint32_t percent);
/* What may be retained in all where base_bytes may be without regret. */
TIDE_HIDDEN uint64_t tide_regret_retain(uint64_t base_bytes);
/* At a tick, where base_bytes may be retained without regret: half of it is forgotten. */
TIDE_HIDDEN void tide_regret_age(uint64_t base_bytes);

#endif
