/* Whether a store is fragmented enough, and has been for long enough, to be defragmented: a
 * function of numbers and of since when.
 *
 * Touched by  whoever has the work lock
 */
#ifndef TIDE_STORE_JUDGE_H
#define TIDE_STORE_JUDGE_H

#include "state.h"

static inline void tide_judge_init(struct tide_judge *judge)
{
	judge->since_ns = UINT64_MAX;
}

/* Of memory held for bodies. Without any bodies all of it is waste. */
static inline uint64_t tide_judge_percent(uint64_t held_bytes, uint64_t used_bytes)
{
	if (used_bytes == 0)
		return held_bytes > 0 ? UINT64_MAX : 0;
	return (uint64_t)((double)held_bytes * 100 / (double)used_bytes);
}

/* FRAGMENTED, COMPACT or LITTLE_WASTE; *start: defragment now. */
TIDE_HIDDEN enum tide_store_verdict tide_judge_check(struct tide_judge *judge,
                                                     const struct tide_store_options *options,
                                                     uint64_t now_ns, uint64_t held_bytes,
                                                     uint64_t used_bytes, bool *start);
static inline uint64_t tide_judge_fragmented_ns(const struct tide_judge *judge, uint64_t now_ns)
{
	return judge->since_ns == UINT64_MAX ? 0 : now_ns - judge->since_ns;
}

#endif
