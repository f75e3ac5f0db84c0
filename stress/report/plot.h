/* Line and bar plots as SVG, drawn by gnuplot in a child process.
 *
 * The SVG is meant to stand inside a page of page.h: its colours are the page's, so that it follows
 * a light or dark scheme. Legends are the page's as well.
 *
 * Touched by  one thread. Needs no heap.
 */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "text.h"

enum plot_kind {
	PLOT_LINE,
	PLOT_STEP, /* a level that holds until the next point */
	PLOT_BARS, /* beside those of the other series */
};

enum plot_unit {
	PLOT_PLAIN, /* the number itself */
	PLOT_COUNT, /* thousands, millions ... */
	PLOT_BYTES, /* KiB, MiB ... */
	PLOT_NS,    /* ns, us, ms ...: on a log scale */
	PLOT_NAMES, /* of the abscissa: a name below each point, which are 0, 1, 2 ... */
};

struct plot_series {
	const char *label;
	enum plot_kind kind;
	unsigned ink;      /* 1 to 4: a colour of the page */
	const double *y;   /* a NAN leaves a gap */
	const double *top; /* filled lightly from `y` to here; NULL: nothing is */
	bool area;         /* filled lightly from 0 to `y` */
};

/* A part of the abscissa that is shaded. */
struct plot_span {
	double from, to;
};

struct plot {
	const char *name; /* of letters, digits and _: one of its own for each plot of a page */
	const char *title, *x_label, *y_label;
	enum plot_unit x_unit, y_unit;
	bool y_log;
	size_t points, series_count, span_count;
	const double *x;           /* ascending */
	const char *const *x_name; /* PLOT_NAMES: for each point */
	const struct plot_series *series;
	const struct plot_span *span;
	const char *span_label; /* for the legend */
	unsigned width, height; /* 0: of a page's whole width */
};

enum plot_result { PLOT_DRAWN, PLOT_NO_GNUPLOT, PLOT_FAILED };

/* Append the SVG to `svg`. */
enum plot_result plot_draw(const struct plot *plot, struct text *svg);

#endif
