/* See statistics.h. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double statistics_quantile(double *value, size_t count, double quantile)
{
	if (count == 0)
		return NAN;
	qsort(value, count, sizeof *value, compare);
	double at = quantile * (double)(count - 1);
	size_t below = (size_t)at;
	if (below + 1 >= count)
		return value[count - 1];
	return value[below] + (at - (double)below) * (value[below + 1] - value[below]);
}

double statistics_median(double *value, size_t count)
{
	return statistics_quantile(value, count, 0.5);
}

double statistics_geometric_mean(const double *value, size_t count)
{
	double sum = 0;

	if (count == 0)
		return NAN;
	for (size_t i = 0; i < count; i++)
		sum += log(value[i]);
	return exp(sum / (double)count);
}

double statistics_least(const double *value, size_t count)
{
	double least = NAN;

	for (size_t i = 0; i < count; i++)
		least = fmin(least, value[i]);
	return least;
}
