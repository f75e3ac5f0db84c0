/* The bytes of a connection, cut into command lines and job bodies.
 *
 * Pure, like protocol.h: bytes come in as they arrive, in any pieces; out come lines, and bodies in
 * buffers that the caller provides. Bounded: a line that does not end is thrown away as it comes.
 *
 * Touched by  the thread that has the connection.
 * Invariant   line_bytes <= PROTOCOL_LINE_BYTES; body_read <= body_bytes + 2 (CR and LF).
 */
#ifndef JOBD_STREAM_H
#define JOBD_STREAM_H

#include "protocol.h"

#include <stdbool.h>

enum stream_state {
	STREAM_LINE,
	STREAM_BODY,
	STREAM_SKIP,    /* a body that is not wanted */
	STREAM_DISCARD, /* the rest of a line that is too long */
};

enum stream_event {
	STREAM_MORE,          /* all bytes are used up: give more */
	STREAM_HAS_LINE,      /* `line`, of `line_bytes`; valid until the next call */
	STREAM_LINE_TOO_LONG, /* its end has come */
	STREAM_HAS_BODY,      /* `body` is complete, and the caller's again */
	STREAM_HAS_WRONG_END, /* the same, but no CR and LF is behind the body */
	STREAM_SKIPPED,
};

struct stream {
	enum stream_state state;
	bool line_was_given; /* by the last call: `line` starts anew */
	bool cr_was_last;    /* of a line that is thrown away */
	uint32_t line_bytes;
	char *body;
	uint64_t body_bytes;
	uint64_t body_read;
	uint64_t skip_bytes; /* still to come */
	char line[PROTOCOL_LINE_BYTES];
};

/* All zero is a stream that waits for a line. */

/* Take some of `data`; `*used` says how many bytes. Call again with the rest until STREAM_MORE. */
enum stream_event stream_feed(struct stream *stream, const char *data, size_t bytes, size_t *used);

/* After STREAM_HAS_LINE: what comes is a body. `body` has room for body_bytes + 2. */
void stream_expect_body(struct stream *stream, char *body, uint32_t body_bytes);
/* The same, but it is thrown away; the CR and LF behind it, too, whatever it is. */
void stream_expect_skip(struct stream *stream, uint32_t body_bytes);
/* While a body is coming, between two calls of stream_feed: the rest of it is thrown away. */
void stream_skip_rest(struct stream *stream);
bool stream_is_valid(const struct stream *stream);

#endif
