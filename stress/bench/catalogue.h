/* What can be measured: the scenarios of tide-bench-load, "micro/NAME", and the scripts that run
 * real programs, "program/NAME". */
#ifndef BENCH_CATALOGUE_H
#define BENCH_CATALOGUE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { CATALOGUE_MAX = 200, SCENARIO_NAME_BYTES = 64, SCENARIO_WHAT_BYTES = 128 };

struct scenario {
	char name[SCENARIO_NAME_BYTES];
	char what[SCENARIO_WHAT_BYTES];
	bool is_program, is_chosen;
	char file[PATH_MAX]; /* tide-bench-load, or the script */
};

struct catalogue {
	struct scenario scenario[CATALOGUE_MAX];
	size_t count;
};

/* False, after a message. `programs` is the folder of the scripts NAME.sh; it may be missing. */
bool catalogue_read(struct catalogue *catalogue, const char *program, const char *programs);
/* Choose what the pattern matches: the whole name, or what is behind its slash. False: nothing. */
bool catalogue_choose(struct catalogue *catalogue, const char *pattern);

#endif
