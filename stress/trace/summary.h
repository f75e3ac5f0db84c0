/* What a trace holds, in numbers. */
#ifndef TRACE_SUMMARY_H
#define TRACE_SUMMARY_H

#include "books.h"
#include "reader.h"

struct summary {
	uint64_t of[TRACE_FUNCTIONS]; /* calls */
	uint64_t nulls;               /* calls of free and delete with no block */
	uint64_t threads, ended_threads;
	uint64_t took_ns;   /* from the first call to the last */
	struct books books; /* its numbers */
};

/* Reads all of it, and rewinds. False: `trace->fault` says why. */
bool summary_make(struct summary *summary, struct trace *trace);
void summary_print(FILE *out, const struct summary *summary, const struct trace *trace);

#endif
