/* The command line of tide-stress. */
#ifndef STRESS_ARGUMENTS_H
#define STRESS_ARGUMENTS_H

#include "fault.h"

#include <stdbool.h>
#include <stdint.h>

struct arguments {
	const char *scenario;      /* a name or a path */
	const char *print;         /* NULL; or the built-in scenario to print, instead of a run */
	const char *report;        /* NULL; or the folder for the report */
	uint64_t seconds, threads; /* 0: as the scenario says */
	uint64_t seed, steps;
	double soak_hours; /* 0: no soak */
	struct faults faults;
	bool quiet, help, list, fault_help;
};

/* False, after a message that names the argument: it can't be used. */
bool arguments_read(struct arguments *arguments, int argc, char *argv[]);
void arguments_help(void);

#endif
