/* See connection.h. */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	OUT_BYTES_MAX = 256 * 1024, /* more replies than that wait for the client to read */
	OUT_BYTES_KEPT = 1024,
	RUN_BYTES_MAX = CONNECTION_SCRATCH_BYTES, /* then others have their turn */
	BODY_PIECE_BYTES = 256 * 1024,            /* received before they are charged */
};

struct connection *connection_open(struct board *board, struct mailbox *mailbox, int fd)
{
	struct connection *connection = calloc(1, sizeof *connection);

	if (connection == NULL)
		return NULL;
	if (!board_open(board, &connection->session, mailbox)) {
		free(connection);
		return NULL;
	}
	connection->board = board;
	connection->fd = fd;
	connection->is_writable = true;
	return connection;
}

void connection_close(struct connection *connection)
{
	if (connection->stream.state == STREAM_BODY)
		execute_end_put(connection);
	board_close(connection->board, &connection->session);
	close(connection->fd);
	connection->fd = -1;
}

void connection_free(struct connection *connection)
{
	free(connection->input);
	buffer_clear(&connection->out, 0);
	free(connection);
}

static bool is_held_up(const struct connection *connection)
{
	return connection->is_waiting || connection->is_ending || connection->is_broken ||
	       buffer_left(&connection->out) > OUT_BYTES_MAX;
}

bool connection_can_run(const struct connection *connection)
{
	return !is_held_up(connection) &&
	       (connection->is_readable || connection->input_at < connection->input_bytes);
}

/* After a command, or what is left of one: whether its answer is a promise. */
static void note_answer(struct connection *connection, uint64_t record_before, size_t left_before)
{
	if (connection->unsure == 0 && connection->session.record == record_before)
		return;
	if (connection->unsure == 0)
		connection->sure_bytes = left_before;
	connection->unsure += buffer_left(&connection->out) != left_before;
}

/* Do what the bytes say, until they are used up or something must be waited for. Returns how many
 * were used. */
static size_t take(struct connection *connection, const char *data, size_t bytes)
{
	struct stream *stream = &connection->stream;
	size_t all_used = 0;

	while (all_used < bytes && !is_held_up(connection)) {
		uint64_t record = connection->session.record;
		size_t used, left = buffer_left(&connection->out);

		switch (stream_feed(stream, data + all_used, bytes - all_used, &used)) {
		case STREAM_MORE:
			if (stream->state == STREAM_BODY)
				execute_more_put(connection);
			break;
		case STREAM_HAS_LINE:
			execute_line(connection, stream->line, stream->line_bytes - 2);
			break;
		case STREAM_LINE_TOO_LONG:
			execute_bad_line(connection);
			break;
		case STREAM_HAS_BODY:
			execute_put(connection);
			break;
		case STREAM_HAS_WRONG_END:
			execute_wrong_put(connection);
			break;
		case STREAM_SKIPPED:
			execute_skipped(connection);
			break;
		}
		note_answer(connection, record, left);
		all_used += used;
	}
	return all_used;
}

/* What was received and can't be used yet. */
static void keep(struct connection *connection, const char *data, size_t bytes)
{
	if (bytes == 0)
		return;
	connection->input = malloc(bytes);
	if (connection->input == NULL) {
		connection->is_broken = true;
		return;
	}
	memcpy(connection->input, data, bytes);
	connection->input_bytes = bytes;
	connection->input_at = 0;
}

static void take_kept(struct connection *connection)
{
	connection->input_at += take(connection, connection->input + connection->input_at,
	                             connection->input_bytes - connection->input_at);
	if (connection->input_at == connection->input_bytes) {
		free(connection->input);
		connection->input = NULL;
		connection->input_bytes = connection->input_at = 0;
	}
}

/* A body that is much longer than the scratch goes straight where it belongs. */
static bool receive_body(struct connection *connection, ssize_t *received)
{
	struct stream *stream = &connection->stream;

	if (stream->state != STREAM_BODY ||
	    stream->body_bytes + 2 - stream->body_read <= CONNECTION_SCRATCH_BYTES)
		return false;
	/* All but its last bytes, with which the stream ends it. */
	uint64_t wanted = stream->body_bytes - stream->body_read;

	if (wanted > BODY_PIECE_BYTES)
		wanted = BODY_PIECE_BYTES;
	*received = recv(connection->fd, stream->body + stream->body_read, wanted, 0);
	if (*received > 0) {
		stream->body_read += (uint64_t)*received;
		execute_more_put(connection);
	}
	return true;
}

/* False: nothing to be had now. */
static bool receive(struct connection *connection, char *scratch, size_t *bytes)
{
	ssize_t received;
	bool is_body = receive_body(connection, &received);

	if (!is_body)
		received = recv(connection->fd, scratch, CONNECTION_SCRATCH_BYTES, 0);
	if (received < 0) {
		connection->is_readable = false;
		connection->is_broken = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
		if (errno == EINTR)
			connection->is_readable = true;
		return false;
	}
	if (received == 0) {
		connection->is_ending = true;
		return false;
	}
	*bytes = (size_t)received;
	if (!is_body) {
		size_t used = take(connection, scratch, *bytes);

		keep(connection, scratch + used, *bytes - used);
		/* A short read has emptied the socket; the next bytes are an event. The end of the
		 * stream is none that comes again. */
		if (*bytes < CONNECTION_SCRATCH_BYTES && !connection->is_half_closed)
			connection->is_readable = false;
	}
	return true;
}

void connection_run(struct connection *connection, char *scratch)
{
	size_t all_bytes = 0;

	while (all_bytes < RUN_BYTES_MAX && connection_can_run(connection)) {
		size_t bytes = connection->input_bytes - connection->input_at;

		if (bytes > 0)
			take_kept(connection);
		else if (!receive(connection, scratch, &bytes))
			break;
		all_bytes += bytes;
	}
}

void connection_half_close(struct connection *connection)
{
	connection->is_half_closed = true;
	connection->is_readable = true; /* up to its end */
	if (connection->is_waiting)
		board_stop_waiting(connection->board, &connection->session);
}

static void take_back(struct connection *connection)
{
	static const char error[] = "INTERNAL_ERROR\r\n";
	struct buffer *out = &connection->out;

	out->bytes = out->sent + connection->sure_bytes;
	for (unsigned i = 0; i < connection->unsure; i++)
		buffer_append(out, error, sizeof error - 1);
}

void connection_flush(struct connection *connection, uint64_t written)
{
	struct buffer *out = &connection->out;

	if (connection->unsure > 0 && connection->session.record > written)
		take_back(connection);
	connection->unsure = 0;
	if (out->no_memory)
		connection->is_broken = true;
	while (connection->is_writable && !connection->is_broken && buffer_left(out) > 0) {
		ssize_t sent =
		    send(connection->fd, out->data + out->sent, buffer_left(out), MSG_NOSIGNAL);

		if (sent >= 0)
			out->sent += (size_t)sent;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			connection->is_writable = false;
		else if (errno != EINTR)
			connection->is_broken = true;
	}
	if (buffer_left(out) == 0)
		buffer_clear(out, OUT_BYTES_KEPT);
}
