/* Reads a trace, in either form, as calls in the order in which they began.
 *
 * What is in the file is believed in nothing: a trace that is cut off, damaged or of another
 * version ends the reading with a sentence that names the file, the place in it and what would be
 * right there.
 *
 * Touched by  one thread.
 */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include "format.h"

#include <stdbool.h>
#include <stdio.h>

enum { TRACE_FAULT_BYTES = 512, TRACE_NAME_BYTES = 256 };

struct trace_piece;  /* a chunk in the file */
struct trace_cursor; /* a chunk that is being read */

struct trace {
	char name[TRACE_NAME_BYTES];
	FILE *file;
	bool is_text;
	uint64_t file_bytes;
	struct trace_head head;
	/* Of the binary form. */
	uint64_t call_bytes;       /* that hold calls; the rest is heads and room */
	struct trace_piece *piece; /* in the order of their begins */
	size_t pieces, piece_next;
	struct trace_cursor **heap; /* the one with the earliest call first */
	size_t cursors;
	/* Of the text form. */
	uint64_t line, last_time_ns;
	char fault[TRACE_FAULT_BYTES]; /* "": none */
};

/* False: `fault` says why. To be closed in any case. */
bool trace_open(struct trace *trace, const char *path);
/* The next call, or a thread's end. False: it was the last one; or there is a fault. */
bool trace_next(struct trace *trace, struct trace_event *event);
/* From the first call on again. */
bool trace_rewind(struct trace *trace);
void trace_close(struct trace *trace);

/* For the parts of the reader: set `fault` to "NAME: at OFFSET: ..."; returns false. */
bool trace_fail(struct trace *trace, const char *where, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Whether a call is one that can have been. Else what is wrong with it. */
const char *trace_event_fault(const struct trace_event *event);
/* The bytes that a call asked for; at most TRACE_BYTES_MAX if it got a block. */
uint64_t trace_event_bytes(const struct trace_event *event);

#endif
