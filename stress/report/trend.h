/* Whether a series goes up, without a thought on how it is distributed: the slope is the median of
 * the slopes between all pairs of points (Theil and Sen), and whether it is one, or chance, tells
 * the count of pairs that rise less those that fall (Mann and Kendall).
 *
 * Touched by  one thread. Needs no heap.
 */
#ifndef REPORT_TREND_H
#define REPORT_TREND_H

#include <stddef.h>

enum { TREND_POINTS_MAX = 256 };

struct trend {
	size_t points;
	double median;
	double slope;  /* per point */
	double growth; /* by the slope, from the first point to the last */
	double sigma;  /* how far from chance, in standard deviations; below 0: it falls */
};

/* Of points at equal distances, TREND_POINTS_MAX at most. */
struct trend trend_of(const double *value, size_t points);

#endif
