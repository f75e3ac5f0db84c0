/* What the figures of a run suggest. Pure: numbers in, sentences out; each rule says which figure
 * brought it up. */
#ifndef RUN_ADVICE_H
#define RUN_ADVICE_H

#include "figures.h"

enum { ADVICE_MAX = 10, ADVICE_BYTES = 240 };

struct advice {
	unsigned count;
	char line[ADVICE_MAX][ADVICE_BYTES];
};

struct advice_run {
	const struct figures *figures;
	double cpu_s; /* of the command */
	double gc_s;  /* of that, for the GC; 0 when it is not known */
	uint64_t peak_bytes;
};

void advice_give(struct advice *advice, const struct advice_run *run);

#endif
