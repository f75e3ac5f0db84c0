/* The runs of one scenario under all peers.
 *
 * They are interleaved, and each round starts with another peer (A B C, B C A, C A B), so that what
 * changes on the machine meets all alike, and so does following a certain other one. Warm-up
 * rounds are run and forgotten. Before each run, as much memory is touched, in huge pages and in
 * small ones, as the largest of the scenario's runs took up to now. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "catalogue.h"
#include "peers.h"

#include <jansson.h>

struct rounds {
	const struct peers *peers;
	size_t rounds, warmups;
	double scale, limit_s;
	const char *work; /* the folder for what programs need */
	bool quiet;
};

/* Add the scenario to `results`, with all its runs. A program that is not installed is left out,
 * with a message. */
void rounds_run(const struct rounds *rounds, const struct scenario *scenario, json_t *results);

#endif
