/* The acceptor where the system has nothing left: it does not try again at once, nor leave clients
 * waiting for ever. */
#include "acceptor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int accept_error; /* 0: none */
static int errors_left;  /* then it is over */
static unsigned accepts;
static bool no_eventfd;
static unsigned taken;
static bool takes = true;
static char mark;

/* In the place of libc's. */
int accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags)
{
	accepts++;
	if (accept_error != 0 && errors_left > 0) {
		errors_left--;
		errno = accept_error;
		return -1;
	}
	return (int)syscall(SYS_accept4, fd, address, bytes, flags);
}

int eventfd(unsigned count, int flags)
{
	if (no_eventfd) {
		errno = ENFILE;
		return -1;
	}
	return (int)syscall(SYS_eventfd2, count, flags);
}

static bool take(void *context, int fd)
{
	cr_assert_eq(context, &mark);
	if (!takes)
		return false;
	taken++;
	close(fd);
	return true;
}

static int epoll_fd;

static void open_acceptor(struct acceptor *acceptor)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	cr_assert_geq(epoll_fd, 0);
	cr_assert(acceptor_open(acceptor, "127.0.0.1", 0, 10));
	cr_assert(acceptor_watch(acceptor, epoll_fd, &mark));
	cr_assert_eq(acceptor_wait_ms(acceptor), -1);
}

static int connect_to(const struct acceptor *acceptor)
{
	struct sockaddr_in address;
	socklen_t bytes = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(getsockname(acceptor->listen_fd, (struct sockaddr *)&address, &bytes), 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, bytes), 0);
	return fd;
}

/* Whether epoll says that somebody comes. */
static bool is_woken(int wait_ms)
{
	struct epoll_event event;

	if (epoll_wait(epoll_fd, &event, 1, wait_ms) != 1)
		return false;
	cr_assert_eq(event.data.ptr, &mark);
	return true;
}

static void assert_paused_and_resumed(struct acceptor *acceptor)
{
	int wait_ms = acceptor_wait_ms(acceptor);

	cr_assert(wait_ms >= 0 && wait_ms <= ACCEPTOR_PAUSE_MS, "%d", wait_ms);
	cr_assert_not(is_woken(0), "who waits wakes it");
	while ((wait_ms = acceptor_wait_ms(acceptor)) > 0)
		cr_assert_not(is_woken(wait_ms));
	acceptor_resume(acceptor);
	cr_assert_eq(acceptor_wait_ms(acceptor), -1);
	cr_assert(is_woken(0));
}

static void end(struct acceptor *acceptor, int client)
{
	close(client);
	acceptor_close(acceptor);
	close(epoll_fd);
}

static void wait_out(int error)
{
	struct acceptor acceptor;

	open_acceptor(&acceptor);
	int client = connect_to(&acceptor);

	cr_assert(is_woken(10000));
	accept_error = error;
	errors_left = 1000;
	accepts = 0;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_leq(accepts, 2);
	cr_assert_eq(taken, 0);
	assert_paused_and_resumed(&acceptor);
	accept_error = 0;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_eq(taken, 1);
	end(&acceptor, client);
}

Test(acceptor, waits_where_there_is_no_memory)
{
	wait_out(ENOMEM);
}

Test(acceptor, waits_where_there_are_no_buffers)
{
	wait_out(ENOBUFS);
}

Test(acceptor, waits_where_there_is_no_file_at_all)
{
	wait_out(ENFILE);
}

Test(acceptor, waits_where_it_does_not_know_what_is_wrong)
{
	wait_out(EINVAL);
}

/* The spare descriptor takes who waits. */
Test(acceptor, turns_away_without_a_descriptor)
{
	struct acceptor acceptor;
	char byte;

	open_acceptor(&acceptor);
	int client = connect_to(&acceptor);

	cr_assert(is_woken(10000));
	accept_error = EMFILE;
	errors_left = 1;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_eq(taken, 0);
	cr_assert_eq(read(client, &byte, 1), 0, "its end");
	cr_assert_eq(acceptor_wait_ms(&acceptor), -1);
	cr_assert_not(is_woken(0));
	end(&acceptor, client);
}

/* And is had again later, if others were faster once. */
Test(acceptor, does_without_its_spare)
{
	struct acceptor acceptor;
	char byte;

	open_acceptor(&acceptor);
	int client = connect_to(&acceptor);

	accept_error = ENFILE;
	errors_left = 1;
	no_eventfd = true;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_eq(read(client, &byte, 1), 0, "its end");
	cr_assert_lt(acceptor.spare_fd, 0);
	close(client);
	client = connect_to(&acceptor);
	errors_left = 1000;
	acceptor_run(&acceptor, take, &mark);
	assert_paused_and_resumed(&acceptor);
	no_eventfd = false;
	errors_left = 1;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_eq(read(client, &byte, 1), 0, "its end");
	cr_assert_geq(acceptor.spare_fd, 0);
	end(&acceptor, client);
}

/* One connection that failed does not hold up the next. */
Test(acceptor, goes_on_behind_one_that_failed)
{
	struct acceptor acceptor;

	open_acceptor(&acceptor);
	int client = connect_to(&acceptor);

	cr_assert(is_woken(10000));
	accept_error = ECONNABORTED;
	errors_left = 3;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_eq(taken, 1);
	cr_assert_eq(acceptor_wait_ms(&acceptor), -1);
	end(&acceptor, client);
}

Test(acceptor, says_that_there_are_too_many)
{
	struct acceptor acceptor;
	char said[32] = "";

	open_acceptor(&acceptor);
	int client = connect_to(&acceptor);

	cr_assert(is_woken(10000));
	takes = false;
	acceptor_run(&acceptor, take, &mark);
	cr_assert_eq(recv(client, said, sizeof said - 1, MSG_WAITALL), 15);
	cr_assert_str_eq(said, "OUT_OF_MEMORY\r\n");
	end(&acceptor, client);
}
