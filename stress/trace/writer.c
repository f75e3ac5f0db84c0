/* See writer.h. A thread's chunk goes to the file when it is full; what is left goes in the order
 * of the threads. */
#include "writer.h"

#include "encode.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 16, THREADS_FIRST = 64 };

struct trace_writer_chunk {
	uint32_t used;
	struct trace_last last;
	union {
		struct trace_chunk head;
		unsigned char data[CHUNK_BYTES];
	};
};

static bool fail(struct trace_writer *writer, const char *fault)
{
	writer->fault = fault;
	return false;
}

bool trace_writer_begin(struct trace_writer *writer, FILE *out, const struct trace_head *head)
{
	static const char zeros[TRACE_HEAD_BYTES];

	*writer = (struct trace_writer){ .out = out };
	if (fwrite(head, sizeof *head, 1, out) == 1 &&
	    fwrite(zeros, sizeof zeros - sizeof *head, 1, out) == 1)
		return true;
	return fail(writer, "the head can't be written");
}

static struct trace_writer_chunk **find(struct trace_writer *writer, uint32_t thread)
{
	if (thread >= writer->threads) {
		size_t more = writer->threads == 0 ? THREADS_FIRST : writer->threads;

		while (more <= thread)
			more *= 2;
		void *moved = realloc(writer->of, more * sizeof *writer->of);
		if (moved == NULL)
			return NULL;
		writer->of = moved;
		memset(writer->of + writer->threads, 0,
		       (more - writer->threads) * sizeof *writer->of);
		writer->threads = more;
	}
	return &writer->of[thread];
}

/* As a chunk that can be shorter than it was planned: the rest of its last page is zero. */
static bool flush(struct trace_writer *writer, struct trace_writer_chunk *chunk)
{
	uint32_t bytes =
	    (chunk->used + TRACE_GRAIN_BYTES - 1) / TRACE_GRAIN_BYTES * TRACE_GRAIN_BYTES;

	memset(chunk->data + chunk->used, 0, bytes - chunk->used);
	chunk->head.bytes = bytes;
	chunk->head.used = chunk->used;
	if (fwrite(chunk->data, bytes, 1, writer->out) == 1)
		return true;
	return fail(writer, "a chunk can't be written");
}

static void start(struct trace_writer_chunk *chunk, const struct trace_event *event)
{
	struct trace_event mark = { .function = TRACE_THREAD,
		                    .time_ns = event->time_ns,
		                    .size = event->thread };

	chunk->head = (struct trace_chunk){ .magic = TRACE_CHUNK_MAGIC,
		                            .time_ns = event->time_ns,
		                            .address = chunk->last.address };
	chunk->last.time_ns = event->time_ns;
	chunk->used =
	    (uint32_t)(trace_encode(chunk->data + sizeof chunk->head, &chunk->last, &mark) -
	               chunk->data);
}

bool trace_writer_add(struct trace_writer *writer, const struct trace_event *event)
{
	struct trace_writer_chunk **place = find(writer, event->thread);

	if (place == NULL)
		return fail(writer, "no memory for so many threads");
	if (*place == NULL) {
		*place = calloc(1, sizeof **place);
		if (*place == NULL)
			return fail(writer, "no memory for another thread");
	}
	struct trace_writer_chunk *chunk = *place;
	if (event->time_ns < chunk->last.time_ns)
		return fail(writer, "a call begins before the last one of its thread was over");
	if (chunk->used > CHUNK_BYTES - TRACE_EVENT_MAX_BYTES) {
		if (!flush(writer, chunk))
			return false;
		chunk->used = 0;
	}
	if (chunk->used == 0)
		start(chunk, event);
	chunk->used =
	    (uint32_t)(trace_encode(chunk->data + chunk->used, &chunk->last, event) - chunk->data);
	return true;
}

bool trace_writer_end(struct trace_writer *writer)
{
	for (size_t i = 0; i < writer->threads; i++) {
		if (writer->of[i] != NULL && writer->of[i]->used > 0 && writer->fault == NULL)
			flush(writer, writer->of[i]);
		free(writer->of[i]);
	}
	free(writer->of);
	writer->of = NULL;
	writer->threads = 0;
	return writer->fault == NULL;
}
