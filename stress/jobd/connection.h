/* A connection: bytes in, commands done, replies out.
 *
 * Touched by  its worker (server.h) alone, but for the session, of which other threads take and set
 *             what board.h says.
 * Replies     are collected in `out`, and sent by the worker once the log's records that they
 *             depend on are written. A client that does not read its replies is not read from.
 */
#ifndef JOBD_CONNECTION_H
#define JOBD_CONNECTION_H

#include "board.h"
#include "stream.h"

struct connection {
	struct session session; /* first */
	struct board *board;
	int fd;
	/* What epoll has told. Edge-triggered: it is true until the system says otherwise. */
	bool is_readable;
	bool is_writable;
	bool is_half_closed; /* the client sends no more */
	bool is_waiting;     /* for a job; what the client sent after that stays in `input` */
	bool is_ending;      /* after its replies are sent */
	bool is_broken;      /* at once */
	bool is_to_run;      /* in its worker's list */
	struct stream stream;
	struct command put; /* whose body is awaited */
	uint64_t put_id;
	uint64_t put_charged; /* bytes of it */
	bool skip_is_too_big; /* the body that is skipped; else there was no memory for it */
	char *input;          /* of malloc; received, and not yet looked at */
	size_t input_bytes;
	size_t input_at;
	struct buffer out;
	/* Of `out`, what this turn's commands answer that depends on records of the log: how many
	 * answers, and how many bytes that wait are before them. */
	unsigned unsure;
	size_t sure_bytes;
	TAILQ_ENTRY(connection) to_run;
	TAILQ_ENTRY(connection) all;
};

enum { CONNECTION_SCRATCH_BYTES = 64 * 1024 };

/* NULL: no memory. The descriptor is non-blocking, and the connection's from now on. */
struct connection *connection_open(struct board *board, struct mailbox *mailbox, int fd);
void connection_close(struct connection *connection);
void connection_free(struct connection *connection);

/* Read and do commands, for a bounded while. `scratch` is the worker's. */
void connection_run(struct connection *connection, char *scratch);
/* Its session was in the mailbox. */
void connection_collect(struct connection *connection);
/* Its client sends no more. */
void connection_half_close(struct connection *connection);
/* Send what can be sent; `written`: records of the log up to that number are written. What depends
 * on others becomes INTERNAL_ERROR: it was done, and may be lost. */
void connection_flush(struct connection *connection, uint64_t written);
/* Whether there is something to do without waiting for an event. */
bool connection_can_run(const struct connection *connection);

/* execute.c: what the stream gave, done, and answered in `out`. */
void execute_line(struct connection *connection, const char *line, size_t bytes);
void execute_bad_line(struct connection *connection);
void execute_skipped(struct connection *connection);
/* More of the body in the stream has arrived, not all. */
void execute_more_put(struct connection *connection);
/* The body in the stream is complete; or has no CR and LF behind it; or will never be complete. */
void execute_put(struct connection *connection);
void execute_wrong_put(struct connection *connection);
void execute_end_put(struct connection *connection);

#endif
