/* The command line of tide-tune. */
#ifndef TUNE_ARGUMENTS_H
#define TUNE_ARGUMENTS_H

#include "tuner.h"

enum { ARGUMENTS_RUNS_MIN = 40 }; /* fewer leave no room for a search */

struct arguments {
	const char *objectives, *metric, *parameters, *start, *out, *trace;
	double runs, minutes, limit_s, seed, alpha, least_percent;
	bool quiet, restart, list, help;
};

void arguments_help(void);
/* Of argv, up to "--". False, after a message. */
bool arguments_read(struct arguments *arguments, int argc, char *argv[]);
/* "wall,peak" into `wanted`. False, after a message. */
bool arguments_read_objectives(bool wanted[OBJECTIVES], const char *names);

#endif
