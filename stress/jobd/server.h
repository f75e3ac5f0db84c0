/* The server: a listening socket, workers with an epoll each, signals.
 *
 * Each connection belongs to one worker for its life; workers get them in turn. In each turn a
 * worker takes what epoll and its mailbox have, runs the connections concerned, commits the log
 * once for all of them, and sends their replies. Worker 0 also accepts, and watches the board's
 * timer and for signals: SIGTERM and SIGINT end the server. SIGUSR1 drains it, whichever thread it
 * comes to.
 */
#ifndef JOBD_SERVER_H
#define JOBD_SERVER_H

#include "board.h"

struct server_options {
	const char *address; /* numeric, IPv4 or IPv6 */
	uint16_t port;       /* 0: any that is free */
	unsigned workers;
	unsigned connections_max; /* more are turned away */
	int timer_fd;
};

enum { SERVER_WORKERS_MAX = 64 };

/* Serve until a signal ends it, having printed the address and port to standard output. False,
 * after a message: it did not begin. */
bool server_run(struct board *board, const struct server_options *options);
/* Block the signals that end the server, in the first thread, before there are others. */
void server_block_signals(void);

#endif
