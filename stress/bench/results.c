/* See results.h. */
#include "results.h"

#include "statistics.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct results_metric results_metric[] = {
	{ "wall", "wall_s", "wall time", true },
	{ "cpu", "cpu_s", "CPU time", true },
	{ "peak", "peak_rss_bytes", "peak resident memory", false },
};
static_assert(sizeof results_metric / sizeof results_metric[0] == RESULTS_METRICS,
              "a number for each metric");

json_t *results_make(const struct peers *peers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < peers->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", peers->peer[i].name,
		                                      "path", peers->peer[i].path));
	return json_pack("{s:s, s:i, s:o, s:[]}", "program", "tide-bench", "format", 1, "peers",
	                 list, "scenarios");
}

json_t *results_add_scenario(json_t *results, const char *name, const char *what)
{
	json_t *scenario = json_pack("{s:s, s:s}", "name", name, "what", what);
	json_t *cells = json_array();
	size_t i;
	json_t *peer;

	json_array_foreach(json_object_get(results, "peers"), i, peer) json_array_append_new(
	    cells, json_pack("{s:O, s:n, s:n, s:[]}", "name", json_object_get(peer, "name"),
	                     "allocator", "fault", "runs"));
	json_object_set_new(scenario, "peers", cells);
	json_array_append_new(json_object_get(results, "scenarios"), scenario);
	return scenario;
}

json_t *results_cell(const json_t *scenario, size_t peer)
{
	return json_array_get(json_object_get(scenario, "peers"), peer);
}

bool results_add_run(json_t *cell, size_t round, json_t *run)
{
	for (int m = 0; m < RESULTS_METRICS; m++) {
		if (!json_is_number(json_object_get(run, results_metric[m].field))) {
			json_decref(run);
			return false;
		}
	}
	json_object_set_new(run, "round", json_integer((json_int_t)round));
	json_object_set(cell, "allocator", json_object_get(run, "allocator"));
	json_object_del(run, "allocator");
	json_array_append_new(json_object_get(cell, "runs"), run);
	return true;
}

void results_set_fault(json_t *cell, const char *fault)
{
	json_t *text = json_string(fault);

	/* What a program said need not be UTF-8. */
	json_object_set_new(cell, "fault", text != NULL ? text : json_string("failed"));
}

const char *results_fault(const json_t *cell)
{
	return json_string_value(json_object_get(cell, "fault"));
}

double results_number(const json_t *cell, const char *metric, const char *name)
{
	const json_t *value = json_object_get(json_object_get(cell, metric), name);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void set_number(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name, isfinite(value) ? json_real(value) : json_null());
}

/* The field of the run of a round; NAN: there is none. */
static double of_round(const json_t *cell, json_int_t round, const char *field)
{
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(cell, "runs"), i, run)
	{
		if (json_integer_value(json_object_get(run, "round")) == round)
			return json_number_value(json_object_get(run, field));
	}
	return NAN;
}

/* Median and quartiles; returns the median. */
static double summarize_cell(json_t *cell, const struct results_metric *metric)
{
	double value[RUNS_MAX];
	size_t count = 0, i;
	json_t *run, *summary = json_object();

	json_object_set_new(cell, metric->name, summary);
	json_array_foreach(json_object_get(cell, "runs"), i, run)
	{
		if (results_fault(cell) == NULL && count < RUNS_MAX)
			value[count++] = json_number_value(json_object_get(run, metric->field)) *
			                 (metric->is_time ? 1e9 : 1);
	}
	double median = statistics_median(value, count);
	set_number(summary, "median", median);
	set_number(summary, "low", statistics_quantile(value, count, 0.25));
	set_number(summary, "high", statistics_quantile(value, count, 0.75));
	return median;
}

static double paired_ratio(const json_t *cell, const json_t *best, const char *field)
{
	double ratio[RUNS_MAX];
	size_t count = 0, i;
	json_t *run;

	if (results_fault(cell) != NULL)
		return NAN;
	json_array_foreach(json_object_get(cell, "runs"), i, run)
	{
		json_int_t round = json_integer_value(json_object_get(run, "round"));
		double of = json_number_value(json_object_get(run, field));
		double to = of_round(best, round, field);

		if (to > 0 && count < RUNS_MAX)
			ratio[count++] = of / to;
	}
	return statistics_median(ratio, count);
}

/* Nothing can be divided by a best of 0: such a metric says nothing, and has no ratios. */
static void summarize_scenario(json_t *scenario, const struct results_metric *metric)
{
	double median[PEERS_MAX];
	json_t *cells = json_object_get(scenario, "peers"), *cell;
	size_t count = json_array_size(cells), best = 0, i;

	count = count < PEERS_MAX ? count : PEERS_MAX;
	for (i = 0; i < count; i++)
		median[i] = summarize_cell(json_array_get(cells, i), metric);
	double least = statistics_least(median, count);
	for (i = 0; i < count; i++) {
		if (median[i] == least)
			best = i;
	}
	json_array_foreach(cells, i, cell)
	{
		json_t *summary = json_object_get(cell, metric->name);

		set_number(summary, "ratio", least > 0 && i < count ? median[i] / least : NAN);
		set_number(summary, "paired_ratio",
		           least > 0
		               ? paired_ratio(cell, json_array_get(cells, best), metric->field)
		               : NAN);
	}
}

enum { SCENARIOS_MAX = 1000 };

/* The geometric mean of a peer's ratios over the scenarios whose names start with `prefix`. */
static json_t *mean_json(const json_t *scenarios, const char *prefix, size_t peer,
                         const char *metric)
{
	double ratio[SCENARIOS_MAX];
	size_t count = 0, i;
	const json_t *scenario;
	json_t *mean = json_object();

	json_array_foreach(scenarios, i, scenario)
	{
		const char *name = json_string_value(json_object_get(scenario, "name"));
		double one = results_number(results_cell(scenario, peer), metric, "ratio");

		if (name != NULL && strncmp(name, prefix, strlen(prefix)) == 0 && isfinite(one) &&
		    count < SCENARIOS_MAX)
			ratio[count++] = one;
	}
	set_number(mean, "ratio", statistics_geometric_mean(ratio, count));
	json_object_set_new(mean, "scenarios", json_integer((json_int_t)count));
	return mean;
}

static void summarize_peer(json_t *results, size_t number)
{
	static const char *const group[][2] = { { "all", "" },
		                                { "micro", "micro/" },
		                                { "program", "program/" } };
	const json_t *scenarios = json_object_get(results, "scenarios");
	json_t *means = json_object();

	for (size_t g = 0; g < sizeof group / sizeof group[0]; g++) {
		json_t *of_group = json_object();

		for (int m = 0; m < RESULTS_METRICS; m++) {
			const char *metric = results_metric[m].name;

			json_object_set_new(of_group, metric,
			                    mean_json(scenarios, group[g][1], number, metric));
		}
		json_object_set_new(means, group[g][0], of_group);
	}
	json_object_set_new(json_array_get(json_object_get(results, "peers"), number),
	                    "geometric_mean", means);
}

void results_summarize(json_t *results)
{
	size_t i;
	json_t *scenario;

	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	{
		for (int m = 0; m < RESULTS_METRICS; m++)
			summarize_scenario(scenario, &results_metric[m]);
	}
	for (i = 0; i < json_array_size(json_object_get(results, "peers")); i++)
		summarize_peer(results, i);
}

json_t *results_load(const char *program, const char *path)
{
	json_error_t error;
	json_t *results = json_load_file(path, 0, &error);

	if (results == NULL)
		fprintf(stderr, "%s: %s: line %d: %s\n", program, path, error.line, error.text);
	else if (json_array_size(json_object_get(results, "peers")) == 0 ||
	         json_array_size(json_object_get(results, "peers")) > PEERS_MAX ||
	         !json_is_array(json_object_get(results, "scenarios")))
		fprintf(stderr, "%s: %s: not a document of tide-bench\n", program, path);
	else
		return results;
	json_decref(results);
	return NULL;
}
