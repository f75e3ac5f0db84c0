/* See table.h. */
#include "table.h"

#include "format.h"
#include "results.h"

#include <math.h>
#include <string.h>

enum { NAME_WIDTH = 28 };

static const char *string_of(const json_t *object, const char *name)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string != NULL ? string : "";
}

/* "344.0 ms 1.12": 18 columns. */
static void print_cell(FILE *out, const json_t *cell, const struct results_metric *metric)
{
	double median = results_number(cell, metric->name, "median");
	double ratio = results_number(cell, metric->name, "ratio");
	char ratio_text[16] = "-";

	if (!isfinite(median)) {
		fprintf(out, " %17s", results_fault(cell) != NULL ? "fault" : "-");
		return;
	}
	if (isfinite(ratio))
		snprintf(ratio_text, sizeof ratio_text, "%.2f", ratio);
	fprintf(out, " %10s %6s", (metric->is_time ? format_ns(median) : format_bytes(median)).text,
	        ratio_text);
}

static double mean_number(const json_t *peer, const char *group, const char *metric,
                          const char *name)
{
	const json_t *mean = json_object_get(
	    json_object_get(json_object_get(json_object_get(peer, "geometric_mean"), group),
	                    metric),
	    name);

	return json_is_number(mean) ? json_number_value(mean) : NAN;
}

/* "1.12 of 38": how many scenarios it has figures in differs when there were faults. */
static void print_means(FILE *out, const json_t *peers, const struct results_metric *metric)
{
	size_t i;
	const json_t *peer;

	fprintf(out, "%-*s", NAME_WIDTH, "geometric mean of ratios");
	json_array_foreach(peers, i, peer)
	{
		double ratio = mean_number(peer, "all", metric->name, "ratio");
		double scenarios = mean_number(peer, "all", metric->name, "scenarios");
		char of[16];

		snprintf(of, sizeof of, "(of %.0f)", scenarios);
		if (isfinite(ratio))
			fprintf(out, " %10s %6.2f", of, ratio);
		else
			fprintf(out, " %17s", "-");
	}
	fprintf(out, "\n");
}

static void print_metric(FILE *out, const json_t *results, const struct results_metric *metric)
{
	const json_t *peers = json_object_get(results, "peers"), *peer, *scenario, *cell;
	size_t i, j;

	fprintf(out, "\n%s: median, and its ratio to the best\n%-*s", metric->label, NAME_WIDTH,
	        "");
	json_array_foreach(peers, i, peer) fprintf(out, " %17s", string_of(peer, "name"));
	fprintf(out, "\n");
	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	{
		fprintf(out, "%-*s", NAME_WIDTH, string_of(scenario, "name"));
		json_array_foreach(json_object_get(scenario, "peers"), j, cell)
		    print_cell(out, cell, metric);
		fprintf(out, "\n");
	}
	print_means(out, peers, metric);
}

static void print_faults(FILE *out, const json_t *results)
{
	const json_t *scenario, *cell;
	size_t i, j;
	bool is_first = true;

	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	{
		json_array_foreach(json_object_get(scenario, "peers"), j, cell)
		{
			if (results_fault(cell) == NULL)
				continue;
			if (is_first)
				fprintf(out, "\nfaults: these have no figures\n");
			is_first = false;
			fprintf(out, "%-*s %s: %s\n", NAME_WIDTH, string_of(scenario, "name"),
			        string_of(cell, "name"), results_fault(cell));
		}
	}
}

void table_print(FILE *out, const json_t *results)
{
	for (int m = 0; m < RESULTS_METRICS; m++)
		print_metric(out, results, &results_metric[m]);
	print_faults(out, results);
}
