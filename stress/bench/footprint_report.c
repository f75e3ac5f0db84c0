/* See footprint_report.h. */
#include "footprint_report.h"

#include "chart.h"
#include "footprint_watch.h"
#include "format.h"
#include "json.h"
#include "machine.h"
#include "page.h"
#include "statistics.h"

#include <math.h>
#include <string.h>

enum { RUNS_MAX = 100, PATH_BYTES = 128, SENTENCE_BYTES = 256, PLOT_POINTS_MAX = 600 };
enum { NAME_WIDTH = 14, COLUMN_WIDTH = 22 };

/* Those whose ends are compared. */
static const struct {
	enum footprint_phase phase;
	const char *label;
} shown[] = {
	{ FOOTPRINT_GROW, "all live" },           { FOOTPRINT_DROP, "90 % freed" },
	{ FOOTPRINT_IDLE_1, "idle after that" },  { FOOTPRINT_OTHER, "other sizes" },
	{ FOOTPRINT_IDLE_2, "90 % freed, idle" }, { FOOTPRINT_IDLE_3, "all freed, idle" },
};
enum { SHOWN = sizeof shown / sizeof shown[0] };

/* A number of the end of a phase, of a peer or of a run. */
static double phase_number(const json_t *of, enum footprint_phase phase, const char *name)
{
	const json_t *in =
	    json_object_get(json_object_get(of, "phases"), footprint_phase_name(phase));
	const json_t *number = json_object_get(in, name);

	return json_is_number(number) ? json_number_value(number) : NAN;
}

static json_t *median_json(const json_t *peer, enum footprint_phase phase, const char *name)
{
	double value[RUNS_MAX];
	size_t count = 0, i;
	const json_t *run;

	json_array_foreach(json_object_get(peer, "runs"), i, run)
	{
		double number = phase_number(run, phase, name);

		if (isfinite(number) && count < RUNS_MAX)
			value[count++] = number;
	}
	return json_number(statistics_median(value, count));
}

static void summarize_peer(json_t *peer)
{
	static const char *const name[] = { "live_bytes", "resident_bytes", "lazily_freed_bytes",
		                            "ratio" };
	json_t *phases = json_object();

	for (int p = 0; p < FOOTPRINT_PHASES; p++) {
		enum footprint_phase phase = (enum footprint_phase)p;
		json_t *of_phase = json_object();

		for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
			json_object_set_new(of_phase, name[i], median_json(peer, phase, name[i]));
		json_object_set_new(phases, footprint_phase_name(phase), of_phase);
	}
	json_object_set_new(peer, "phases", phases);
}

bool footprint_summarize(json_t *footprint)
{
	size_t faults = 0, runs = 0, i;
	char reason[SENTENCE_BYTES];
	json_t *peers = json_object_get(footprint, "peers"), *peer;

	json_array_foreach(peers, i, peer)
	{
		bool has_fault = !json_is_null(json_object_get(peer, "fault"));

		faults += has_fault;
		if (has_fault)
			json_array_clear(json_object_get(peer, "runs"));
		runs += json_array_size(json_object_get(peer, "runs"));
		summarize_peer(peer);
	}
	snprintf(reason, sizeof reason,
	         "Resident memory without the program's own, at the end of each phase. "
	         "%zu of %zu allocators failed, or were not active.",
	         faults, json_array_size(peers));
	json_object_set_new(footprint, "summary",
	                    json_pack("{s:s, s:s, s:I}", "headline",
	                              "What stays resident when blocks are freed", "reason", reason,
	                              "faults", (json_int_t)faults));
	return faults == 0 && runs > 0;
}

void footprint_print(FILE *out, const json_t *footprint)
{
	const json_t *peers = json_object_get(footprint, "peers"), *peer;
	size_t i;

	fprintf(out, "\nresident memory, and its ratio to live memory\n%-*s", NAME_WIDTH, "");
	for (int s = 0; s < SHOWN; s++)
		fprintf(out, "%*s", COLUMN_WIDTH, shown[s].label);
	fprintf(out, "\n");
	json_array_foreach(peers, i, peer)
	{
		fprintf(out, "%-*s", NAME_WIDTH, json_text_of(peer, "name"));
		for (int s = 0; s < SHOWN; s++) {
			double bytes = phase_number(peer, shown[s].phase, "resident_bytes");
			double ratio = phase_number(peer, shown[s].phase, "ratio");
			char text[16] = "";

			if (isfinite(ratio))
				snprintf(text, sizeof text, "%.2f", ratio);
			fprintf(out, "%*s %6s", COLUMN_WIDTH - 7,
			        isfinite(bytes) ? format_bytes(bytes).text : "-", text);
		}
		fprintf(out, "\n");
	}
	json_array_foreach(peers, i, peer)
	{
		if (!json_is_null(json_object_get(peer, "fault")))
			fprintf(out, "\n%s: %s\n", json_text_of(peer, "name"),
			        json_text_of(peer, "fault"));
	}
}

/* ---- the page */

struct curve {
	size_t points;
	double time_s[PLOT_POINTS_MAX], live[PLOT_POINTS_MAX], resident[PLOT_POINTS_MAX];
};

/* Of each few samples the one with the most resident memory: a peak is not thinned out. */
static void curve_read(struct curve *curve, const json_t *run)
{
	const json_t *time = json_object_get(run, "time_s"),
		     *live = json_object_get(run, "live_bytes"),
		     *resident = json_object_get(run, "resident_bytes");
	size_t samples = json_array_size(time), each = samples / PLOT_POINTS_MAX + 1;

	curve->points = 0;
	for (size_t first = 0; first < samples; first += each) {
		size_t most = first;

		for (size_t i = first; i < first + each && i < samples; i++) {
			if (json_number_value(json_array_get(resident, i)) >
			    json_number_value(json_array_get(resident, most)))
				most = i;
		}
		curve->time_s[curve->points] = json_number_value(json_array_get(time, most));
		curve->live[curve->points] = json_number_value(json_array_get(live, most));
		curve->resident[curve->points] = json_number_value(json_array_get(resident, most));
		curve->points++;
	}
}

static void plot_run(struct page *page, const json_t *peer, size_t number)
{
	static struct curve curve;
	static const enum footprint_phase idle[] = { FOOTPRINT_IDLE_1, FOOTPRINT_IDLE_2,
		                                     FOOTPRINT_IDLE_3 };
	const json_t *run = json_array_get(json_object_get(peer, "runs"), 0);
	struct plot_span span[3];
	char name[PATH_BYTES];

	if (run == NULL)
		return;
	curve_read(&curve, run);
	for (size_t i = 0; i < 3; i++)
		span[i] = (struct plot_span){ .from = phase_number(run, idle[i], "begin_s"),
			                      .to = phase_number(run, idle[i], "end_s") };
	snprintf(name, sizeof name, "run_%zu", number);
	const struct plot_series series[] = {
		{ .label = "live", .kind = PLOT_STEP, .ink = 3, .y = curve.live, .area = true },
		{ .label = "resident", .kind = PLOT_LINE, .ink = 1, .y = curve.resident },
	};
	page_plot(page,
	          &(struct plot){ .name = name,
	                          .title = json_text_of(peer, "name"),
	                          .x_label = "seconds",
	                          .y_unit = PLOT_BYTES,
	                          .points = curve.points,
	                          .x = curve.time_s,
	                          .series_count = 2,
	                          .series = series,
	                          .span_count = 3,
	                          .span = span,
	                          .span_label = "idle" },
	          NULL);
}

static void plot_ends(struct page *page, const json_t *footprint)
{
	const json_t *peers = json_object_get(footprint, "peers");
	struct chart chart;

	chart_begin(&chart, peers);
	for (int s = 0; s < SHOWN; s++) {
		double bytes[PEERS_MAX];

		for (size_t i = 0; i < chart.peers; i++)
			bytes[i] = phase_number(json_array_get(peers, i), shown[s].phase,
			                        "resident_bytes");
		chart_add(&chart, shown[s].label, bytes);
	}
	chart_show(&chart, page,
	           &(struct plot){ .name = "ends",
	                           .title = "Resident at the end of each phase",
	                           .y_unit = PLOT_BYTES },
	           NULL);
}

static void table_ends(struct page *page, const json_t *footprint, const char *name,
                       enum page_unit unit)
{
	const char *heading[SHOWN + 2] = { "allocator" };
	char path[PATH_BYTES];
	size_t i;
	const json_t *peer;

	for (int s = 0; s < SHOWN; s++)
		heading[s + 1] = shown[s].label;
	page_table_begin(page, heading);
	json_array_foreach(json_object_get(footprint, "peers"), i, peer)
	{
		page_row_begin(page, json_text_of(peer, "name"));
		for (int s = 0; s < SHOWN; s++) {
			snprintf(path, sizeof path, "peers.%zu.phases.%s.%s", i,
			         footprint_phase_name(shown[s].phase), name);
			page_cell(page, path, unit);
		}
		page_row_end(page);
	}
	page_table_end(page);
}

bool footprint_page_write(const json_t *footprint, const char *path)
{
	const json_t *peer;
	struct page page;
	size_t i;

	page_begin(&page, "tide-footprint", footprint);
	page_verdict(&page,
	             json_integer_value(json_at(footprint, "summary.faults")) == 0 ? PAGE_GOOD
	                                                                           : PAGE_DOUBTFUL,
	             "summary.headline", "summary.reason");
	page_section_begin(&page, "Resident memory", NULL);
	plot_ends(&page, footprint);
	table_ends(&page, footprint, "resident_bytes", PAGE_BYTES);
	page_section_end(&page);
	page_section_begin(&page, "Ratio of resident to live memory", NULL);
	table_ends(&page, footprint, "ratio", PAGE_RATIO);
	page_section_end(&page);
	page_section_begin(&page, "Given back lazily",
	                   "Part of resident memory that the system may take (MADV_FREE).");
	table_ends(&page, footprint, "lazily_freed_bytes", PAGE_BYTES);
	page_section_end(&page);
	page_section_begin(&page, "Over time", "The first round.");
	json_array_foreach(json_object_get(footprint, "peers"), i, peer) plot_run(&page, peer, i);
	page_section_end(&page);
	page_section_begin(&page, "Measured on", NULL);
	machine_page(&page);
	page_section_end(&page);
	return page_end(&page, path);
}
