/* See chunks.h. A chunk is read when the time of its first call has come, and let go after its last
 * one: what is in memory is what was being written at one time. */
#include "chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_FIRST = 64 };

struct trace_piece {
	uint64_t offset;
	struct trace_chunk chunk;
};

struct trace_cursor {
	uint64_t offset; /* of the chunk in the file */
	uint32_t at, used;
	uint32_t thread;
	struct trace_last last;
	struct trace_event event; /* the next one */
	unsigned char data[];     /* of the chunk, `used` of it */
};

/* ---- where the chunks are */

static bool chunk_is_right(struct trace *trace, uint64_t offset, const struct trace_chunk *chunk)
{
	uint64_t left = trace->file_bytes - offset;

	if (chunk->magic != TRACE_CHUNK_MAGIC)
		return trace_fail(trace, "at", offset, "no chunk begins here");
	if (chunk->bytes < TRACE_GRAIN_BYTES || chunk->bytes > TRACE_CHUNK_MAX_BYTES ||
	    chunk->bytes % TRACE_GRAIN_BYTES != 0)
		return trace_fail(trace, "at", offset + offsetof(struct trace_chunk, bytes),
		                  "a chunk of %u bytes: not a multiple of %d from %d to %d",
		                  chunk->bytes, TRACE_GRAIN_BYTES, TRACE_GRAIN_BYTES,
		                  TRACE_CHUNK_MAX_BYTES);
	if (chunk->bytes > left)
		return trace_fail(trace, "at", trace->file_bytes,
		                  "the file is cut off: its last chunk, at %llu, ends at %llu",
		                  (unsigned long long)offset,
		                  (unsigned long long)(offset + chunk->bytes));
	if (chunk->used < sizeof *chunk || chunk->used > chunk->bytes)
		return trace_fail(trace, "at", offset + offsetof(struct trace_chunk, used),
		                  "a chunk is filled with %u bytes: not from %zu to %u",
		                  chunk->used, sizeof *chunk, chunk->bytes);
	if (chunk->time_ns > TRACE_TIME_MAX)
		return trace_fail(trace, "at", offset + offsetof(struct trace_chunk, time_ns),
		                  "a chunk begins beyond 2^62 ns");
	return true;
}

static bool piece_add(struct trace *trace, uint64_t offset, const struct trace_chunk *chunk)
{
	size_t room = trace->pieces;

	if (room == 0 || (room >= PIECES_FIRST && (room & (room - 1)) == 0)) {
		size_t more = room == 0 ? PIECES_FIRST : 2 * room;
		void *moved = realloc(trace->piece, more * sizeof *trace->piece);

		if (moved == NULL)
			return trace_fail(trace, "at", offset, "no memory for so many chunks");
		trace->piece = moved;
	}
	trace->piece[trace->pieces++] = (struct trace_piece){ .offset = offset, .chunk = *chunk };
	trace->call_bytes += chunk->used - sizeof *chunk;
	return true;
}

static int piece_compare(const void *a, const void *b)
{
	const struct trace_piece *one = a, *other = b;

	if (one->chunk.time_ns != other->chunk.time_ns)
		return one->chunk.time_ns < other->chunk.time_ns ? -1 : 1;
	return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static bool read_at(struct trace *trace, uint64_t offset, void *into, size_t bytes)
{
	errno = 0;
	if (fseek(trace->file, (long)offset, SEEK_SET) == 0 &&
	    fread(into, 1, bytes, trace->file) == bytes)
		return true;
	return trace_fail(trace, "at", offset, "%zu bytes can't be read: %s", bytes,
	                  errno != 0 ? strerror(errno) : "the file has become shorter");
}

bool chunks_find(struct trace *trace)
{
	uint64_t offset = TRACE_HEAD_BYTES;

	if (trace->file_bytes < offset)
		return trace_fail(trace, "at", trace->file_bytes,
		                  "the file is cut off: its head ends at %llu",
		                  (unsigned long long)offset);
	while (offset + sizeof(struct trace_chunk) <= trace->file_bytes) {
		struct trace_chunk chunk;

		if (!read_at(trace, offset, &chunk, sizeof chunk))
			return false;
		/* The process was killed between its getting of room and the writing of its
		 * head. */
		if (chunk.magic == 0 && chunk.used <= sizeof chunk) {
			offset += TRACE_GRAIN_BYTES;
			continue;
		}
		if (!chunk_is_right(trace, offset, &chunk) || !piece_add(trace, offset, &chunk))
			return false;
		offset += chunk.bytes;
	}
	if (offset < trace->file_bytes)
		return trace_fail(trace, "at", offset, "the file is cut off in a chunk's head");
	if (trace->pieces > 1)
		qsort(trace->piece, trace->pieces, sizeof *trace->piece, piece_compare);
	trace->heap = calloc(trace->pieces + 1, sizeof(void *));
	return trace->heap != NULL ||
	       trace_fail(trace, "at", 0, "no memory for %zu chunks", trace->pieces);
}

/* ---- calls of a chunk */

static bool get_number(struct trace_cursor *cursor, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; shift < 64 && cursor->at < cursor->used; shift += 7) {
		unsigned char byte = cursor->data[cursor->at++];

		if (shift == 63 && byte > 1)
			return false;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static bool get_address(struct trace_cursor *cursor, unsigned shift, uint64_t *address)
{
	uint64_t number;

	*address = 0;
	if (!get_number(cursor, &number))
		return false;
	if (number == 0)
		return true;
	number--;
	*address = cursor->last.address + (((number >> 1) ^ (0 - (number & 1))) << shift);
	cursor->last.address = *address;
	return *address != 0;
}

static bool get_parts(struct trace_cursor *cursor, struct trace_event *event, bool in_bytes)
{
	unsigned parts = trace_parts(event->function), shift = in_bytes ? 0 : TRACE_UNIT_SHIFT;

	return get_number(cursor, &event->time_ns) &&
	       ((parts & TRACE_OLD) == 0 || get_address(cursor, shift, &event->old)) &&
	       ((parts & TRACE_ALIGN) == 0 || get_number(cursor, &event->align)) &&
	       ((parts & TRACE_COUNT) == 0 || get_number(cursor, &event->count)) &&
	       ((parts & TRACE_SIZE) == 0 || get_number(cursor, &event->size)) &&
	       ((parts & TRACE_RESULT) == 0 || get_address(cursor, shift, &event->result)) &&
	       ((parts & TRACE_TOOK) == 0 || get_number(cursor, &event->took_ns));
}

/* 1: there is one more in `cursor->event`; 0: there is none; -1: a fault. */
static int decode(struct trace *trace, struct trace_cursor *cursor)
{
	struct trace_event *event = &cursor->event;

	while (cursor->at < cursor->used) {
		uint64_t offset = cursor->offset + cursor->at;
		unsigned head = cursor->data[cursor->at++];

		*event = (struct trace_event){ .function = head & TRACE_FUNCTION_MASK };
		if (event->function == TRACE_NONE || event->function >= TRACE_FUNCTIONS ||
		    (head & ~(unsigned)(TRACE_FUNCTION_MASK | TRACE_IN_BYTES)) != 0) {
			trace_fail(trace, "at", offset,
			           "no call begins with the byte %u: functions are 1 to %d", head,
			           TRACE_FUNCTIONS - 1);
			return -1;
		}
		if (!get_parts(cursor, event, (head & TRACE_IN_BYTES) != 0)) {
			trace_fail(trace, "at", offset,
			           "a number of this call is no varint of 64 bits, or goes beyond "
			           "what is filled of its chunk, which ends at %llu",
			           (unsigned long long)(cursor->offset + cursor->used));
			return -1;
		}
		const char *fault = event->time_ns > TRACE_TIME_MAX - cursor->last.time_ns
		                        ? "a time beyond 2^62 ns"
		                        : NULL;
		event->time_ns += cursor->last.time_ns;
		if (fault == NULL)
			fault = trace_event_fault(event);
		if (event->function == TRACE_THREAD)
			cursor->thread = (uint32_t)event->size;
		if (event->function == TRACE_THREAD &&
		    (event->size == 0 || event->size > TRACE_THREADS_MAX))
			fault = "a thread's number that is not from 1 to 2^20";
		if (fault == NULL && cursor->thread == 0)
			fault = "a call before the mark of its thread";
		if (fault != NULL) {
			trace_fail(trace, "at", offset, "%s", fault);
			return -1;
		}
		cursor->last.time_ns = event->time_ns + event->took_ns;
		event->thread = cursor->thread;
		if (event->function != TRACE_THREAD)
			return 1;
	}
	return 0;
}

/* ---- the order of calls */

static bool is_earlier(const struct trace_cursor *one, const struct trace_cursor *other)
{
	const struct trace_event *a = &one->event, *b = &other->event;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns;
	return a->thread != b->thread ? a->thread < b->thread : one->offset < other->offset;
}

static void sift_down(struct trace *trace)
{
	size_t at = 0;

	for (;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < trace->cursors &&
			    is_earlier(trace->heap[child], trace->heap[least]))
				least = child;
		}
		if (least == at)
			return;
		struct trace_cursor *moved = trace->heap[at];
		trace->heap[at] = trace->heap[least];
		trace->heap[least] = moved;
		at = least;
	}
}

static void sift_up(struct trace *trace, size_t at)
{
	while (at > 0 && is_earlier(trace->heap[at], trace->heap[(at - 1) / 2])) {
		struct trace_cursor *moved = trace->heap[at];

		trace->heap[at] = trace->heap[(at - 1) / 2];
		trace->heap[(at - 1) / 2] = moved;
		at = (at - 1) / 2;
	}
}

static bool piece_open(struct trace *trace, const struct trace_piece *piece)
{
	struct trace_cursor *cursor = malloc(sizeof *cursor + piece->chunk.used);

	if (cursor == NULL)
		return trace_fail(trace, "at", piece->offset, "no memory for this chunk");
	*cursor = (struct trace_cursor){
		.offset = piece->offset,
		.at = sizeof piece->chunk,
		.used = piece->chunk.used,
		.last = { piece->chunk.time_ns, piece->chunk.address },
	};
	int more = read_at(trace, piece->offset, cursor->data, piece->chunk.used)
	               ? decode(trace, cursor)
	               : -1;
	if (more <= 0) {
		free(cursor);
		return more == 0;
	}
	trace->heap[trace->cursors++] = cursor;
	sift_up(trace, trace->cursors - 1);
	return true;
}

bool chunks_next(struct trace *trace, struct trace_event *event)
{
	while (trace->piece_next < trace->pieces &&
	       (trace->cursors == 0 ||
	        trace->piece[trace->piece_next].chunk.time_ns <= trace->heap[0]->event.time_ns)) {
		if (!piece_open(trace, &trace->piece[trace->piece_next++]))
			return false;
	}
	if (trace->cursors == 0)
		return false;
	struct trace_cursor *cursor = trace->heap[0];
	*event = cursor->event;
	int more = decode(trace, cursor);
	if (more < 0)
		return false;
	if (more == 0) {
		trace->heap[0] = trace->heap[--trace->cursors];
		free(cursor);
	}
	sift_down(trace);
	return true;
}

void chunks_rewind(struct trace *trace)
{
	for (size_t i = 0; i < trace->cursors; i++)
		free(trace->heap[i]);
	trace->cursors = trace->piece_next = 0;
}
