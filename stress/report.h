/* The table at the end of a run. */
#ifndef STRESS_REPORT_H
#define STRESS_REPORT_H

#include "sampler.h"

#include <stdio.h>

/* `end` is the last sample under load; the sampler's own is of now, with all blocks freed. */
void report_print(FILE *out, const struct sampler *sampler, const struct sample *end);

#endif
