/* Writes a trace in binary form from calls that come in the order of their times. What it writes
 * depends on the calls alone: a trace that was written by it comes back byte for byte when it is
 * turned into text and back.
 *
 * Touched by  one thread.
 */
#ifndef TRACE_WRITER_H
#define TRACE_WRITER_H

#include "format.h"

#include <stdbool.h>
#include <stdio.h>

struct trace_writer_chunk; /* of a thread, as long as it is not full */

struct trace_writer {
	FILE *out;
	struct trace_writer_chunk **of; /* by thread; NULL: none */
	size_t threads;
	const char *fault; /* NULL: none */
};

bool trace_writer_begin(struct trace_writer *writer, FILE *out, const struct trace_head *head);
/* False: `fault` says why. */
bool trace_writer_add(struct trace_writer *writer, const struct trace_event *event);
/* All that is not written yet. To be called in any case. */
bool trace_writer_end(struct trace_writer *writer);

#endif
