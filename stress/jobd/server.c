/* See server.h. */
#include "server.h"

#include "../order.h"
#include "acceptor.h"
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 128 };

TAILQ_HEAD(connection_list, connection);

struct worker {
	struct server *server;
	unsigned number;
	int epoll_fd;
	struct mailbox mailbox;
	pthread_t thread;
	struct connection_list to_run;
	uint64_t record; /* of the log, on which replies of this turn depend; 0: none */
	char *scratch;
};

struct server {
	struct board *board;
	const struct server_options *options;
	int signal_fd;
	struct acceptor acceptor; /* worker 0's */
	unsigned next_worker;
	struct worker *workers;

	/* writers  worker 0                     readers  all workers
	 * order    relaxed                      edges    none: the eventfd wakes them after it */
	_Atomic bool stops;

	pthread_mutex_t all_lock; /* the list of all connections, and their number */
	struct connection_list all;
	unsigned connections;
};

/* What an event's data points to, if it is no connection. */
static char listen_mark, signal_mark, timer_mark, mail_mark;

static void to_run(struct worker *worker, struct connection *connection)
{
	if (!connection->is_to_run) {
		connection->is_to_run = true;
		TAILQ_INSERT_TAIL(&worker->to_run, connection, to_run);
	}
}

static bool watch_fd(int epoll_fd, int fd, uint32_t events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void end(struct server *server, struct connection *connection)
{
	pthread_mutex_lock(&server->all_lock);
	TAILQ_REMOVE(&server->all, connection, all);
	server->connections--;
	pthread_mutex_unlock(&server->all_lock);
	connection_close(connection);
	connection_free(connection);
}

/* False: there are too many. */
static bool adopt(void *context, int fd)
{
	struct server *server = context;
	struct worker *worker = &server->workers[server->next_worker % server->options->workers];
	int one = 1;

	pthread_mutex_lock(&server->all_lock);
	bool has_room = server->connections < server->options->connections_max;

	pthread_mutex_unlock(&server->all_lock); /* others only make more room */
	struct connection *connection =
	    has_room ? connection_open(server->board, &worker->mailbox, fd) : NULL;

	if (connection == NULL)
		return false;
	server->next_worker++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	pthread_mutex_lock(&server->all_lock);
	TAILQ_INSERT_TAIL(&server->all, connection, all);
	server->connections++;
	pthread_mutex_unlock(&server->all_lock);
	/* From here on it is the worker's. */
	if (!watch_fd(worker->epoll_fd, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, connection))
		end(server, connection);
	return true;
}

/* A handler for SIGUSR1, since threads of liburcu leave that one unblocked: it would never come to
 * the signalfd. Written before there is a handler. */
static struct board *drained_board;

static void drain_handler(int signal)
{
	(void)signal;
	board_drain(drained_board); /* one relaxed store */
}

static void read_signals(struct server *server)
{
	struct signalfd_siginfo signal;
	uint64_t one = 1;

	while (read(server->signal_fd, &signal, sizeof signal) == sizeof signal) {
		store_relaxed(&server->stops, true); /* the eventfds are written after it */
		for (unsigned i = 0; i < server->options->workers; i++) {
			ssize_t wrote =
			    write(server->workers[i].mailbox.event_fd, &one, sizeof one);

			(void)wrote;
		}
	}
}

static void drain_counter(int fd)
{
	uint64_t count;
	ssize_t bytes = read(fd, &count, sizeof count);

	(void)bytes;
}

static void take_event(struct worker *worker, const struct epoll_event *event)
{
	struct server *server = worker->server;
	char *mark = event->data.ptr;

	if (mark == &listen_mark) {
		acceptor_run(&server->acceptor, adopt, server);
	} else if (mark == &signal_mark) {
		read_signals(server);
	} else if (mark == &timer_mark) {
		drain_counter(server->options->timer_fd);
		board_tick(server->board);
	} else if (mark == &mail_mark) {
		drain_counter(worker->mailbox.event_fd);
	} else {
		struct connection *connection = event->data.ptr;

		if (event->events & (EPOLLERR | EPOLLHUP))
			connection->is_broken = true;
		if (event->events & EPOLLIN)
			connection->is_readable = true;
		if (event->events & EPOLLOUT)
			connection->is_writable = true;
		if (event->events & EPOLLRDHUP)
			connection_half_close(connection);
		to_run(worker, connection);
	}
}

static void note_record(struct worker *worker, const struct connection *connection)
{
	if (connection->session.record > worker->record)
		worker->record = connection->session.record;
}

static void collect_mail(struct worker *worker)
{
	struct session *session;

	while ((session = board_next_mail(worker->server->board, &worker->mailbox)) != NULL) {
		struct connection *connection = (struct connection *)session;

		connection_collect(connection);
		note_record(worker, connection);
		to_run(worker, connection);
	}
}

static bool is_over(const struct connection *connection)
{
	return connection->is_broken ||
	       (connection->is_ending && buffer_left(&connection->out) == 0);
}

/* Send the replies of this turn. What can go on at once stays in the list. */
static void flush(struct worker *worker)
{
	struct connection_list list;
	struct connection *connection;

	uint64_t written = UINT64_MAX;
	struct log *log = board_log(worker->server->board);

	if (log != NULL && worker->record > 0 && !log_commit(log, worker->record))
		written = log_written(log);
	worker->record = 0;
	TAILQ_INIT(&list);
	TAILQ_CONCAT(&list, &worker->to_run, to_run);
	while ((connection = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, connection, to_run);
		connection->is_to_run = false;
		connection_flush(connection, written);
		if (is_over(connection))
			end(worker->server, connection);
		else if (connection_can_run(connection))
			to_run(worker, connection);
	}
}

/* None is freed before the end of a turn, so that no event or mail of it is of one that is gone. */
static void turn(struct worker *worker)
{
	struct epoll_event events[EVENTS_A_TURN];
	struct connection *connection;
	struct acceptor *acceptor = worker->number == 0 ? &worker->server->acceptor : NULL;
	int wait_ms = !TAILQ_EMPTY(&worker->to_run) ? 0
	              : acceptor != NULL            ? acceptor_wait_ms(acceptor)
	                                            : -1;
	int count = epoll_wait(worker->epoll_fd, events, EVENTS_A_TURN, wait_ms);

	if (acceptor != NULL)
		acceptor_resume(acceptor);
	for (int i = 0; i < count; i++)
		take_event(worker, &events[i]);
	collect_mail(worker);
	TAILQ_FOREACH(connection, &worker->to_run, to_run)
	{
		connection_run(connection, worker->scratch);
		note_record(worker, connection);
	}
	collect_mail(worker);
	flush(worker);
	/* Jobs of those that ended may have served others; the mailbox must be empty for sleep. */
	collect_mail(worker);
}

static void *worker_main(void *context)
{
	struct worker *worker = context;

	mailbox_of_thread = &worker->mailbox;
	while (!load_relaxed(&worker->server->stops)) /* carries no data */
		turn(worker);
	mailbox_of_thread = NULL;
	return NULL;
}

static bool complain(const char *what)
{
	fprintf(stderr, "tide-jobd: %s: %s\n", what, strerror(errno));
	return false;
}

static void server_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
}

void server_block_signals(void)
{
	sigset_t signals;

	server_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
}

static bool start_worker(struct server *server, unsigned number)
{
	struct worker *worker = &server->workers[number];
	uint32_t in = EPOLLIN;

	worker->server = server;
	worker->number = number;
	TAILQ_INIT(&worker->to_run);
	TAILQ_INIT(&worker->mailbox.sessions);
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->mailbox.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	worker->scratch = malloc(CONNECTION_SCRATCH_BYTES);
	if (worker->epoll_fd < 0 || worker->mailbox.event_fd < 0 || worker->scratch == NULL)
		return complain("can't make a worker");
	if (!watch_fd(worker->epoll_fd, worker->mailbox.event_fd, in, &mail_mark))
		return complain("epoll");
	if (number == 0 &&
	    (!acceptor_watch(&server->acceptor, worker->epoll_fd, &listen_mark) ||
	     !watch_fd(worker->epoll_fd, server->signal_fd, in, &signal_mark) ||
	     !watch_fd(worker->epoll_fd, server->options->timer_fd, in, &timer_mark)))
		return complain("epoll");
	return true;
}

static bool set_up(struct server *server)
{
	struct sigaction drain = { .sa_handler = drain_handler, .sa_flags = SA_RESTART };
	sigset_t signals;

	drained_board = server->board;
	sigaction(SIGUSR1, &drain, NULL);
	server_signals(&signals);
	server->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	server->workers = calloc(server->options->workers, sizeof *server->workers);
	if (server->signal_fd < 0 || server->workers == NULL)
		return complain("can't start");
	if (!acceptor_open(&server->acceptor, server->options->address, server->options->port,
	                   2 * (int)server->options->workers))
		return false;
	for (unsigned i = 0; i < server->options->workers; i++) {
		if (!start_worker(server, i))
			return false;
	}
	return true;
}

static void take_down(struct server *server)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&server->all)) != NULL)
		end(server, connection);
	for (unsigned i = 0; i < server->options->workers; i++) {
		close(server->workers[i].epoll_fd);
		close(server->workers[i].mailbox.event_fd);
		free(server->workers[i].scratch);
	}
	free(server->workers);
	acceptor_close(&server->acceptor);
	close(server->signal_fd);
	pthread_mutex_destroy(&server->all_lock);
	signal(SIGUSR1, SIG_IGN);
}

bool server_run(struct board *board, const struct server_options *options)
{
	struct server server = { .board = board, .options = options };
	unsigned started = 1;

	TAILQ_INIT(&server.all);
	pthread_mutex_init(&server.all_lock, NULL);
	if (!set_up(&server))
		return false;
	for (; started < options->workers; started++) {
		struct worker *worker = &server.workers[started];

		errno = pthread_create(&worker->thread, NULL, worker_main, worker);
		if (errno != 0) {
			complain("can't start a thread");
			_exit(1);
		}
	}
	worker_main(&server.workers[0]);
	for (unsigned i = 1; i < options->workers; i++)
		pthread_join(server.workers[i].thread, NULL);
	take_down(&server);
	return true;
}
