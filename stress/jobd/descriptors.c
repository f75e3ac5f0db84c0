/* See descriptors.h. */
#include "descriptors.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>

enum { DESCRIPTORS_KEPT = 16 };

int descriptors_for_connections(int first)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		perror("tide-jobd: getrlimit");
		return -1;
	}
	rlim_t at_start = limit.rlim_cur;

	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		limit.rlim_cur = at_start;
	if (limit.rlim_cur > INT_MAX)
		return INT_MAX;
	int end = (int)limit.rlim_cur - DESCRIPTORS_KEPT;

	if (first < end)
		return end;
	fprintf(stderr, "tide-jobd: %d descriptors are too few (ulimit -n)\n", (int)limit.rlim_cur);
	return -1;
}
