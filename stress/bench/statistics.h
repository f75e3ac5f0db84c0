/* What is made of repeated measurements. Pure functions of numbers.
 *
 * Medians and quartiles rather than means: one run in ten is disturbed, and never to the better. */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stddef.h>

/* The value below which a share `quantile` (0 to 1) lies, between neighbours by straight lines. NAN
 * of nothing. Sorts `value`. */
double statistics_quantile(double *value, size_t count, double quantile);
double statistics_median(double *value, size_t count);
/* NAN of nothing; all are above 0. */
double statistics_geometric_mean(const double *value, size_t count);
/* The least; NAN of nothing. NANs don't count. */
double statistics_least(const double *value, size_t count);

#endif
