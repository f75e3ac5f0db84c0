/* See report_html.h. */
#include "report_html.h"

#include "allocator.h"
#include "page.h"

#include <stdio.h>
#include <string.h>

enum { SPANS_MAX = 48 };

/* What all curves over time have in common. */
struct timeline {
	const struct history *history;
	double x[HISTORY_POINTS]; /* in `unit` */
	const char *unit;
	double top[HISTORY_POINTS], y[3][HISTORY_POINTS];
	struct plot_span span[SPANS_MAX];
	size_t spans;
};

static void find_spans(struct timeline *timeline)
{
	const struct history *history = timeline->history;
	bool inside = false;

	for (size_t i = 0; i < history->points; i++) {
		bool resting = history->column[HISTORY_RESTING][i] > 0;

		if (resting && !inside) {
			if (timeline->spans == SPANS_MAX) {
				timeline->spans = 0; /* so many would be a pattern, not a help */
				return;
			}
			timeline->span[timeline->spans++].from = timeline->x[i > 0 ? i - 1 : 0];
		}
		if (resting)
			timeline->span[timeline->spans - 1].to = timeline->x[i];
		inside = resting;
	}
}

static void timeline_start(struct timeline *timeline, const struct history *history)
{
	const double *seconds = history->column[HISTORY_SECONDS];
	double all = history->points > 0 ? seconds[history->points - 1] : 0;
	double divisor = all > 3 * 3600 ? 3600 : all > 3 * 60 ? 60 : 1;

	memset(timeline, 0, sizeof *timeline);
	timeline->history = history;
	timeline->unit = divisor > 60 ? "hours" : divisor > 1 ? "minutes" : "seconds";
	for (size_t i = 0; i < history->points; i++)
		timeline->x[i] = seconds[i] / divisor;
	find_spans(timeline);
}

static struct plot timeline_plot(const struct timeline *timeline, const char *name,
                                 const char *title, enum plot_unit unit,
                                 const struct plot_series *series, size_t series_count)
{
	return (struct plot){
		.name = name,
		.title = title,
		.x_label = timeline->unit,
		.y_unit = unit,
		.points = timeline->history->points,
		.x = timeline->x,
		.series = series,
		.series_count = series_count,
		.span = timeline->span,
		.span_count = timeline->spans,
		.span_label = "idle",
	};
}

static void throughput(struct page *page, struct timeline *timeline)
{
	history_rate(timeline->history, HISTORY_CALLS, timeline->y[0]);
	struct plot_series series[] = {
		{ .label = "operations", .ink = 1, .y = timeline->y[0], .area = true },
	};
	struct plot plot =
	    timeline_plot(timeline, "throughput", "Throughput", PLOT_COUNT, series, 1);

	plot.y_label = "operations/s";
	page_plot(
	    page, &plot,
	    "Calls of the malloc family by all threads, with every block written and checked.");
}

static void memory(struct page *page, struct timeline *timeline)
{
	const struct history *history = timeline->history;
	struct plot_series series[] = {
		{ .label = "resident",
		  .ink = 2,
		  .y = history->column[HISTORY_RESIDENT],
		  .top = history->column[HISTORY_RESIDENT_MAX] },
		{ .label = "live", .ink = 1, .y = history->column[HISTORY_LIVE], .area = true },
	};
	struct plot plot = timeline_plot(timeline, "memory", "Resident against live memory",
	                                 PLOT_BYTES, series, 2);

	page_plot(
	    page, &plot,
	    "What the process holds, and what of it was asked for. The gap is what the allocator "
	    "costs; after a drop the upper line should follow the lower.");
}

static void collector(struct page *page, struct timeline *timeline)
{
	const struct history *history = timeline->history;
	struct plot_series backlog[] = {
		{ .label = "backlog",
		  .ink = 4,
		  .y = history->column[HISTORY_BACKLOG],
		  .top = history->column[HISTORY_BACKLOG_MAX],
		  .area = true },
	};
	struct plot plot = timeline_plot(timeline, "backlog", "GC backlog", PLOT_BYTES, backlog, 1);
	page_plot(page, &plot, "Freed and waiting in garbage bins for the GC.");

	struct plot_series queues[] = {
		{ .label = "level",
		  .ink = 2,
		  .y = history->column[HISTORY_LEVEL],
		  .kind = PLOT_STEP },
		{ .label = "in the queues",
		  .ink = 3,
		  .y = history->column[HISTORY_QUEUED],
		  .area = true },
	};
	plot = timeline_plot(timeline, "queues", "Ready queues", PLOT_BYTES, queues, 2);
	page_plot(page, &plot,
	          "What is ready for any thread, and the level up to which the queues "
	          "may fill. The levels follow misses up and quiet times down.");

	history_rate(history, HISTORY_CYCLES, timeline->y[0]);
	history_rate(history, HISTORY_INLINE, timeline->y[1]);
	history_rate(history, HISTORY_MISSES, timeline->y[2]);
	struct plot_series work[] = {
		{ .label = "steps of the GC", .ink = 1, .y = timeline->y[0] },
		{ .label = "of these by callers", .ink = 3, .y = timeline->y[1] },
		{ .label = "ready queue found empty", .ink = 2, .y = timeline->y[2] },
	};
	plot = timeline_plot(timeline, "work", "GC work", PLOT_COUNT, work, 3);
	plot.y_label = "per second";
	page_plot(page, &plot, NULL);
}

static void latency(struct page *page, const json_t *root)
{
	static const char *const name[] = { "50 %",    "90 %",     "99 %",   "99.9 %",
		                            "99.99 %", "99.999 %", "longest" };
	static const char *const member[] = { "p50",    "p90",     "p99", "p99_9",
		                              "p99_99", "p99_999", "max" };
	enum { PERCENTILES = sizeof name / sizeof name[0] };
	double y[LATENCY_KINDS][PERCENTILES];
	struct plot_series series[LATENCY_KINDS];
	char path[64];

	for (unsigned kind = 0; kind < LATENCY_KINDS; kind++) {
		for (size_t i = 0; i < PERCENTILES; i++) {
			snprintf(path, sizeof path, "latency_ns.%s.%s", latency_name(kind),
			         member[i]);
			y[kind][i] = json_number_at(root, path);
		}
		series[kind] = (struct plot_series){ .label = latency_name(kind),
			                             .ink = kind + 1,
			                             .y = y[kind] };
	}
	struct plot plot = {
		.name = "latency",
		.title = "Latency by percentile",
		.x_unit = PLOT_NAMES,
		.y_unit = PLOT_NS,
		.y_log = true,
		.points = PERCENTILES,
		.x_name = name,
		.series = series,
		.series_count = LATENCY_KINDS,
	};
	page_plot(
	    page, &plot,
	    "So many of the calls were as fast as this or faster. The far right is mostly the "
	    "scheduler's: a thread that lost its processor inside a call counts.");

	page_table_begin(page,
	                 (const char *const[]){ "latency", "calls", "50 %", "90 %", "99 %",
	                                        "99.9 %", "99.99 %", "99.999 %", "longest", NULL });
	for (unsigned kind = 0; kind < LATENCY_KINDS; kind++) {
		page_row_begin(page, latency_name(kind));
		snprintf(path, sizeof path, "latency_ns.%s.count", latency_name(kind));
		page_cell(page, path, PAGE_COUNT);
		for (size_t i = 0; i < PERCENTILES; i++) {
			snprintf(path, sizeof path, "latency_ns.%s.%s", latency_name(kind),
			         member[i]);
			page_cell(page, path, PAGE_NS);
		}
		page_row_end(page);
	}
	page_row_begin(page, "timing nothing");
	page_cell(page, NULL, PAGE_COUNT);
	page_cell(page, "latency_ns.overhead", PAGE_NS);
	page_row_end(page);
	page_table_end(page);
}

static void key_figures(struct page *page, const struct report *report)
{
	page_figures_begin(page);
	page_figure(page, "operations/s", "load.operations_per_second", PAGE_COUNT,
	            "with every block checked");
	page_figure(page, "blocks made", "load.made", PAGE_COUNT, "each checked on all its ways");
	page_figure(page, "blocks or accounts wrong", "verdict.failures", PAGE_COUNT, NULL);
	page_figure(page, "malloc, 99.9 %", "latency_ns.malloc.p99_9", PAGE_NS, "or faster");
	page_figure(page, "resident, peak", "memory.peak.resident_bytes", PAGE_BYTES,
	            "without program and oracle");
	page_figure(page, "resident / live, mean", "memory.mean.ratio", PAGE_RATIO, NULL);
	page_figure(page, "left when all was freed", "memory.final.resident_bytes", PAGE_BYTES,
	            "resident, a moment after");
	if (report->soak != NULL)
		page_figure(page, "trend of resident", "soak.bytes_per_hour", PAGE_BYTES,
		            "per hour");
	else
		page_figure(page, "under load for", "run.seconds", PAGE_SECONDS, NULL);
	page_figures_end(page);
}

static void stories(struct page *page, const json_t *root)
{
	size_t count = json_array_size(json_at(root, "verdict.stories"));
	char path[64];

	if (count == 0)
		return;
	page_section_begin(page, "What went wrong",
	                   "The first failures, each with the last events in "
	                   "the life of the block.");
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof path, "verdict.stories.%zu", i);
		page_preformatted(page, path);
	}
	page_section_end(page);
}

static void text_row(struct page *page, const char *name, const char *path)
{
	page_row_begin(page, name);
	page_cell(page, path, PAGE_TEXT);
	page_row_end(page);
}

static void count_row(struct page *page, const char *name, const char *path, enum page_unit unit)
{
	page_row_begin(page, name);
	page_cell(page, path, unit);
	page_row_end(page);
}

static void again(struct page *page)
{
	page_section_begin(
	    page, "Run it again",
	    "The seed fixes what each thread asks for; how the threads interleave is the "
	    "system's.");
	page_preformatted(page, "run.replay");
	page_table_begin(page, (const char *const[]){ "", "", NULL });
	text_row(page, "scenario", "run.scenario");
	text_row(page, "seed", "run.seed");
	count_row(page, "threads at a time", "run.threads", PAGE_COUNT);
	text_row(page, "allocator", "run.allocator");
	text_row(page, "system", "run.system");
	count_row(page, "processors", "run.processors", PAGE_COUNT);
	text_row(page, "ended", "run.ended");
	page_table_end(page);
	page_section_end(page);
}

static void memory_row(struct page *page, const char *name, const char *member, bool with_ratio)
{
	char path[64];

	page_row_begin(page, name);
	snprintf(path, sizeof path, "memory.%s.live_bytes", member);
	page_cell(page, path, PAGE_BYTES);
	snprintf(path, sizeof path, "memory.%s.resident_bytes", member);
	page_cell(page, path, PAGE_BYTES);
	snprintf(path, sizeof path, "memory.%s.ratio", member);
	page_cell(page, with_ratio ? path : NULL, PAGE_RATIO);
	page_row_end(page);
}

static void memory_table(struct page *page, const json_t *root)
{
	page_table_begin(page,
	                 (const char *const[]){ "memory", "live", "resident", "ratio", NULL });
	memory_row(page, "peak, each on its own", "peak", false);
	memory_row(page, "mean", "mean", true);
	if (json_at(root, "memory.after_idle") != NULL)
		memory_row(page, "after a drop and the idle phase", "after_idle", true);
	memory_row(page, "at the end of the load", "end", true);
	memory_row(page, "final, all freed", "final", false);
	page_table_end(page);
}

static void numbers(struct page *page, const json_t *root)
{
	struct allocator_row row;
	char path[64];

	page_section_begin(page, "All numbers", "As in report.json, beside this page.");
	memory_table(page, root);
	page_table_begin(page, (const char *const[]){ "load", "", NULL });
	count_row(page, "operations", "load.operations", PAGE_COUNT);
	count_row(page, "blocks made", "load.made", PAGE_COUNT);
	count_row(page, "blocks freed", "load.freed", PAGE_COUNT);
	count_row(page, "blocks resized", "load.resized", PAGE_COUNT);
	count_row(page, "blocks handed to other threads", "load.handed", PAGE_COUNT);
	count_row(page, "threads started", "load.threads", PAGE_COUNT);
	count_row(page, "processes forked", "load.forks", PAGE_COUNT);
	count_row(page, "allocations refused", "load.refused", PAGE_COUNT);
	count_row(page, "refused by the limits of heaps", "load.refused_by_limits", PAGE_COUNT);
	count_row(page, "heaps made and destroyed", "load.heaps", PAGE_COUNT);
	count_row(page, "corrupt blocks left behind", "load.abandoned", PAGE_COUNT);
	count_row(page, "memory of the program itself", "memory.program_bytes", PAGE_BYTES);
	count_row(page, "memory of the oracle's shadow", "memory.shadow_bytes", PAGE_BYTES);
	count_row(page, "stretches of 32 MiB it could not watch", "memory.shadow_unwatched",
	          PAGE_COUNT);
	page_table_end(page);
	for (int level = 0; level < 2; level++) {
		bool begun = false;

		for (size_t i = 0; allocator_row(i, &row); i++) {
			if (row.is_level != (level == 1))
				continue;
			if (!begun)
				page_table_begin(
				    page,
				    (const char *const[]){
					level ? "left in the allocator" : "the GC", "", NULL });
			begun = true;
			snprintf(path, sizeof path, "allocator.%s", row.name);
			count_row(page, row.label, path, row.is_bytes ? PAGE_BYTES : PAGE_COUNT);
		}
		if (begun)
			page_table_end(page);
	}
	page_section_end(page);
}

static void soak_plot(struct page *page, const struct soak *of)
{
	double x[SOAK_POINTS];
	double divisor = of->hours > 3 ? 3600 : 60;
	struct plot_series series[] = {
		{ .label = "resident", .ink = 2, .y = of->resident_bytes, .area = true },
	};

	for (size_t i = 0; i < of->points; i++)
		x[i] = (double)(i + 1) * of->point_seconds / divisor;
	struct plot_span warming = { 0, of->points / 4 > 0 ? x[of->points / 4 - 1] : 0 };
	struct plot plot = {
		.name = "soak",
		.title = "Resident memory, mean of whole cycles",
		.x_label = divisor > 60 ? "hours" : "minutes",
		.y_unit = PLOT_BYTES,
		.points = of->points,
		.x = x,
		.series = series,
		.series_count = 1,
		.span = &warming,
		.span_count = of->points / 4 > 0,
		.span_label = "warming up",
	};
	page_plot(page, &plot, NULL);
}

static void soak(struct page *page, const struct soak *of)
{
	page_section_begin(page, "Soak",
	                   "Resident memory must come to a plateau. The first quarter of "
	                   "the points is warming up and not judged.");
	soak_plot(page, of);
	page_table_begin(page, (const char *const[]){ "trend", "", NULL });
	count_row(page, "points judged", "soak.judged_points", PAGE_COUNT);
	count_row(page, "length of a point", "soak.point_seconds", PAGE_SECONDS);
	count_row(page, "median", "soak.median_bytes", PAGE_BYTES);
	count_row(page, "growth over these points", "soak.growth_bytes", PAGE_BYTES);
	count_row(page, "standard deviations above chance", "soak.sigma", PAGE_RATIO);
	page_table_end(page);
	page_section_end(page);
}

bool report_html(const struct report *report, const json_t *root, const char *path)
{
	static struct timeline timeline; /* too large for a stack */
	struct page page;

	timeline_start(&timeline, report->sampler->history);
	page_begin(&page, "tide-stress: report of a run", root);
	page_verdict(&page,
	             !report->passed           ? PAGE_BAD
	             : report->end->calls == 0 ? PAGE_DOUBTFUL
	                                       : PAGE_GOOD,
	             "verdict.headline", "verdict.reason");
	key_figures(&page, report);
	stories(&page, root);
	again(&page);
	page_section_begin(&page, "Over time", NULL);
	throughput(&page, &timeline);
	memory(&page, &timeline);
	if (report->end->allocator.known)
		collector(&page, &timeline);
	page_section_end(&page);
	if (report->soak != NULL)
		soak(&page, report->soak);
	page_section_begin(&page, "Latency", NULL);
	latency(&page, root);
	page_section_end(&page);
	numbers(&page, root);
	return page_end(&page, path);
}
