/* See drawing.h. */
#include "drawing.h"

#include "document.h"
#include "json.h"
#include "round.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 56, RIGHT = 16, TOP = 14, BOTTOM = 40 };

/* From ratios to places. Logarithmic: half and double lie equally far from 1. */
struct scale {
	double low, high;
	double from, to;
};

static void widen(struct scale *scale, double ratio)
{
	if (!isfinite(ratio) || ratio <= 0)
		return;
	scale->low = fmin(scale->low, log(ratio));
	scale->high = fmax(scale->high, log(ratio));
}

/* The default is always in the drawing, and noise does not fill it alone. */
static struct scale scale_begin(double from, double to)
{
	return (struct scale){ .low = -0.03, .high = 0.03, .from = from, .to = to };
}

static void scale_end(struct scale *scale)
{
	double margin = (scale->high - scale->low) * 0.06;
	scale->low -= margin;
	scale->high += margin;
}

static double place(const struct scale *scale, double ratio)
{
	double part = (log(ratio) - scale->low) / (scale->high - scale->low);
	return scale->from + part * (scale->to - scale->from);
}

static void svg_begin(struct text *text, unsigned width, unsigned height, const char *label)
{
	text_print(text, "<svg viewBox=\"0 0 %u %u\" role=\"img\" aria-label=\"", width, height);
	text_print_escaped(text, label);
	text_print(text, "\" font-size=\"12\">\n");
}

static void line(struct text *text, double x1, double y1, double x2, double y2, const char *ink)
{
	text_print(text,
	           "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
	           "stroke=\"var(--%s)\"/>\n",
	           x1, y1, x2, y2, ink);
}

static void words(struct text *text, double x, double y, const char *anchor, const char *string)
{
	text_print(text, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"var(--muted)\">", x,
	           y, anchor);
	text_print_escaped(text, string);
	text_print(text, "</text>\n");
}

/* Round ratios, so far apart that about five fit. */
static double tick_step(const struct scale *scale)
{
	static const double step[] = { 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100 };
	double range = exp(scale->high) - exp(scale->low);
	size_t i = 0;
	while (i + 1 < sizeof step / sizeof step[0] && range / step[i] > 6)
		i++;
	return step[i];
}

static void ticks(struct text *text, const struct scale *scale, bool upwards, double other_from,
                  double other_to)
{
	double step = tick_step(scale);
	for (double n = ceil(exp(scale->low) / step); n * step <= exp(scale->high); n++) {
		char label[32];
		if (n <= 0)
			continue;
		double at = place(scale, n * step);
		const char *ink = fabs(n * step - 1) < step / 100 ? "axis" : "grid";
		snprintf(label, sizeof label, "%.4g", n * step);
		if (upwards) {
			line(text, other_from, at, other_to, at, ink);
			words(text, other_from - 6, at + 4, "end", label);
		} else {
			line(text, at, other_from, at, other_to, ink);
			words(text, at, other_from + 16, "middle", label);
		}
	}
}

static void point(struct text *text, double x, double y, double radius, const char *class,
                  const char *ink, double opacity)
{
	text_print(text,
	           "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" "
	           "fill=\"var(--%s)\" fill-opacity=\"%.2f\">",
	           class, x, y, radius, ink, opacity);
}

/* ---- the plane */

struct plane {
	enum objective x, y;
	struct scale across, upwards;
	double at_x[CANDIDATES_MAX], at_y[CANDIDATES_MAX];
};

static bool is_on_plane(const struct plane *plane, unsigned candidate)
{
	return isfinite(plane->at_x[candidate]) && isfinite(plane->at_y[candidate]);
}

static void plane_begin(struct plane *plane, const struct tuner *tuner, unsigned width,
                        unsigned height)
{
	document_axes(tuner, &plane->x, &plane->y);
	plane->across = scale_begin(LEFT, width - RIGHT);
	plane->upwards = scale_begin(height - BOTTOM, TOP);
	for (unsigned i = 0; i < tuner->candidates; i++) {
		bool faulty = tuner->candidate[i].faulty;
		plane->at_x[i] = faulty ? NAN : document_ratio(tuner, i, plane->x);
		plane->at_y[i] = faulty ? NAN : document_ratio(tuner, i, plane->y);
		if (is_on_plane(plane, i)) {
			widen(&plane->across, plane->at_x[i]);
			widen(&plane->upwards, plane->at_y[i]);
		}
	}
	scale_end(&plane->across);
	scale_end(&plane->upwards);
}

static int from_left(const void *a, const void *b, void *context)
{
	const struct plane *plane = context;
	double left = plane->at_x[*(const unsigned *)a], right = plane->at_x[*(const unsigned *)b];
	return (left > right) - (left < right);
}

/* Steps: what is between two settings of the front nobody has shown to be possible. */
static void front_line(struct text *text, struct plane *plane, const json_t *candidates)
{
	static unsigned front[CANDIDATES_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < json_array_size(candidates); i++) {
		bool is_front =
		    json_is_true(json_object_get(json_array_get(candidates, i), "front"));
		if (is_front && is_on_plane(plane, i))
			front[count++] = i;
	}
	qsort_r(front, count, sizeof *front, from_left, plane);
	text_print(text, "<path class=\"front\" fill=\"none\" stroke=\"var(--ink-2)\" "
	                 "stroke-width=\"1.5\" d=\"");
	for (size_t i = 0; i < count; i++) {
		double x = place(&plane->across, plane->at_x[front[i]]);
		double y = place(&plane->upwards, plane->at_y[front[i]]);
		if (i == 0)
			text_print(text, "M%.1f %.1f", x, y);
		else
			text_print(text, "H%.1fV%.1f", x, y);
	}
	text_print(text, "\"/>\n");
}

static void plane_point(struct text *text, const struct plane *plane, const json_t *candidate,
                        unsigned number, unsigned chosen)
{
	bool front = json_is_true(json_object_get(candidate, "front"));
	double x = place(&plane->across, plane->at_x[number]);
	double y = place(&plane->upwards, plane->at_y[number]);
	const char *ink = front ? "ink-2" : "ink-1";

	if (number == CANDIDATE_STANDARD)
		ink = "text";
	point(text, x, y, front ? 4.5 : 3.5, front ? "setting front" : "setting", ink,
	      front ? 1 : 0.55);
	text_print(text, "<title>");
	text_print_escaped(text, json_text_of(candidate, "text"));
	text_print(text, ": %.3f and %.3f</title></circle>\n", plane->at_x[number],
	           plane->at_y[number]);
	if (number == chosen)
		text_print(text,
		           "<path class=\"chosen\" fill=\"none\" stroke=\"var(--good)\" "
		           "stroke-width=\"2\" d=\"M%.1f %.1fh18v18h-18z\"/>\n",
		           x - 9, y - 9);
}

void drawing_plane(struct text *text, const struct tuner *tuner, const json_t *document,
                   unsigned chosen)
{
	enum { WIDTH = 920, HEIGHT = 420 };
	static struct plane plane;
	const json_t *candidates = json_object_get(document, "candidates");
	char label[128];

	plane_begin(&plane, tuner, WIDTH, HEIGHT);
	snprintf(label, sizeof label, "%s against %s", objective_row[plane.x].label,
	         objective_row[plane.y].label);
	svg_begin(text, WIDTH, HEIGHT, label);
	ticks(text, &plane.across, false, HEIGHT - BOTTOM, TOP);
	ticks(text, &plane.upwards, true, LEFT, WIDTH - RIGHT);
	snprintf(label, sizeof label, "%s, ratio to the default", objective_row[plane.x].label);
	words(text, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6, "middle", label);
	snprintf(label, sizeof label, "%s, ratio", objective_row[plane.y].label);
	words(text, LEFT + 4, TOP + 10, "start", label);
	front_line(text, &plane, candidates);
	for (unsigned i = 0; i < tuner->candidates; i++) {
		if (is_on_plane(&plane, i))
			plane_point(text, &plane, json_array_get(candidates, i), i, chosen);
	}
	text_print(text, "</svg>\n");
}

/* ---- a parameter */

enum { SMALL_WIDTH = 440, SMALL_HEIGHT = 210 };

static double level_x(const struct parameter *parameter, double level)
{
	double step = (double)(SMALL_WIDTH - LEFT - RIGHT) / parameter->levels;
	return LEFT + (level + 0.5) * step;
}

/* Runs of one candidate, at its level, a little apart. */
static void level_points(struct text *text, const struct scale *scale,
                         const struct parameter *parameter, unsigned level, const double *ratio,
                         size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double apart = ((double)(i % 7) - 3) * 0.04;
		point(text, level_x(parameter, level + apart), place(scale, exp(ratio[i])), 2,
		      "run", "ink-1", 0.4);
		text_print(text, "</circle>\n");
	}
}

static void median_line(struct text *text, const struct scale *scale,
                        const struct parameter *parameter, const json_t *levels)
{
	char before = 'M';
	text_print(text, "<path class=\"median\" fill=\"none\" stroke=\"var(--ink-2)\" "
	                 "stroke-width=\"2\" d=\"");
	for (unsigned i = 0; i < parameter->levels; i++) {
		const json_t *ratio = json_object_get(json_array_get(levels, i), "ratio");
		if (!json_is_number(ratio))
			continue;
		text_print(text, "%c%.1f %.1f", before, level_x(parameter, i),
		           place(scale, json_number_value(ratio)));
		before = 'L';
	}
	text_print(text, "\"/>\n");
}

static void level_names(struct text *text, const struct parameter *parameter, const json_t *levels)
{
	for (unsigned i = 0; i < parameter->levels; i++) {
		char label[64];
		snprintf(label, sizeof label, "%s%s",
		         json_text_of(json_array_get(levels, i), "value"),
		         i == parameter->standard ? "*" : "");
		words(text, level_x(parameter, i), SMALL_HEIGHT - BOTTOM + 16, "middle", label);
	}
}

void drawing_parameter(struct text *text, const struct tuner *tuner, const json_t *document,
                       unsigned number)
{
	static double ratio[CANDIDATES_MAX][SCORED_MAX];
	static size_t count[CANDIDATES_MAX];
	const struct parameter *parameter = &tuner->space.parameter[number];
	const json_t *its = json_array_get(json_object_get(document, "parameters"), number);
	const json_t *levels = json_object_get(its, "levels");
	struct scale scale = scale_begin(SMALL_HEIGHT - BOTTOM, TOP);

	for (unsigned i = 0; i < tuner->candidates; i++) {
		count[i] = tuner_ratios(tuner, i, OBJECTIVES, PHASE_START, PHASE_LOCAL, ratio[i],
		                        SCORED_MAX);
		for (size_t j = 0; j < count[i]; j++)
			widen(&scale, exp(ratio[i][j]));
	}
	scale_end(&scale);
	svg_begin(text, SMALL_WIDTH, SMALL_HEIGHT, json_text_of(its, "name"));
	ticks(text, &scale, true, LEFT, SMALL_WIDTH - RIGHT);
	for (unsigned i = 0; i < tuner->candidates; i++) {
		level_points(text, &scale, parameter, tuner->candidate[i].setting.at[number],
		             ratio[i], count[i]);
	}
	median_line(text, &scale, parameter, levels);
	level_names(text, parameter, levels);
	text_print(text, "</svg>\n");
}
