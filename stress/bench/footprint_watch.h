/* The load of tide-footprint, seen from outside: samples over time, and what held when each phase
 * ended. */
#ifndef BENCH_FOOTPRINT_WATCH_H
#define BENCH_FOOTPRINT_WATCH_H

#include "child.h"
#include "footprint.h"

#include <jansson.h>

enum { WATCH_SAMPLES_MAX = 20000 };

struct footprint_watch {
	struct footprint_page *page; /* shared with the load */
	int file;                    /* its descriptor, which the load inherits */
	double started_s;
	size_t samples;
	double time_s[WATCH_SAMPLES_MAX], live_bytes[WATCH_SAMPLES_MAX],
	    resident_bytes[WATCH_SAMPLES_MAX];
	/* When the phase began; and the last that was seen of it. NAN: nothing. */
	struct {
		double begin_s, end_s, live_bytes, resident_bytes;
		/* Pages that were given back by MADV_FREE: they count as resident until the system
		 * wants them. */
		double lazily_freed_bytes;
	} phase[FOOTPRINT_PHASES];
};

void footprint_watch_begin(struct footprint_watch *watch);
/* Sample until the child ends, or `limit_s` after its start. */
void footprint_watch(struct footprint_watch *watch, struct child *child, double limit_s);
/* Add "time_s", "live_bytes", "resident_bytes" (arrays) and "phases" to the run. Resident memory is
 * without what the load itself had before its first block. */
void footprint_watch_tell(const struct footprint_watch *watch, json_t *run);
void footprint_watch_end(struct footprint_watch *watch);

/* The name in the document. */
const char *footprint_phase_name(enum footprint_phase phase);

#endif
