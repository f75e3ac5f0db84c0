/* What came of the replays, for people. The document:
 *
 *   trace     what was replayed: path, program, calls, bytes, peak_live_bytes, ...
 *   plan      calls and bytes that are replayed, samples[]: after which call, live bytes then
 *   peers[]   name, path, fault, runs[]: a load's line, with samples[] of time and resident bytes;
 *             summary: the median of each number, and the ratios
 */
#ifndef REPLAY_REPORT_H
#define REPLAY_REPORT_H

#include "plan.h"

#include <jansson.h>

void replay_describe(json_t *document, const struct trace *trace, const struct summary *summary,
                     const struct plan *plan);
/* Computes `summary` of each peer. False: one has a fault, or there are no runs. */
bool replay_summarize(json_t *document);
void replay_print(FILE *out, const json_t *document);

#endif
