/* The line that shows a run is alive: rewritten in place on a terminal, one every 2 s elsewhere. */
#ifndef STRESS_PROGRESS_H
#define STRESS_PROGRESS_H

#include "sampler.h"

struct progress {
	bool quiet, terminal;
	double shown_seconds; /* when the last line was printed */
	uint64_t shown_calls;
};

void progress_start(struct progress *progress, bool quiet);
/* Show the sampler's last sample, if a line is due. */
void progress_show(struct progress *progress, const struct sampler *sampler,
                   const char *phase_name);
/* Leave the line, before other output. */
void progress_end(struct progress *progress);

#endif
