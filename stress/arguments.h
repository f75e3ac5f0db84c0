/* The command line of tide-stress. */
#ifndef STRESS_ARGUMENTS_H
#define STRESS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

struct arguments {
	uint64_t seconds, threads, seed;
	double soak_hours; /* 0: no soak */
	const char *report_folder;
	bool quiet, help;
};

/* False, after a message that names the argument: it can't be used. */
bool arguments_read(struct arguments *arguments, int argc, char *argv[]);
void arguments_help(void);

#endif
