/* One run of the user's command under one setting, by tide-run.
 *
 * Touched by  one thread. */
#ifndef TUNE_MEASURE_H
#define TUNE_MEASURE_H

#include "tuner.h"

#include <limits.h>

enum { METRIC_BYTES = 64 };

struct measurer {
	char *const *command;
	double limit_s; /* a run that takes longer has failed */
	char run_path[PATH_MAX];
	char json_path[PATH_MAX]; /* what tide-run writes; removed after */
	/* "": none. Where the command is tide-replay with one replay of a trace: its document,
	 * which has the figures of the replay alone. Removed before each run. */
	char replay_path[PATH_MAX];
	char metric[METRIC_BYTES]; /* what its percentile is called where the command prints it */
	/* Of the last run. */
	int served; /* 1: malloc was Tide's, 0: it was not, -1: not known */
	bool interrupted;
	char why_not[512];
};

/* False: interrupted. */
bool measure_run(struct measurer *measurer, const struct space *space,
                 const struct setting *setting, struct run *run);

/* The last number after `metric` in `text`, in the unit behind it: of times nanoseconds, others as
 * they are. NAN: there is none. Pure. */
double measure_find(const char *text, const char *metric);

#endif
