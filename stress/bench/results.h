/* The document of tide-bench: every run as it was measured, and what follows from the runs.
 *
 *   peers[]      name, path, geometric_mean.<group>.<metric>: ratio, scenarios
 *   scenarios[]  name, what, unit, peers[]: name, allocator, fault, runs[], <metric>: ...
 *
 * A metric of a peer in a scenario has its median, quartiles (low, high) and two ratios: `ratio` of
 * its median to the best median; `paired_ratio`, the median over the rounds of its value to that of
 * the best peer in the same round, which does not see what changes from round to round. A group
 * is "all", or the part of the scenarios' names before the slash.
 *
 * A peer with a fault (it crashed, gave wrong output, was not what served malloc) has no figures in
 * that scenario: neither good ones for it nor ratios for others. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "peers.h"

#include <jansson.h>

extern const struct results_metric {
	const char *name;  /* in the document */
	const char *field; /* of a run */
	const char *label; /* for people */
	bool is_time; /* seconds in a run, and nanoseconds in what is made of them; else bytes */
} results_metric[];
enum { RESULTS_METRICS = 3 };
enum { RUNS_MAX = 1000 };

json_t *results_make(const struct peers *peers);
/* Borrowed: the scenario in the document. */
json_t *results_add_scenario(json_t *results, const char *name, const char *what);
/* Borrowed: a peer in a scenario, by its number. */
json_t *results_cell(const json_t *scenario, size_t peer);
/* Takes `run` over. False: it lacks a field. */
bool results_add_run(json_t *cell, size_t round, json_t *run);
void results_set_fault(json_t *cell, const char *fault);
const char *results_fault(const json_t *cell); /* NULL: none */

/* Compute all that follows from the runs. Again, when runs were added. */
void results_summarize(json_t *results);
/* A number of a cell, "wall" and "median"; NAN: none. */
double results_number(const json_t *cell, const char *metric, const char *name);

/* A document that was written before. NULL, after a message. */
json_t *results_load(const char *program, const char *path);

#endif
