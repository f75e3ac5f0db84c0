#include "policy.h"

#include "container.h"

uint32_t tide_gc_policy_grow(uint32_t level, uint32_t misses, uint32_t step_blocks,
                             uint64_t through_blocks, uint32_t max_blocks)
{
	uint64_t wanted = (uint64_t)misses * step_blocks;
	uint64_t grown = level + (wanted < through_blocks ? wanted : through_blocks);
	if (grown <= max_blocks)
		return (uint32_t)grown;
	return level > max_blocks ? level : max_blocks;
}

uint32_t tide_gc_policy_reclaim(uint32_t blocks, uint32_t visits, uint32_t full_count,
                                uint32_t percent)
{
	return visits > full_count ? (uint32_t)((uint64_t)blocks * percent / 100) : 0;
}

uint32_t tide_gc_policy_settle(uint32_t level, uint32_t bin_blocks)
{
	return level / 4 < bin_blocks ? 0 : level / 4;
}

bool tide_gc_policy_is_short(const struct gc_container_look *seen, uint32_t percent,
                             uint32_t pressure_percent)
{
	if (seen->used_bytes >= seen->limit_bytes / 100 * percent)
		return true;
	return pressure_percent != 0 && seen->stall_us > 0 &&
	       seen->stall_us >= seen->elapsed_us / 100 * pressure_percent;
}
