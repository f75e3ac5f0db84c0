/* See chart.h. */
#include "chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *peer_name(const json_t *peers, size_t number)
{
	const char *name =
	    json_string_value(json_object_get(json_array_get(peers, number), "name"));

	return name != NULL ? name : "";
}

static void choose_own(struct chart *chart, const json_t *peers)
{
	for (size_t i = 0; i < chart->peers && chart->own_count < CHART_INKS; i++) {
		bool is_glibc = strcmp(peer_name(peers, i), "glibc") == 0;

		if (chart->peers <= CHART_INKS || i == 0 || is_glibc)
			chart->own[chart->own_count++] = i;
	}
}

void chart_begin(struct chart *chart, const json_t *peers)
{
	static const char *const rest[] = { "best of the others", "worst of the others" };
	size_t count = json_array_size(peers);

	*chart = (struct chart){ .peers = count < PEERS_MAX ? count : PEERS_MAX };
	choose_own(chart, peers);
	chart->series_count = chart->own_count + (chart->peers > CHART_INKS ? 2 : 0);
	for (size_t i = 0; i < chart->series_count; i++)
		chart->series[i] = (struct plot_series){
			.label = i < chart->own_count ? peer_name(peers, chart->own[i])
			                              : rest[i - chart->own_count],
			.kind = PLOT_BARS,
			.ink = (unsigned)i + 1,
		};
}

static bool is_own(const struct chart *chart, size_t peer)
{
	for (size_t i = 0; i < chart->own_count; i++) {
		if (chart->own[i] == peer)
			return true;
	}
	return false;
}

void chart_add(struct chart *chart, const char *name, const double *value)
{
	size_t point = chart->points++;
	double best = NAN, worst = NAN;

	snprintf(chart->name[point], sizeof chart->name[point], "%s", name);
	chart->x[point] = (double)point;
	for (size_t i = 0; i < chart->own_count; i++)
		chart->y[i][point] = value[chart->own[i]];
	if (chart->own_count == chart->series_count)
		return;
	for (size_t i = 0; i < chart->peers; i++) {
		if (is_own(chart, i))
			continue;
		best = fmin(best, value[i]);
		worst = fmax(worst, value[i]);
	}
	chart->y[chart->own_count][point] = best;
	chart->y[chart->own_count + 1][point] = worst;
}

void chart_show(const struct chart *chart, struct page *page, const struct plot *plot,
                const char *lead)
{
	struct chart shown = *chart;
	struct plot filled = *plot;

	for (size_t i = 0; i < shown.points; i++)
		shown.names[i] = shown.name[i];
	for (size_t i = 0; i < shown.series_count; i++)
		shown.series[i].y = shown.y[i];
	filled.x_unit = PLOT_NAMES;
	filled.points = shown.points;
	filled.x = shown.x;
	filled.x_name = shown.names;
	filled.series = shown.series;
	filled.series_count = shown.series_count;
	page_plot(page, &filled, lead);
}
