/* What is left of a run: a table at its end, and a folder with report.json and report.html, the
 * same numbers to be read by programs and by people.
 *
 * Touched by  the main thread only. The files are written without the heap, which may be broken.
 */
#ifndef STRESS_REPORT_H
#define STRESS_REPORT_H

#include "sampler.h"
#include "soak.h"

#include <stdio.h>

struct report {
	const struct sampler *sampler; /* its sample is of now, with all blocks freed */
	const struct sample *end;      /* the last one under load */
	const char *replay;            /* the command that does it again */
	double asked_seconds;
	bool passed, interrupted;
	const char *reason;      /* why it did not pass, a sentence; NULL when it did */
	const struct soak *soak; /* NULL: it was none */
};

struct report_options {
	/* NULL: tide-stress-report in the current one; made if it is not there. */
	const char *folder;
	bool quiet;
};

/* The command line with its seed given, and without the folder of the report. */
void report_replay(char *into, size_t bytes, int argc, char *const argv[], uint64_t seed);

void report_print(FILE *out, const struct report *report);
/* `path` becomes that of the page. False, after a message. */
bool report_write(const struct report *report, const struct report_options *options, char *path,
                  size_t path_bytes);

#endif
