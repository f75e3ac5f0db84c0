#include "lane.h"

TIDE_THREAD_LOCAL uint8_t tide_lane;
_Atomic uint32_t tide_lane_caches;
