/* See stream.h. */
#include "stream.h"

#include <string.h>

static size_t lesser(size_t a, uint64_t b)
{
	return a < b ? a : (size_t)b;
}

/* The end of a line whose beginning may have come before: the place behind its LF, or NULL. */
static const char *find_line_end(const char *data, size_t bytes, bool cr_was_last)
{
	const char *at = data;
	const char *end = data + bytes;

	if (bytes > 0 && cr_was_last && *at == '\n')
		return at + 1;
	while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
		at++;
		if (at == end)
			return NULL;
		if (*at == '\n')
			return at + 1;
	}
	return NULL;
}

static enum stream_event feed_line(struct stream *stream, const char *data, size_t bytes,
                                   size_t *used)
{
	uint32_t had = stream->line_bytes;
	size_t taken = lesser(bytes, PROTOCOL_LINE_BYTES - had);
	bool cr_was_last = had > 0 && stream->line[had - 1] == '\r';
	const char *end = find_line_end(data, taken, cr_was_last);

	if (end != NULL)
		taken = (size_t)(end - data);
	memcpy(stream->line + had, data, taken);
	stream->line_bytes = had + (uint32_t)taken;
	*used = taken;
	if (end != NULL) {
		stream->line_was_given = true;
		return STREAM_HAS_LINE;
	}
	if (stream->line_bytes == PROTOCOL_LINE_BYTES) {
		stream->cr_was_last = stream->line[PROTOCOL_LINE_BYTES - 1] == '\r';
		stream->state = STREAM_DISCARD;
	}
	return STREAM_MORE;
}

static enum stream_event feed_discard(struct stream *stream, const char *data, size_t bytes,
                                      size_t *used)
{
	const char *end = find_line_end(data, bytes, stream->cr_was_last);

	if (end == NULL) {
		*used = bytes;
		if (bytes > 0)
			stream->cr_was_last = data[bytes - 1] == '\r';
		return STREAM_MORE;
	}
	*used = (size_t)(end - data);
	stream->state = STREAM_LINE;
	stream->line_bytes = 0;
	return STREAM_LINE_TOO_LONG;
}

static enum stream_event feed_body(struct stream *stream, const char *data, size_t bytes,
                                   size_t *used)
{
	uint64_t whole = stream->body_bytes + 2;
	size_t taken = lesser(bytes, whole - stream->body_read);

	memcpy(stream->body + stream->body_read, data, taken);
	stream->body_read += taken;
	*used = taken;
	if (stream->body_read < whole)
		return STREAM_MORE;
	bool ends = memcmp(stream->body + stream->body_bytes, "\r\n", 2) == 0;

	stream->state = STREAM_LINE;
	return ends ? STREAM_HAS_BODY : STREAM_HAS_WRONG_END;
}

static enum stream_event feed_skip(struct stream *stream, size_t bytes, size_t *used)
{
	size_t taken = lesser(bytes, stream->skip_bytes);

	stream->skip_bytes -= taken;
	*used = taken;
	if (stream->skip_bytes > 0)
		return STREAM_MORE;
	stream->state = STREAM_LINE;
	return STREAM_SKIPPED;
}

enum stream_event stream_feed(struct stream *stream, const char *data, size_t bytes, size_t *used)
{
	size_t all_used = 0;
	enum stream_event event;

	/* A line that becomes too long goes on as one that is thrown away, within one call. */
	do {
		size_t step = 0;

		if (stream->line_was_given) {
			stream->line_was_given = false;
			stream->line_bytes = 0;
		}
		switch (stream->state) {
		case STREAM_LINE:
			event = feed_line(stream, data + all_used, bytes - all_used, &step);
			break;
		case STREAM_DISCARD:
			event = feed_discard(stream, data + all_used, bytes - all_used, &step);
			break;
		case STREAM_BODY:
			event = feed_body(stream, data + all_used, bytes - all_used, &step);
			break;
		default:
			event = feed_skip(stream, bytes - all_used, &step);
			break;
		}
		all_used += step;
	} while (event == STREAM_MORE && all_used < bytes);
	*used = all_used;
	return event;
}

void stream_expect_body(struct stream *stream, char *body, uint32_t body_bytes)
{
	stream->state = STREAM_BODY;
	stream->line_bytes = 0;
	stream->body = body;
	stream->body_bytes = body_bytes;
	stream->body_read = 0;
}

void stream_expect_skip(struct stream *stream, uint32_t body_bytes)
{
	stream->state = STREAM_SKIP;
	stream->line_bytes = 0;
	stream->skip_bytes = (uint64_t)body_bytes + 2;
}

void stream_skip_rest(struct stream *stream)
{
	stream->state = STREAM_SKIP;
	stream->skip_bytes = stream->body_bytes + 2 - stream->body_read;
}

bool stream_is_valid(const struct stream *stream)
{
	if (stream->line_bytes > PROTOCOL_LINE_BYTES)
		return false;
	if (stream->state == STREAM_BODY)
		return stream->body != NULL && stream->body_read < stream->body_bytes + 2;
	return stream->state != STREAM_SKIP || stream->skip_bytes > 0;
}
