/* tide-bench-markdown: what the benchmark programs measured, as tables of Markdown.
 *
 * Each file is a document of tide-bench, tide-latency or tide-footprint; which one, it says itself.
 * Figures of different documents are never set against each other: they may be of different
 * days. */
#include "../cli.h"
#include "format.h"
#include "json.h"
#include "results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char program[] = "tide-bench-markdown";

static void heading(const json_t *document, const char *title)
{
	printf("\n## %s\n\n", title);
	printf("%s, %.0f processors, Linux %s, glibc %s; %s; load average at the start %.1f.\n",
	       json_text_of(json_object_get(document, "machine"), "processor"),
	       json_number_at(document, "machine.processors"),
	       json_text_of(json_object_get(document, "machine"), "kernel"),
	       json_text_of(json_object_get(document, "machine"), "c_library"),
	       json_text_of(json_object_get(document, "machine"), "when"),
	       json_number_at(document, "machine.load_average"));
}

/* The head of a table whose columns are the peers. */
static void columns(const json_t *document, const char *first)
{
	size_t i;
	const json_t *peer;

	printf("\n| %s |", first);
	json_array_foreach(json_object_get(document, "peers"), i, peer)
	    printf(" %s |", json_text_of(peer, "name"));
	printf("\n|---|");
	for (i = 0; i < json_array_size(json_object_get(document, "peers")); i++)
		printf("--:|");
	printf("\n");
}

static const char *figure(double value, bool is_time, struct figure *into)
{
	if (!isfinite(value))
		return "-";
	*into = is_time ? format_ns(value) : format_bytes(value);
	return into->text;
}

/* The best of a row stands out. */
static void cell_print(const char *text, double ratio)
{
	if (isfinite(ratio))
		printf(ratio <= 1 ? " **%s %.2f** |" : " %s %.2f |", text, ratio);
	else
		printf(" %s |", text);
}

static void bench_metric(const json_t *bench, const struct results_metric *metric)
{
	const json_t *scenario, *cell, *peer;
	size_t i, j;
	struct figure text;

	printf("\n### %s\n", metric->label);
	columns(bench, "scenario");
	json_array_foreach(json_object_get(bench, "scenarios"), i, scenario)
	{
		printf("| %s |", json_text_of(scenario, "name"));
		json_array_foreach(json_object_get(scenario, "peers"), j, cell)
		{
			double median = results_number(cell, metric->name, "median");

			cell_print(results_fault(cell) != NULL
			               ? "fault"
			               : figure(median, metric->is_time, &text),
			           results_number(cell, metric->name, "ratio"));
		}
		printf("\n");
	}
	printf("| geometric mean of the ratios |");
	json_array_foreach(json_object_get(bench, "peers"), i, peer)
	{
		char path[64];

		snprintf(path, sizeof path, "geometric_mean.all.%s.ratio", metric->name);
		printf(" %.2f |", json_number_at(peer, path));
	}
	printf("\n");
}

static void bench_print(const json_t *bench)
{
	heading(bench, "Programs and scenarios");
	printf("\nMedians of %.0f interleaved runs, micro scenarios with %g of their work, and the "
	       "ratio of each to the best of its row.\n",
	       json_number_at(bench, "settings.rounds"), json_number_at(bench, "settings.scale"));
	for (int m = 0; m < RESULTS_METRICS; m++)
		bench_metric(bench, &results_metric[m]);
}

static void latency_table(const json_t *latency, const char *name, const char *label)
{
	const json_t *row, *cell;
	size_t i, j;
	struct figure text;

	printf("\n### %s of one call\n", label);
	columns(latency, "phase and call");
	json_array_foreach(json_object_get(latency, "rows"), i, row)
	{
		printf("| %s, %s |", json_text_of(row, "phase"), json_text_of(row, "call"));
		json_array_foreach(json_object_get(row, "peers"), j, cell)
		{
			const json_t *value = json_object_get(cell, name);

			cell_print(figure(json_is_number(value) ? json_number_value(value) : NAN,
			                  true, &text),
			           NAN);
		}
		printf("\n");
	}
}

static void latency_print_tables(const json_t *latency)
{
	heading(latency, "Latency");
	printf("\nMedians of %.0f rounds; the row of the timer is the machine's own share.\n",
	       json_number_at(latency, "settings.rounds"));
	latency_table(latency, "p50_ns", "p50");
	latency_table(latency, "p99_9_ns", "p99.9");
	latency_table(latency, "p99_99_ns", "p99.99");
}

static void footprint_print_table(const json_t *footprint)
{
	const json_t *peers = json_object_get(footprint, "peers"), *peer, *value;
	json_t *phases = json_object_get(json_array_get(peers, 0), "phases");
	const char *phase;
	json_t *ignored;
	size_t i;

	heading(footprint, "Memory that stays");
	printf("\nResident memory at the end of each phase and its ratio to live memory; %.0f "
	       "threads grow to %s, and idle for %g s.\n",
	       json_number_at(footprint, "settings.threads"),
	       format_bytes(json_number_at(footprint, "settings.live_bytes")).text,
	       json_number_at(footprint, "settings.idle_s"));
	columns(footprint, "phase");
	json_object_foreach(phases, phase, ignored)
	{
		if (strcmp(phase, "start") == 0 || strcmp(phase, "end") == 0)
			continue;
		printf("| %s |", phase);
		json_array_foreach(peers, i, peer)
		{
			struct figure text;
			const json_t *at = json_object_get(json_object_get(peer, "phases"), phase);

			value = json_object_get(at, "resident_bytes");
			printf(" %s", figure(json_is_number(value) ? json_number_value(value) : NAN,
			                     false, &text));
			value = json_object_get(at, "ratio");
			if (json_is_number(value))
				printf(" %.2f", json_number_value(value));
			printf(" |");
		}
		printf("\n");
	}
}

static bool print_document(const char *path)
{
	static const struct {
		const char *program;
		void (*print)(const json_t *document);
	} kind[] = {
		{ "tide-bench", bench_print },
		{ "tide-latency", latency_print_tables },
		{ "tide-footprint", footprint_print_table },
	};
	json_error_t error;
	json_t *document = json_load_file(path, 0, &error);
	bool known = false;

	if (document == NULL) {
		fprintf(stderr, "%s: %s: line %d: %s\n", program, path, error.line, error.text);
		return false;
	}
	for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
		if (strcmp(json_text_of(document, "program"), kind[i].program) == 0) {
			kind[i].print(document);
			known = true;
		}
	}
	if (!known)
		fprintf(stderr,
		        "%s: %s: not a document of tide-bench, tide-latency or tide-footprint\n",
		        program, path);
	json_decref(document);
	return known;
}

int main(int argc, char *argv[])
{
	bool right = true;

	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		fprintf(argc < 2 ? stderr : stdout,
		        "Usage: tide-bench-markdown FILE...\n"
		        "\n"
		        "Print what bench.json, latency.json and footprint.json hold as tables.\n");
		return argc < 2 ? CLI_USAGE : CLI_RIGHT;
	}
	printf("# Results\n\nMade by `sh cmake/bench.sh`; not to be edited by hand.\n");
	for (int i = 1; i < argc; i++)
		right &= print_document(argv[i]);
	return right ? CLI_RIGHT : CLI_WRONG;
}
