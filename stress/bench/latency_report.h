/* The document of tide-latency and what is shown of it.
 *
 *   peers[]  name, path, fault, runs[]: as the load printed them, with rows
 *   rows[]   phase, call, peers[]: name, p50_ns ... max_ns, each the median over the runs */
#ifndef BENCH_LATENCY_REPORT_H
#define BENCH_LATENCY_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Compute the rows from the runs. False: a peer has a fault, or nothing was run. */
bool latency_summarize(json_t *latency);
void latency_print(FILE *out, const json_t *latency);
/* False, after a message. */
bool latency_page_write(const json_t *latency, const char *path);

#endif
