/* What the programs that compare peers have in common: options, turns, and where the report
 * goes. */
#ifndef BENCH_COMPARISON_H
#define BENCH_COMPARISON_H

#include "peers.h"

#include <getopt.h>
#include <jansson.h>
#include <stdint.h>

enum { COMPARISON_ROUNDS_MAX = 100 };

struct comparison {
	const char *program;
	const char *report, *only;
	double rounds, limit_s;
	bool quiet, help;
	bool is_cold; /* memory is not touched before the runs: see trial_touch_memory */
	struct peers peers;
};

/* Rows of a program's table of options. */
#define COMPARISON_OPTIONS                                                                         \
	{ "peer", required_argument, NULL, 'p' }, { "only", required_argument, NULL, 'o' },        \
	    { "rounds", required_argument, NULL, 'r' }, { "limit", required_argument, NULL, 't' }, \
	    { "report", required_argument, NULL, 'R' }, { "quiet", no_argument, NULL, 'q' },       \
	    { "help", no_argument, NULL, 'h' },                                                    \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}
/* And what is told of them, each a line. */
#define COMPARISON_HELP                                                                            \
	"  --peer NAME=PATH   a library more to preload, or another one for a known name\n"        \
	"  --only NAME,...    only these peers, in this order\n"

/* Read one of these options. */
bool comparison_option(struct comparison *comparison, int option);
/* All of `known`, by `read`, which hands on what it does not know. False, after a message. */
bool comparison_read(struct comparison *comparison, int argc, char *argv[],
                     const struct option known[], bool (*read)(void *arguments, int option),
                     void *arguments);

/* The document: program, format, peers[]: name, path, fault, runs[]. */
json_t *comparison_document(const struct comparison *comparison);
/* Every peer in every round, as long as it has no fault; `run` returns the run of `peer`, or NULL
 * and what is wrong in `fault`; "": Ctrl-C. `load` is a program beside this one. */
void comparison_run(const struct comparison *comparison, json_t *document, const char *load,
                    json_t *(*run)(const void *arguments, const char *load, const struct peer *peer,
                                   char *fault),
                    const void *arguments);
/* Write NAME.json and NAME.html, and print their paths. False, after a message. */
bool comparison_write(const struct comparison *comparison, const char *name, const json_t *document,
                      bool (*page_write)(const json_t *document, const char *path));

#endif
