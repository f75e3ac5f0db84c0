/* See bench_page.h. */
#include "bench_page.h"

#include "chart.h"
#include "machine.h"
#include "page.h"
#include "results.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 128, PLOT_SCENARIOS = 7, SENTENCE_BYTES = 512 };
enum { TABLE_COLUMNS = PEERS_MAX + 2 };

/* A path in the document. */
struct path {
	char text[PATH_BYTES];
};

static struct path path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct path path_of(const char *format, ...)
{
	struct path path;
	va_list list;

	va_start(list, format);
	vsnprintf(path.text, sizeof path.text, format, list);
	va_end(list);
	return path;
}

static double number_at(const json_t *root, const char *path)
{
	const json_t *number = json_at(root, path);

	return json_is_number(number) ? json_number_value(number) : NAN;
}

static double mean_of(const json_t *results, size_t peer, const char *metric)
{
	return number_at(results,
	                 path_of("peers.%zu.geometric_mean.all.%s.ratio", peer, metric).text);
}

/* The peer with the least mean of a metric, in words. */
static void say_least(const json_t *results, const struct results_metric *metric, char *text,
                      size_t bytes)
{
	const json_t *peers = json_object_get(results, "peers");
	size_t least = 0;

	for (size_t i = 1; i < json_array_size(peers); i++) {
		if (!(mean_of(results, i, metric->name) >= mean_of(results, least, metric->name)))
			least = i;
	}
	snprintf(text, bytes, "least %s: %s, %.2f", metric->label,
	         json_text_of(json_array_get(peers, least), "name"),
	         mean_of(results, least, metric->name));
}

static size_t count_faults(const json_t *results)
{
	const json_t *scenario, *cell;
	size_t faults = 0, i, j;

	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	    json_array_foreach(json_object_get(scenario, "peers"), j, cell) faults +=
	    results_fault(cell) != NULL;
	return faults;
}

static void add_summary(json_t *results, size_t faults)
{
	char least[RESULTS_METRICS][SENTENCE_BYTES / 4], headline[SENTENCE_BYTES],
	    reason[SENTENCE_BYTES];

	for (int m = 0; m < RESULTS_METRICS; m++)
		say_least(results, &results_metric[m], least[m], sizeof least[m]);
	snprintf(headline, sizeof headline, "%zu scenarios, %zu allocators",
	         json_array_size(json_object_get(results, "scenarios")),
	         json_array_size(json_object_get(results, "peers")));
	snprintf(reason, sizeof reason,
	         "Geometric means of the ratios to the best of each scenario: %s; %s; %s. %zu %s",
	         least[0], least[1], least[2], faults,
	         faults == 1 ? "run failed or was not of its allocator."
	                     : "runs failed or were not of their allocator.");
	json_object_set_new(results, "summary",
	                    json_pack("{s:s, s:s, s:I}", "headline", headline, "reason", reason,
	                              "faults", (json_int_t)faults));
}

/* ---- plots */

static void chart_add_scenario(struct chart *chart, const json_t *scenario, const char *metric)
{
	const char *name = json_text_of(scenario, "name"), *slash = strchr(name, '/');
	double ratio[PEERS_MAX];

	for (size_t i = 0; i < chart->peers; i++)
		ratio[i] = results_number(results_cell(scenario, i), metric, "ratio");
	chart_add(chart, slash != NULL ? slash + 1 : name, ratio);
}

/* Few at a time, for the names have to fit. */
static void plot_ratios(struct page *page, const json_t *results,
                        const struct results_metric *metric)
{
	const json_t *scenarios = json_object_get(results, "scenarios");
	size_t count = json_array_size(scenarios);

	for (size_t first = 0; first < count; first += PLOT_SCENARIOS) {
		struct chart chart;
		struct path name = path_of("%s_%zu", metric->name, first / PLOT_SCENARIOS);
		size_t end = first + PLOT_SCENARIOS < count ? first + PLOT_SCENARIOS : count;
		struct path title = path_of("%s, scenarios %zu to %zu of %zu", metric->label,
		                            first + 1, end, count);

		chart_begin(&chart, json_object_get(results, "peers"));
		for (size_t i = first; i < end; i++)
			chart_add_scenario(&chart, json_array_get(scenarios, i), metric->name);
		chart_show(&chart, page,
		           &(struct plot){ .name = name.text,
		                           .title = title.text,
		                           .y_label = "ratio to the best",
		                           .y_log = true },
		           first == 0 ? "No bar: the best." : NULL);
	}
}

static void plot_means(struct page *page, const json_t *results)
{
	const json_t *peers = json_object_get(results, "peers");
	size_t count = json_array_size(peers) < PEERS_MAX ? json_array_size(peers) : PEERS_MAX;
	double x[PEERS_MAX], y[RESULTS_METRICS][PEERS_MAX];
	const char *name[PEERS_MAX];
	struct plot_series series[RESULTS_METRICS];

	for (size_t i = 0; i < count; i++) {
		x[i] = (double)i;
		name[i] = json_text_of(json_array_get(peers, i), "name");
		for (int m = 0; m < RESULTS_METRICS; m++)
			y[m][i] = mean_of(results, i, results_metric[m].name);
	}
	for (unsigned m = 0; m < RESULTS_METRICS; m++)
		series[m] = (struct plot_series){
			.label = results_metric[m].label, .kind = PLOT_BARS, .ink = m + 1, .y = y[m]
		};
	page_plot(page,
	          &(struct plot){ .name = "means",
	                          .title = "Geometric means over all scenarios",
	                          .y_label = "ratio to the best",
	                          .x_unit = PLOT_NAMES,
	                          .points = count,
	                          .series_count = RESULTS_METRICS,
	                          .x = x,
	                          .x_name = name,
	                          .series = series },
	          "1 would be the best in every scenario.");
}

/* ---- tables */

static void row_means(struct page *page, const json_t *results, size_t peer, const char *group)
{
	const char *name =
	    json_text_of(json_array_get(json_object_get(results, "peers"), peer), "name");
	struct path label = path_of("%s, %s", name, group);
	struct path mean = path_of("peers.%zu.geometric_mean.%s", peer, group);

	page_row_begin(page, label.text);
	page_cell(page, path_of("%s.wall.scenarios", mean.text).text, PAGE_COUNT);
	for (int m = 0; m < RESULTS_METRICS; m++)
		page_cell(page, path_of("%s.%s.ratio", mean.text, results_metric[m].name).text,
		          PAGE_RATIO);
	page_row_end(page);
}

static bool has_group(const json_t *results, const char *group)
{
	const json_t *scenario;
	size_t i;

	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	{
		if (strncmp(json_text_of(scenario, "name"), group, strlen(group)) == 0)
			return true;
	}
	return false;
}

static void table_means(struct page *page, const json_t *results)
{
	static const char *const group[] = { "all", "micro", "program" };
	const char *heading[RESULTS_METRICS + 3] = { "allocator", "scenarios" };
	/* Of one kind of scenario, all says it already. */
	size_t groups = has_group(results, "micro") && has_group(results, "program") ? 3 : 1;

	for (int m = 0; m < RESULTS_METRICS; m++)
		heading[2 + m] = results_metric[m].label;
	page_table_begin(page, heading);
	for (size_t g = 0; g < groups; g++) {
		for (size_t i = 0; i < json_array_size(json_object_get(results, "peers")); i++)
			row_means(page, results, i, group[g]);
	}
	page_table_end(page);
}

/* `name` is "ratio" or "median". */
static void table_metric(struct page *page, const json_t *results,
                         const struct results_metric *metric, const char *name)
{
	const json_t *peers = json_object_get(results, "peers");
	const json_t *scenarios = json_object_get(results, "scenarios");
	const char *heading[TABLE_COLUMNS] = { "scenario" };
	enum page_unit unit = metric->is_time ? PAGE_NS : PAGE_BYTES;
	size_t count = json_array_size(peers) < PEERS_MAX ? json_array_size(peers) : PEERS_MAX;

	for (size_t i = 0; i < count; i++)
		heading[1 + i] = json_text_of(json_array_get(peers, i), "name");
	page_table_begin(page, heading);
	for (size_t s = 0; s < json_array_size(scenarios); s++) {
		page_row_begin(page, json_text_of(json_array_get(scenarios, s), "name"));
		for (size_t i = 0; i < count; i++)
			page_cell(
			    page,
			    path_of("scenarios.%zu.peers.%zu.%s.%s", s, i, metric->name, name).text,
			    strcmp(name, "median") == 0 ? unit : PAGE_RATIO);
		page_row_end(page);
	}
	page_table_end(page);
}

static void table_faults(struct page *page, const json_t *results)
{
	static const char *const heading[] = { "scenario", "allocator", "what was wrong", NULL };
	const json_t *scenario, *cell;
	size_t i, j;

	page_section_begin(page, "Faults", "These have no figures in the tables and plots.");
	page_table_begin(page, heading);
	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	{
		json_array_foreach(json_object_get(scenario, "peers"), j, cell)
		{
			if (results_fault(cell) == NULL)
				continue;
			page_row_begin(page, json_text_of(scenario, "name"));
			page_cell(page, path_of("scenarios.%zu.peers.%zu.name", i, j).text,
			          PAGE_TEXT);
			page_cell(page, path_of("scenarios.%zu.peers.%zu.fault", i, j).text,
			          PAGE_TEXT);
			page_row_end(page);
		}
	}
	page_table_end(page);
	page_section_end(page);
}

static void page_metric(struct page *page, const json_t *results,
                        const struct results_metric *metric)
{
	page_section_begin(page, metric->label,
	                   "The median of all rounds, divided by the best median of the scenario.");
	plot_ratios(page, results, metric);
	table_metric(page, results, metric, "ratio");
	page_section_end(page);
}

bool bench_page_write(json_t *results, const char *path)
{
	struct page page;
	size_t faults = count_faults(results);
	char heading[64];

	add_summary(results, faults);
	page_begin(&page, "tide-bench", results);
	page_verdict(&page, faults == 0 ? PAGE_GOOD : PAGE_DOUBTFUL, "summary.headline",
	             "summary.reason");
	page_section_begin(&page, "All scenarios", NULL);
	plot_means(&page, results);
	table_means(&page, results);
	page_section_end(&page);
	if (faults > 0)
		table_faults(&page, results);
	for (int m = 0; m < RESULTS_METRICS; m++)
		page_metric(&page, results, &results_metric[m]);
	for (int m = 0; m < RESULTS_METRICS; m++) {
		snprintf(heading, sizeof heading, "Medians: %s", results_metric[m].label);
		page_section_begin(&page, heading, NULL);
		table_metric(&page, results, &results_metric[m], "median");
		page_section_end(&page);
	}
	page_section_begin(&page, "Measured on", NULL);
	machine_page(&page);
	page_section_end(&page);
	return page_end(&page, path);
}
