/* From what gnuplot drew to what stands in a page.
 *
 * gnuplot knows no names for the colours of a page, so it is given colours that nobody wants, and
 * these are replaced in what it draws: red 1, green 1, and blue the token.
 */
#ifndef REPORT_PLOT_SVG_H
#define REPORT_PLOT_SVG_H

#include "plot.h"

enum { PLOT_WIDTH = 920, PLOT_HEIGHT = 250, PLOT_INKS = 4 };

enum plot_token {
	PLOT_TOKEN_TEXT,
	PLOT_TOKEN_GRID,
	PLOT_TOKEN_AXIS,
	PLOT_TOKEN_SPAN,
	PLOT_TOKEN_INK, /* the first */
	PLOT_TOKENS = PLOT_TOKEN_INK + PLOT_INKS,
};

static inline unsigned plot_width(const struct plot *plot)
{
	return plot->width != 0 ? plot->width : PLOT_WIDTH;
}

static inline unsigned plot_height(const struct plot *plot)
{
	return plot->height != 0 ? plot->height : PLOT_HEIGHT;
}

/* Append the drawing `from`, less what a page of several plots can't have or does not need: ids
 * that are the same in each, definitions of points, empty groups. False: it is no drawing. */
bool plot_svg_copy(struct text *svg, const struct plot *plot, const char *from);

#endif
