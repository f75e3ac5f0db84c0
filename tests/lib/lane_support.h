/* Be in a lane, as the thread of a later cache is. */
#ifndef LANE_SUPPORT_H
#define LANE_SUPPORT_H

#include "lane.h"

static inline void in_lane(uint8_t lane)
{
	while (tide_lanes_used_racy() <= lane)
		(void)tide_lane_next();
	tide_lane = lane;
}

#endif
