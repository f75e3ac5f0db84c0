/* The board's beginning and end, and its sessions. See board.h. */
#include "board_internal.h"

#include "../order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

_Thread_local struct mailbox *mailbox_of_thread;

/* An entry leaves the store. Whatever the board does itself is told here as well: then the job is
 * GONE already. */
static void board_dropped(struct tide_store *store, struct tide_store_entry *entry,
                          enum tide_store_reason reason, void *context)
{
	struct board *board = context;
	struct job *job = job_of(entry);

	(void)store;
	if (reason == TIDE_STORE_REMOVED || reason == TIDE_STORE_DESTROYED)
		return;
	board_lock(board);
	if (job->state == JOB_INCOMING) {
		job->state = JOB_GONE; /* who puts it finds that out */
	} else if (job->state != JOB_GONE) {
		job_unlink(board, job);
		job_end(board, job);
	}
	board_unlock(board);
}

static void name_instance(struct board *board)
{
	unsigned char bytes[8] = { 0 };

	if (getrandom(bytes, sizeof bytes, 0) < 0)
		memcpy(bytes, &board->started_ns, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(board->instance + 2 * i, 3, "%02x", bytes[i]);
}

static bool set_up(struct board *board)
{
	struct tide_store_options options = {
		.limit_bytes = board->options.limit_bytes,
		.counts = board->options.counts,
		.policy = board->options.policy,
		.max_body_bytes = 0, /* the protocol has refused them already */
		.ttl_ns = board->options.lifetime_ns > 0 ? board->options.lifetime_ns
		                                         : TIDE_STORE_FOREVER,
		.user_bytes = sizeof(struct job),
		.dropped = board_dropped,
		.context = board,
	};

	board->store = tide_store_create(&options);
	return board->store != NULL && tube_refer(board, "default") != NULL;
}

/* A strict order of moments. */
static bool timer_before(const struct queue_item *a, const struct queue_item *b)
{
	return ((const struct timer *)a)->at_ns < ((const struct timer *)b)->at_ns;
}

struct board *board_create(const struct board_options *options)
{
	struct board *board = calloc(1, sizeof *board);
	pthread_condattr_t attributes;

	if (board == NULL) {
		fprintf(stderr, "tide-jobd: no memory\n");
		return NULL;
	}
	board->options = *options;
	board->started_ns = board_now();
	board->timer_at_ns = INT64_MAX;
	atomic_init(&board->next_id, 1);
	queue_init(&board->timers, timer_before);
	pthread_mutex_init(&board->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&board->keeper_wakes, &attributes);
	pthread_condattr_destroy(&attributes);
	name_instance(board);
	if (!set_up(board)) {
		fprintf(stderr, "tide-jobd: can't make the store: %s\n", strerror(errno));
		board_destroy(board);
		return NULL;
	}
	return board;
}

void board_destroy(struct board *board)
{
	tide_store_destroy(board->store);
	for (uint32_t i = 0; i < board->tube_count; i++) {
		struct tube *tube = board->tubes[i];

		queue_destroy(&tube->ready);
		queue_destroy(&tube->delayed);
		queue_destroy(&tube->buried);
		free(tube);
	}
	free(board->tubes);
	queue_destroy(&board->timers);
	pthread_cond_destroy(&board->keeper_wakes);
	pthread_mutex_destroy(&board->lock);
	free(board);
}

struct tide_store *board_store(struct board *board)
{
	return board->store;
}

struct log *board_log(struct board *board)
{
	return board->log;
}

uint32_t board_max_job_bytes(const struct board *board)
{
	return board->options.max_job_bytes;
}

bool board_charges(const struct board *board)
{
	return board->options.limit_bytes > 0 && board->options.counts == TIDE_STORE_CHARGED;
}

static bool held_before(const struct queue_item *a, const struct queue_item *b)
{
	const struct job *one = (const struct job *)a;
	const struct job *other = (const struct job *)b;

	if (one->due_ns != other->due_ns)
		return one->due_ns < other->due_ns;
	return one->id < other->id;
}

static struct watch *session_watch(struct board *board, struct session *session, const char *name)
{
	struct watch *watch = malloc(sizeof *watch);

	if (session->watch_count == session->watch_room) {
		uint32_t room = 2 * session->watch_room + 1;
		struct watch **watches = realloc(session->watches, room * sizeof *watches);

		if (watches == NULL) {
			free(watch);
			return NULL;
		}
		session->watches = watches;
		session->watch_room = room;
	}
	struct tube *tube = watch != NULL ? tube_refer_for_client(board, name) : NULL;

	if (tube == NULL) {
		free(watch);
		return NULL;
	}
	tube->watchers++;
	*watch = (struct watch){ .session = session, .tube = tube };
	session->watches[session->watch_count++] = watch;
	return watch;
}

/* The last one takes its place. */
static void session_unwatch(struct board *board, struct session *session, uint32_t place)
{
	struct watch *watch = session->watches[place];

	session->watches[place] = session->watches[--session->watch_count];
	watch->tube->watchers--;
	tube_unrefer(board, watch->tube);
	free(watch);
}

bool board_open(struct board *board, struct session *session, struct mailbox *mailbox)
{
	*session = (struct session){ .mailbox = mailbox };
	queue_init(&session->reserved, held_before);
	board_lock(board);
	bool is_open = timers_reserve(board, (uint32_t)board->sessions + 1 + board->tube_count) &&
	               session_watch(board, session, "default") != NULL;

	if (is_open) {
		session->used = tube_refer(board, "default"); /* it is there */
		session->used->users++;
		board->sessions++;
		board->total_sessions++;
	}
	board_unlock(board);
	if (!is_open)
		free(session->watches);
	return is_open;
}

void board_close(struct board *board, struct session *session)
{
	struct job *job;

	board_lock(board);
	int64_t now = board_now();

	if (session->wait == SESSION_WAITS)
		session_stop_waiting(board, session);
	else if (session->wait == SESSION_IS_SERVED)
		TAILQ_REMOVE(&session->mailbox->sessions, session, mail);
	while ((job = (struct job *)queue_first(&session->reserved)) != NULL) {
		job_unlink(board, job);
		job_put_back(board, job, now, 0);
	}
	timer_set(board, &session->timer, INT64_MAX);
	while (session->watch_count > 0)
		session_unwatch(board, session, session->watch_count - 1);
	session->used->users--;
	tube_unrefer(board, session->used);
	board->sessions--;
	board->producers -= session->is_producer;
	board->workers -= session->is_worker;
	queue_destroy(&session->reserved);
	board_unlock(board);
	free(session->watches);
}

struct session *board_next_mail(struct board *board, struct mailbox *mailbox)
{
	board_lock(board);
	struct session *session = TAILQ_FIRST(&mailbox->sessions);

	if (session != NULL) {
		TAILQ_REMOVE(&mailbox->sessions, session, mail);
		session->wait = SESSION_IS_TAKEN;
	}
	board_unlock(board);
	return session;
}

uint64_t board_next_id(struct board *board)
{
	return add_relaxed(&board->next_id, 1); /* a ticket */
}

void board_count(struct board *board, enum command_kind kind)
{
	add_relaxed(&board->commands[kind], 1); /* a count */
}

enum answer board_use(struct board *board, struct session *session, const char *name)
{
	board_lock(board);
	struct tube *tube = tube_refer_for_client(board, name);

	if (tube != NULL) {
		session->used->users--;
		tube_unrefer(board, session->used);
		session->used = tube;
		tube->users++;
	}
	board_unlock(board);
	return tube != NULL ? ANSWER_DONE : ANSWER_NO_MEMORY;
}

static uint32_t find_watch(const struct session *session, const char *name)
{
	uint32_t place = 0;

	while (place < session->watch_count &&
	       strcmp(session->watches[place]->tube->name, name) != 0)
		place++;
	return place;
}

enum answer board_watch(struct board *board, struct session *session, const char *name,
                        uint32_t *watched)
{
	enum answer answer = ANSWER_DONE;

	board_lock(board);
	if (find_watch(session, name) == session->watch_count &&
	    (session->watch_count >= board->options.watches_max ||
	     session_watch(board, session, name) == NULL))
		answer = ANSWER_NO_MEMORY;
	*watched = session->watch_count;
	board_unlock(board);
	return answer;
}

enum answer board_ignore(struct board *board, struct session *session, const char *name,
                         uint32_t *watched)
{
	enum answer answer = ANSWER_DONE;

	board_lock(board);
	uint32_t place = find_watch(session, name);

	if (place < session->watch_count) {
		if (session->watch_count == 1)
			answer = ANSWER_NOT_IGNORED;
		else
			session_unwatch(board, session, place);
	}
	*watched = session->watch_count;
	board_unlock(board);
	return answer;
}

void board_drain(struct board *board)
{
	store_relaxed(&board->is_draining, true); /* carries no data */
}

static bool session_is_counted(const struct board *board)
{
	return board->producers <= board->sessions && board->workers <= board->sessions &&
	       board->waiting <= board->sessions;
}

bool board_is_valid(struct board *board)
{
	uint64_t ready = 0, delayed = 0, buried = 0, reserved = 0;
	bool is_valid;

	board_lock(board);
	is_valid = queue_is_valid(&board->timers) && session_is_counted(board);
	for (uint32_t i = 0; is_valid && i < board->tube_count; i++) {
		const struct tube *tube = board->tubes[i];
		uint64_t jobs =
		    tube->ready.count + tube->delayed.count + tube->buried.count + tube->reserved;

		is_valid =
		    tube->place == i && queue_is_valid(&tube->ready) &&
		    queue_is_valid(&tube->delayed) && queue_is_valid(&tube->buried) &&
		    tube->references == jobs + tube->users + tube->watchers + (i == 0) &&
		    (TAILQ_EMPTY(&tube->waiters) || tube->ready.count == 0 || tube_is_paused(tube));
		ready += tube->ready.count;
		delayed += tube->delayed.count;
		buried += tube->buried.count;
		reserved += tube->reserved;
	}
	is_valid = is_valid && ready == board->ready && delayed == board->delayed &&
	           buried == board->buried && reserved == board->reserved;
	board_unlock(board);
	return is_valid;
}
