/* Bars for every peer at some named points, in the four inks that a page has: up to four peers have
 * one each; of more, the first one and the C library are shown, and at each point the best and the
 * worst (the least and the most) of all others. */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include "page.h"
#include "peers.h"

enum { CHART_INKS = 4, CHART_POINTS_MAX = 8, CHART_NAME_BYTES = 64 };

struct chart {
	size_t peers, points, series_count, own_count;
	size_t own[CHART_INKS]; /* the peers that are shown by themselves */
	double x[CHART_POINTS_MAX], y[CHART_INKS][CHART_POINTS_MAX];
	char name[CHART_POINTS_MAX][CHART_NAME_BYTES];
	const char *names[CHART_POINTS_MAX];
	struct plot_series series[CHART_INKS];
};

/* `peers` is an array of objects that have a name. */
void chart_begin(struct chart *chart, const json_t *peers);
/* One number for each peer; NAN: none. No more than CHART_POINTS_MAX points. */
void chart_add(struct chart *chart, const char *name, const double *value);
/* `plot` says all but the points and the series. */
void chart_show(const struct chart *chart, struct page *page, const struct plot *plot,
                const char *lead);

#endif
