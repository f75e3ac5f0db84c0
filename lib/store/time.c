#include "state.h"

#include <time.h>

uint64_t tide_time_monotonic_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * TIDE_STORE_SECOND + (uint64_t)now.tv_nsec;
}
