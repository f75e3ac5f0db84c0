/* See acceptor.h. */
#include "acceptor.h"

#include "descriptors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, LISTEN_BACKLOG = 1024 };

static bool start_listening(struct acceptor *acceptor, const char *address, uint16_t number)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE,
		                  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	struct sockaddr_storage bound;
	socklen_t bound_bytes = sizeof bound;
	char port[8], host[INET6_ADDRSTRLEN];
	int one = 1;

	snprintf(port, sizeof port, "%u", number);
	if (getaddrinfo(address, port, &hints, &found) != 0) {
		fprintf(stderr, "tide-jobd: -l %s: not a numeric address\n", address);
		return false;
	}
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool is_bound =
	    fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0;

	acceptor->listen_fd = fd;
	freeaddrinfo(found);
	if (!is_bound) {
		fprintf(stderr, "tide-jobd: -l %s -p %s: %s\n", address, port, strerror(errno));
		return false;
	}
	getsockname(fd, (struct sockaddr *)&bound, &bound_bytes);
	getnameinfo((struct sockaddr *)&bound, bound_bytes, host, sizeof host, port, sizeof port,
	            NI_NUMERICHOST | NI_NUMERICSERV);
	printf("tide-jobd: %s %s\n", host, port);
	fflush(stdout);
	return true;
}

bool acceptor_open(struct acceptor *acceptor, const char *address, uint16_t port, int more_fds)
{
	*acceptor = (struct acceptor){ .listen_fd = -1, .epoll_fd = -1 };
	acceptor->spare_fd = eventfd(0, EFD_CLOEXEC);
	if (acceptor->spare_fd < 0) {
		fprintf(stderr, "tide-jobd: can't start: %s\n", strerror(errno));
		return false;
	}
	/* The listening socket comes yet. */
	acceptor->fd_end = descriptors_for_connections(acceptor->spare_fd + 2 + more_fds);
	return acceptor->fd_end >= 0 && start_listening(acceptor, address, port);
}

static bool watch(struct acceptor *acceptor, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = acceptor->mark };

	return epoll_ctl(acceptor->epoll_fd, operation, acceptor->listen_fd, &event) == 0;
}

bool acceptor_watch(struct acceptor *acceptor, int epoll_fd, void *mark)
{
	acceptor->epoll_fd = epoll_fd;
	acceptor->mark = mark;
	return watch(acceptor, EPOLL_CTL_ADD, EPOLLIN);
}

void acceptor_close(struct acceptor *acceptor)
{
	close(acceptor->listen_fd);
	if (acceptor->spare_fd >= 0)
		close(acceptor->spare_fd);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Who waits in the queue would wake us for ever, and nothing can be done for a while. */
static void pause_accepting(struct acceptor *acceptor)
{
	if (watch(acceptor, EPOLL_CTL_MOD, 0))
		acceptor->resume_at_ms = now_ms() + ACCEPTOR_PAUSE_MS;
}

/* Out of descriptors: the client must not be left in the queue. False: it is. */
static bool turn_away(struct acceptor *acceptor)
{
	if (acceptor->spare_fd < 0)
		acceptor->spare_fd = eventfd(0, EFD_CLOEXEC);
	if (acceptor->spare_fd < 0)
		return false;
	close(acceptor->spare_fd);
	int fd = accept4(acceptor->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	bool is_taken = fd >= 0 || errno == EAGAIN || errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	acceptor->spare_fd = eventfd(0, EFD_CLOEXEC);
	return is_taken;
}

/* In the protocol's words; if they don't get through, the end of the connection does. */
static void refuse(int fd)
{
	static const char words[] = "OUT_OF_MEMORY\r\n";
	ssize_t sent = send(fd, words, sizeof words - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
	close(fd);
}

/* What accept says of one connection, or of a network that it came by; the next may be in order. */
static bool is_of_one_connection(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

void acceptor_run(struct acceptor *acceptor, bool (*take)(void *context, int fd), void *context)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(acceptor->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			if (fd >= acceptor->fd_end || !take(context, fd))
				refuse(fd);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE) {
			if (!turn_away(acceptor)) {
				pause_accepting(acceptor);
				return;
			}
		} else if (!is_of_one_connection(errno)) {
			pause_accepting(acceptor);
			return;
		}
	}
}

int acceptor_wait_ms(const struct acceptor *acceptor)
{
	if (acceptor->resume_at_ms == 0)
		return -1;
	int64_t left_ms = acceptor->resume_at_ms - now_ms();

	return left_ms > 0 ? (int)left_ms : 0;
}

void acceptor_resume(struct acceptor *acceptor)
{
	if (acceptor->resume_at_ms != 0 && now_ms() >= acceptor->resume_at_ms &&
	    watch(acceptor, EPOLL_CTL_MOD, EPOLLIN))
		acceptor->resume_at_ms = 0;
}
