/* See trend.h. */
#include "trend.h"

#include <math.h>
#include <string.h>

/* Shell's sort: qsort may take memory from the heap. */
static void sort(double *value, size_t count)
{
	for (size_t gap = count / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < count; i++) {
			double moved = value[i];
			size_t j = i;

			for (; j >= gap && value[j - gap] > moved; j -= gap)
				value[j] = value[j - gap];
			value[j] = moved;
		}
	}
}

static double median(double *value, size_t count)
{
	sort(value, count);
	return count % 2 != 0 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

static double sign(double value)
{
	return value > 0 ? 1 : value < 0 ? -1 : 0;
}

struct trend trend_of(const double *value, size_t points)
{
	static double work[TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2];
	size_t count = points < TREND_POINTS_MAX ? points : TREND_POINTS_MAX;
	struct trend trend = { .points = count };
	double n = (double)count;
	double rising = 0;
	size_t pairs = 0;

	if (count == 0)
		return trend;
	memcpy(work, value, count * sizeof *value);
	trend.median = median(work, count);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			work[pairs++] = (value[j] - value[i]) / (double)(j - i);
			rising += sign(value[j] - value[i]);
		}
	}
	if (pairs == 0)
		return trend;
	trend.slope = median(work, pairs);
	trend.growth = trend.slope * (n - 1);
	/* One less: what is counted is continuous only in the theory. */
	trend.sigma = (rising - sign(rising)) / sqrt(n * (n - 1) * (2 * n + 5) / 18);
	return trend;
}
