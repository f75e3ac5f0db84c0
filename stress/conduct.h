/* The main thread's part of a run: it moves the phases, replaces threads that ended, lets faults
 * happen, samples and prints, until the end. */
#ifndef STRESS_CONDUCT_H
#define STRESS_CONDUCT_H

#include "progress.h"
#include "soak.h"

struct conductor {
	struct run *run;
	struct sampler *sampler;
	struct progress *progress;
	struct soak *soak; /* NULL: no soak */
	uint64_t run_ms;
};

/* From the start of the threads until the time or the steps are over, a signal interrupts, or
 * something is wrong; the threads are told to stop. False, after a message: they could not be
 * had. */
bool conduct(struct conductor *conductor);
/* SIGINT and SIGTERM end a run, with its report. */
void conduct_handle_signals(void);
bool conduct_was_interrupted(void);

#endif
