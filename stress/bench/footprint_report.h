/* The document of tide-footprint and what is shown of it.
 *
 *   peers[]  name, path, fault, runs[]: with samples and phases (footprint_watch.h);
 *            phases: <phase>: live_bytes, resident_bytes, lazily_freed_bytes, ratio, each the
 *            median over the runs of what was seen last in the phase */
#ifndef BENCH_FOOTPRINT_REPORT_H
#define BENCH_FOOTPRINT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Compute the medians. False: a peer has a fault, or nothing was run. */
bool footprint_summarize(json_t *footprint);
void footprint_print(FILE *out, const json_t *footprint);
/* False, after a message. */
bool footprint_page_write(const json_t *footprint, const char *path);

#endif
