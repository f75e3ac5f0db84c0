/* See latency_report.h. */
#include "latency_report.h"

#include "chart.h"
#include "format.h"
#include "json.h"
#include "machine.h"
#include "page.h"
#include "statistics.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 5, RUNS_MAX = 100, PATH_BYTES = 128, SENTENCE_BYTES = 256 };

static const struct {
	const char *name, *label;
} column[COLUMNS] = { { "p50_ns", "p50" },
	              { "p99_ns", "p99" },
	              { "p99_9_ns", "p99.9" },
	              { "p99_99_ns", "p99.99" },
	              { "max_ns", "max" } };

/* The median over the runs of one number of one row. */
static json_t *median_json(const json_t *peer, size_t row, const char *name)
{
	double value[RUNS_MAX];
	size_t count = 0, i;
	const json_t *run;

	json_array_foreach(json_object_get(peer, "runs"), i, run)
	{
		const json_t *in = json_array_get(json_object_get(run, "rows"), row);

		if (json_is_number(json_object_get(in, name)) && count < RUNS_MAX)
			value[count++] = json_number_value(json_object_get(in, name));
	}
	return count > 0 ? json_real(statistics_median(value, count)) : json_null();
}

static json_t *row_json(const json_t *peers, size_t row, const json_t *like)
{
	json_t *cells = json_array();
	size_t i;
	json_t *peer;

	json_array_foreach(peers, i, peer)
	{
		json_t *cell = json_pack("{s:O}", "name", json_object_get(peer, "name"));

		for (int c = 0; c < COLUMNS; c++)
			json_object_set_new(cell, column[c].name,
			                    json_is_null(json_object_get(peer, "fault"))
			                        ? median_json(peer, row, column[c].name)
			                        : json_null());
		json_array_append_new(cells, cell);
	}
	return json_pack("{s:O, s:O, s:o}", "phase", json_object_get(like, "phase"), "call",
	                 json_object_get(like, "call"), "peers", cells);
}

bool latency_summarize(json_t *latency)
{
	const json_t *peers = json_object_get(latency, "peers"), *peer, *run = NULL, *row;
	json_t *rows = json_array();
	size_t faults = 0, i;
	char reason[SENTENCE_BYTES];

	json_array_foreach(peers, i, peer)
	{
		faults += !json_is_null(json_object_get(peer, "fault"));
		if (run == NULL)
			run = json_array_get(json_object_get(peer, "runs"), 0);
	}
	json_array_foreach(json_object_get(run, "rows"), i, row)
	    json_array_append_new(rows, row_json(peers, i, row));
	json_object_set_new(latency, "rows", rows);
	snprintf(reason, sizeof reason,
	         "Medians over the rounds. %zu of %zu allocators failed, or were not active.",
	         faults, json_array_size(peers));
	json_object_set_new(latency, "summary",
	                    json_pack("{s:s, s:s, s:I}", "headline",
	                              "How long one call of malloc or free takes", "reason", reason,
	                              "faults", (json_int_t)faults));
	return faults == 0 && run != NULL;
}

static void print_row(FILE *out, const json_t *row)
{
	size_t i;
	const json_t *cell;

	fprintf(out, "\n%s, %-20s", json_text_of(row, "phase"), json_text_of(row, "call"));
	for (int c = 0; c < COLUMNS; c++)
		fprintf(out, "%12s", column[c].label);
	fprintf(out, "\n");
	json_array_foreach(json_object_get(row, "peers"), i, cell)
	{
		fprintf(out, "  %-*s", (int)strlen(json_text_of(row, "phase")) + 20,
		        json_text_of(cell, "name"));
		for (int c = 0; c < COLUMNS; c++) {
			const json_t *ns = json_object_get(cell, column[c].name);

			fprintf(out, "%12s",
			        json_is_number(ns) ? format_ns(json_number_value(ns)).text : "-");
		}
		fprintf(out, "\n");
	}
}

void latency_print(FILE *out, const json_t *latency)
{
	size_t i;
	const json_t *row, *peer;

	json_array_foreach(json_object_get(latency, "rows"), i, row) print_row(out, row);
	json_array_foreach(json_object_get(latency, "peers"), i, peer)
	{
		if (!json_is_null(json_object_get(peer, "fault")))
			fprintf(out, "\n%s: %s\n", json_text_of(peer, "name"),
			        json_text_of(peer, "fault"));
	}
}

static void page_row(struct page *page, const json_t *latency, size_t number)
{
	const json_t *row = json_array_get(json_object_get(latency, "rows"), number);
	const json_t *cells = json_object_get(row, "peers"), *cell;
	const char *heading[COLUMNS + 2] = { "allocator" };
	char title[PATH_BYTES], name[PATH_BYTES], path[PATH_BYTES];
	struct chart chart;
	size_t i;

	snprintf(title, sizeof title, "%s, %s", json_text_of(row, "phase"),
	         json_text_of(row, "call"));
	snprintf(name, sizeof name, "row_%zu", number);
	chart_begin(&chart, json_object_get(latency, "peers"));
	for (int c = 0; c < COLUMNS; c++) {
		double ns[PEERS_MAX];

		heading[c + 1] = column[c].label;
		for (i = 0; i < chart.peers; i++) {
			const json_t *value =
			    json_object_get(json_array_get(cells, i), column[c].name);

			ns[i] = json_is_number(value) ? json_number_value(value) : NAN;
		}
		chart_add(&chart, column[c].label, ns);
	}
	chart_show(&chart, page,
	           &(struct plot){ .name = name,
	                           .title = title,
	                           .y_label = "one call takes",
	                           .y_unit = PLOT_NS,
	                           .y_log = true },
	           NULL);
	page_table_begin(page, heading);
	json_array_foreach(cells, i, cell)
	{
		page_row_begin(page, json_text_of(cell, "name"));
		for (int c = 0; c < COLUMNS; c++) {
			snprintf(path, sizeof path, "rows.%zu.peers.%zu.%s", number, i,
			         column[c].name);
			page_cell(page, path, PAGE_NS);
		}
		page_row_end(page);
	}
	page_table_end(page);
}

bool latency_page_write(const json_t *latency, const char *path)
{
	static const struct {
		const char *name, *heading, *lead;
	} phase[] = {
		{ "steady", "Steady", "Random slots of the thread's own are emptied and filled." },
		{ "cross", "Cross", "Most blocks are freed by another thread than made them." },
		{ "growth", "Growth", "Fresh blocks; none is freed until the end." },
		{ "wake", "Wake", "Short bursts, each after all threads slept." },
	};
	const json_t *row, *rows = json_object_get(latency, "rows");
	struct page page;
	size_t i;

	page_begin(&page, "tide-latency", latency);
	page_verdict(&page,
	             json_integer_value(json_at(latency, "summary.faults")) == 0 ? PAGE_GOOD
	                                                                         : PAGE_DOUBTFUL,
	             "summary.headline", "summary.reason");
	for (size_t p = 0; p < sizeof phase / sizeof phase[0]; p++) {
		page_section_begin(&page, phase[p].heading, phase[p].lead);
		json_array_foreach(rows, i, row)
		{
			if (strcmp(json_text_of(row, "phase"), phase[p].name) == 0)
				page_row(&page, latency, i);
		}
		page_section_end(&page);
	}
	page_section_begin(&page, "Measured on",
	                   "What \"nothing\" took, a timer around no call, is the machine's.");
	machine_page(&page);
	page_section_end(&page);
	return page_end(&page, path);
}
