/* The listening socket: who comes is let in, turned away where there is no room, and where the
 * system has nothing left for the moment, left waiting for that moment.
 *
 * Touched by  one thread, worker 0 of the server.
 */
#ifndef JOBD_ACCEPTOR_H
#define JOBD_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

struct acceptor {
	int listen_fd;
	int spare_fd; /* given up for a moment to accept and end what there is no descriptor for */
	int fd_end;   /* no connection's descriptor is that or above */
	int epoll_fd;
	void *mark;           /* of its events there */
	int64_t resume_at_ms; /* 0: it listens; else not before then */
};

enum { ACCEPTOR_PAUSE_MS = 100 };

/* Listen, having printed the address and port to standard output. `more_fds`: as many descriptors
 * are yet to be opened that are no connection's. False, after a message. */
bool acceptor_open(struct acceptor *acceptor, const char *address, uint16_t port, int more_fds);
/* Events come to that epoll, as EPOLLIN with `mark`. */
bool acceptor_watch(struct acceptor *acceptor, int epoll_fd, void *mark);
void acceptor_close(struct acceptor *acceptor);

/* Each that waits to `take`, for a bounded while: false: there are too many, and it is told so. */
void acceptor_run(struct acceptor *acceptor, bool (*take)(void *context, int fd), void *context);
/* How long epoll may sleep at most; -1: for ever. */
int acceptor_wait_ms(const struct acceptor *acceptor);
/* Listen again, if it is time. To be called when epoll has slept. */
void acceptor_resume(struct acceptor *acceptor);

#endif
