/* Decisions as pure functions of numbers: no state, no clock. Whoever tunes the parameters calls
 * the same functions as the GC.
 */
#ifndef TIDE_GC_POLICY_H
#define TIDE_GC_POLICY_H

#include "compiler.h"

/* The level of a queue that was found empty `misses` times: up by `step_blocks` for each, by at
 * most `through_blocks`, up to `max_blocks`. */
TIDE_HIDDEN uint32_t tide_gc_policy_grow(uint32_t level, uint32_t misses, uint32_t step_blocks,
                                         uint64_t through_blocks, uint32_t max_blocks);
/* Blocks to take back from a queue that holds `blocks`, found full in `visits` visits. */
TIDE_HIDDEN uint32_t tide_gc_policy_reclaim(uint32_t blocks, uint32_t visits, uint32_t full_count,
                                            uint32_t percent);
/* The level after a decay tick in which nobody found the queue empty: a quarter, and 0 below one
 * bin. */
TIDE_HIDDEN uint32_t tide_gc_policy_settle(uint32_t level, uint32_t bin_blocks);

struct gc_container_look;
/* Whether memory runs short in a container: `percent` of its limit are in use, or
 * `pressure_percent` of the time (0: no matter) some task stood still. */
TIDE_HIDDEN bool tide_gc_policy_is_short(const struct gc_container_look *seen, uint32_t percent,
                                         uint32_t pressure_percent);

#endif
