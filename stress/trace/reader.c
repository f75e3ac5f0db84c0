/* See reader.h. */
#include "reader.h"

#include "chunks.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool trace_fail(struct trace *trace, const char *where, uint64_t offset, const char *format, ...)
{
	va_list list;
	int used = snprintf(trace->fault, sizeof trace->fault, "%.200s: %s %llu: ", trace->name,
	                    where, (unsigned long long)offset);

	va_start(list, format);
	vsnprintf(trace->fault + used, sizeof trace->fault - (size_t)used, format, list);
	va_end(list);
	return false;
}

uint64_t trace_event_bytes(const struct trace_event *event)
{
	uint64_t bytes = event->size;

	if ((trace_parts(event->function) & TRACE_COUNT) != 0 &&
	    __builtin_mul_overflow(event->size, event->count, &bytes))
		return UINT64_MAX;
	return bytes;
}

const char *trace_event_fault(const struct trace_event *event)
{
	if (event->time_ns > TRACE_TIME_MAX || event->took_ns > TRACE_TIME_MAX)
		return "a time beyond 2^62 ns";
	if (event->result == 0)
		return NULL;
	if (trace_event_bytes(event) > TRACE_BYTES_MAX)
		return "a block of more than 2^47 bytes";
	if (event->align > TRACE_ALIGN_MAX)
		return "a block with an alignment above 2^40";
	return NULL;
}

static bool head_read(struct trace *trace)
{
	struct trace_head *head = &trace->head;
	size_t got = fread(head, 1, sizeof *head, trace->file);

	if (got >= sizeof TRACE_TEXT_MAGIC - 1 &&
	    memcmp(head, TRACE_TEXT_MAGIC, sizeof TRACE_TEXT_MAGIC - 1) == 0) {
		trace->is_text = true;
		return text_head_read(trace);
	}
	if (got < sizeof *head)
		return trace_fail(trace, "at", got,
		                  "the file ends in its head, which takes %zu bytes", sizeof *head);
	if (memcmp(head->magic, TRACE_MAGIC, sizeof head->magic) != 0)
		return trace_fail(trace, "at", 0,
		                  "not a trace: it begins neither with '%s' nor with '%s'",
		                  TRACE_MAGIC, TRACE_TEXT_MAGIC);
	if (head->version != TRACE_VERSION)
		return trace_fail(trace, "at", offsetof(struct trace_head, version),
		                  "version %u; this program reads %d", head->version,
		                  TRACE_VERSION);
	if (head->head_bytes != TRACE_HEAD_BYTES)
		return trace_fail(trace, "at", offsetof(struct trace_head, head_bytes),
		                  "a head of %u bytes instead of %d", head->head_bytes,
		                  TRACE_HEAD_BYTES);
	if (memchr(head->program, '\0', sizeof head->program) == NULL)
		return trace_fail(trace, "at", offsetof(struct trace_head, program),
		                  "the program's name does not end within %d bytes",
		                  TRACE_PROGRAM_BYTES);
	return chunks_find(trace);
}

bool trace_open(struct trace *trace, const char *path)
{
	*trace = (struct trace){ 0 };
	snprintf(trace->name, sizeof trace->name, "%s", path);
	trace->file = fopen(path, "re");
	if (trace->file == NULL || fseek(trace->file, 0, SEEK_END) != 0) {
		snprintf(trace->fault, sizeof trace->fault, "%.200s: %s", path, strerror(errno));
		return false;
	}
	trace->file_bytes = (uint64_t)ftell(trace->file);
	rewind(trace->file);
	return head_read(trace);
}

bool trace_next(struct trace *trace, struct trace_event *event)
{
	if (trace->fault[0] != '\0')
		return false;
	return trace->is_text ? text_next(trace, event) : chunks_next(trace, event);
}

bool trace_rewind(struct trace *trace)
{
	if (trace->fault[0] != '\0')
		return false;
	if (trace->is_text)
		return text_head_read(trace);
	chunks_rewind(trace);
	return true;
}

void trace_close(struct trace *trace)
{
	chunks_rewind(trace);
	free(trace->piece);
	free(trace->heap);
	if (trace->file != NULL)
		fclose(trace->file);
	*trace = (struct trace){ 0 };
}
