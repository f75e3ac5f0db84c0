/* The socket of TIDE_STATS=unix:PATH. Who connects may send "text", "json" or "openmetrics" and a
 * newline, or the head of an HTTP request; else he gets text after a moment. Then the answer, and
 * the end.
 *
 * Touched by  the GC thread only
 * Progress    no call waits; a peer that does not read is dropped after some seconds
 */
#ifndef TIDE_GC_SERVE_H
#define TIDE_GC_SERVE_H

#include "compiler.h"

/* 0 or a negative errno. */
TIDE_HIDDEN int tide_gc_serve_begin(const char *path);
TIDE_HIDDEN void tide_gc_serve_round(uint64_t now_ns);
TIDE_HIDDEN void tide_gc_serve_end(void);

#endif
