/* What the commands about jobs do. See board.h. */
#include "board_internal.h"

#include "../order.h"

enum { KICKS_A_HOLD = 256 }; /* then others may have the lock */

/* The log's records so far are what the session's replies depend on. Not so for a reply that gives
 * a job: it acknowledges nothing. */
static void note_record(struct board *board, struct session *session)
{
	if (board->log != NULL)
		session->record = log_last_record(board->log);
}

static void become_producer(struct board *board, struct session *session)
{
	if (!session->is_producer) {
		session->is_producer = true;
		board->producers++;
	}
}

static void become_worker(struct board *board, struct session *session)
{
	if (!session->is_worker) {
		session->is_worker = true;
		board->workers++;
	}
}

void board_note_producer(struct board *board, struct session *session)
{
	if (session->is_producer) /* its own thread's writes only */
		return;
	board_lock(board);
	become_producer(board, session);
	board_unlock(board);
}

/* The new job goes to its queue. */
static enum answer admit(struct board *board, struct session *session, struct job *job,
                         const char *body, uint32_t body_crc)
{
	struct tube *tube = session->used;
	int64_t now = board_now();

	job->tube = tube;
	tube->references++;
	job->created_ns = now;
	if (!(job->delay_s > 0 ? job_to_delayed(board, job, now + job->delay_s * SECOND_NS)
	                       : job_to_ready(board, job))) {
		job->state = JOB_GONE;
		tube_unrefer(board, tube);
		return ANSWER_NO_MEMORY;
	}
	/* The record is of the state, so it comes after it; and before anybody is served. */
	if (!journal_full(board, job, body, body_crc)) {
		job_unlink(board, job);
		job->state = JOB_GONE;
		tube_unrefer(board, tube);
		return ANSWER_NO_MEMORY;
	}
	tube->total_jobs++;
	board->total_jobs++;
	tube_serve(board, tube, now);
	return ANSWER_DONE;
}

enum answer board_put(struct board *board, struct session *session, const struct command *command,
                      uint64_t id, const char *body)
{
	struct job plain = {
		.state = JOB_INCOMING,
		.priority = command->priority,
		.delay_s = command->delay_s,
		.ttr_s = command->ttr_s,
		.body_bytes = command->body_bytes,
		.id = id,
	};
	struct tide_store_put put = { .id = id, .user = &plain };
	uint32_t body_crc = board->log != NULL ? record_crc(body, command->body_bytes) : 0;
	enum answer answer = ANSWER_DONE;

	if (load_relaxed(&board->is_draining)) /* carries no data */
		return ANSWER_DRAINING;
	if (!journal_takes_jobs(board))
		return ANSWER_NO_MEMORY;
	if (tide_store_put(board->store, body, command->body_bytes, &put) == 0)
		return ANSWER_NO_MEMORY;
	tide_store_read_begin(board->store);
	board_lock(board);
	struct tide_store_entry *entry = tide_store_get(board->store, id);

	/* Others' puts may have made it leave already, as the oldest: then it has been put. */
	if (entry != NULL && job_of(entry)->state == JOB_INCOMING) {
		answer = admit(board, session, job_of(entry), body, body_crc);
		note_record(board, session);
	}
	board_unlock(board);
	if (answer != ANSWER_DONE)
		tide_store_remove(board->store, id);
	tide_store_read_end(board->store);
	return answer;
}

/* The job that the session would get now. */
static struct job *first_ready(const struct session *session)
{
	struct job *best = NULL;

	for (uint32_t i = 0; i < session->watch_count; i++) {
		const struct tube *tube = session->watches[i]->tube;
		struct job *job = (struct job *)queue_first(&tube->ready);

		if (job == NULL || tube_is_paused(tube))
			continue;
		if (best == NULL || tube->ready.before(&job->item, &best->item))
			best = job;
	}
	return best;
}

static bool watches_ready(const struct session *session)
{
	for (uint32_t i = 0; i < session->watch_count; i++) {
		if (session->watches[i]->tube->ready.count > 0)
			return true;
	}
	return false;
}

static void start_waiting(struct board *board, struct session *session, int64_t until_ns)
{
	for (uint32_t i = 0; i < session->watch_count; i++) {
		struct watch *watch = session->watches[i];

		TAILQ_INSERT_TAIL(&watch->tube->waiters, watch, waiter);
		watch->tube->waiting++;
	}
	board->waiting++;
	session->wait = SESSION_WAITS;
	session->wait_until_ns = until_ns;
	session_set_timer(board, session);
}

/* Out of its queue and to the session. */
static enum answer take(struct board *board, struct session *session, struct job *job, int64_t now)
{
	job_unlink(board, job);
	if (job_to_reserved(board, job, session, now))
		return ANSWER_DONE;
	job_put_back(board, job, now, 0);
	return ANSWER_NO_MEMORY;
}

/* An entry of a job that is in a queue, or NULL: its lifetime is over, it leaves now. */
static struct tide_store_entry *entry_or_end(struct board *board, struct job *job)
{
	struct tide_store_entry *entry = tide_store_get(board->store, job->id);

	if (entry == NULL) {
		job_unlink(board, job);
		job_end(board, job);
	}
	return entry;
}

static enum answer reserve_first(struct board *board, struct session *session, int64_t now,
                                 struct tide_store_entry **entry)
{
	struct job *job;

	while ((job = first_ready(session)) != NULL) {
		*entry = entry_or_end(board, job);
		if (*entry != NULL)
			return take(board, session, job, now);
	}
	return ANSWER_NOT_FOUND;
}

enum answer board_reserve(struct board *board, struct session *session, uint32_t timeout_s,
                          bool forever, bool may_wait, struct tide_store_entry **entry)
{
	enum answer answer;

	board_lock(board);
	int64_t now = board_now();

	become_worker(board, session);
	if (session_deadline_is_soon(session, now) && !watches_ready(session)) {
		answer = ANSWER_DEADLINE_SOON;
	} else {
		answer = reserve_first(board, session, now, entry);
		if (answer == ANSWER_NOT_FOUND && (!may_wait || (!forever && timeout_s == 0))) {
			answer = ANSWER_TIMED_OUT;
		} else if (answer == ANSWER_NOT_FOUND) {
			answer = ANSWER_WAITS;
			start_waiting(board, session,
			              forever ? INT64_MAX : now + timeout_s * SECOND_NS);
		}
	}
	board_unlock(board);
	return answer;
}

enum answer board_collect(struct board *board, struct session *session,
                          struct tide_store_entry **entry)
{
	enum answer answer;

	board_lock(board);
	session->wait = SESSION_RUNS;
	answer = session->served;
	if (answer == ANSWER_DONE) {
		int64_t now = board_now();
		struct job *job = job_find(board, session->served_id, entry);

		/* It may have been dropped, or timed out and be with somebody else. */
		if (job == NULL || job->state != JOB_RESERVED || job->holder != session)
			answer = reserve_first(board, session, now, entry);
		if (answer == ANSWER_NOT_FOUND) {
			answer = ANSWER_WAITS;
			start_waiting(board, session, session->wait_until_ns);
		}
	}
	board_unlock(board);
	return answer;
}

void board_stop_waiting(struct board *board, struct session *session)
{
	board_lock(board);
	if (session->wait == SESSION_WAITS) {
		session_serve(board, session, ANSWER_TIMED_OUT, 0);
		session_set_timer(board, session);
	}
	board_unlock(board);
}

enum answer board_reserve_job(struct board *board, struct session *session, uint64_t id,
                              struct tide_store_entry **entry)
{
	enum answer answer = ANSWER_NOT_FOUND;

	board_lock(board);
	struct job *job = job_find(board, id, entry);

	if (job != NULL && job->state != JOB_RESERVED) {
		become_worker(board, session);
		answer = take(board, session, job, board_now());
	}
	board_unlock(board);
	return answer;
}

enum answer board_peek(struct board *board, uint64_t id, struct tide_store_entry **entry)
{
	board_lock(board);
	struct job *job = job_find(board, id, entry);

	board_unlock(board);
	return job != NULL ? ANSWER_DONE : ANSWER_NOT_FOUND;
}

enum answer board_peek_first(struct board *board, struct session *session, enum command_kind kind,
                             struct tide_store_entry **entry)
{
	struct job *job;

	*entry = NULL;
	board_lock(board);
	const struct tube *tube = session->used;
	const struct queue *queue = kind == COMMAND_PEEK_READY     ? &tube->ready
	                            : kind == COMMAND_PEEK_DELAYED ? &tube->delayed
	                                                           : &tube->buried;

	while (*entry == NULL && (job = (struct job *)queue_first(queue)) != NULL)
		*entry = entry_or_end(board, job);
	board_unlock(board);
	return *entry != NULL ? ANSWER_DONE : ANSWER_NOT_FOUND;
}

/* The job, if the session has it reserved. */
static struct job *find_own(struct board *board, const struct session *session, uint64_t id)
{
	struct job *job = job_find(board, id, NULL);

	return job != NULL && job->state == JOB_RESERVED && job->holder == session ? job : NULL;
}

enum answer board_delete(struct board *board, struct session *session, uint64_t id)
{
	if (!journal_takes_changes(board))
		return ANSWER_NO_MEMORY;
	tide_store_read_begin(board->store);
	board_lock(board);
	struct job *job = job_find(board, id, NULL);
	bool is_found = job != NULL && (job->state != JOB_RESERVED || job->holder == session);

	if (is_found) {
		job->tube->deletes++;
		job_unlink(board, job);
		job_end(board, job);
		note_record(board, session);
	}
	board_unlock(board);
	if (is_found)
		tide_store_remove(board->store, id);
	tide_store_read_end(board->store);
	return is_found ? ANSWER_DONE : ANSWER_NOT_FOUND;
}

enum answer board_release(struct board *board, struct session *session,
                          const struct command *command)
{
	enum answer answer = ANSWER_NOT_FOUND;

	if (!journal_takes_changes(board))
		return ANSWER_NO_MEMORY;
	tide_store_read_begin(board->store);
	board_lock(board);
	struct job *job = find_own(board, session, command->id);

	if (job != NULL) {
		int64_t now = board_now();

		job_unlink(board, job);
		job->priority = command->priority;
		job->delay_s = command->delay_s;
		job->releases++;
		answer =
		    job_put_back(board, job, now, command->delay_s) ? ANSWER_DONE : ANSWER_BURIED;
		journal_change(board, job);
		note_record(board, session);
	}
	board_unlock(board);
	tide_store_read_end(board->store);
	return answer;
}

enum answer board_bury(struct board *board, struct session *session, const struct command *command)
{
	enum answer answer = ANSWER_NOT_FOUND;

	if (!journal_takes_changes(board))
		return ANSWER_NO_MEMORY;
	tide_store_read_begin(board->store);
	board_lock(board);
	struct job *job = find_own(board, session, command->id);

	if (job != NULL) {
		job_unlink(board, job);
		job->priority = command->priority;
		job->buries++;
		answer = ANSWER_DONE;
		if (!job_to_buried(board, job, board->burials)) {
			job_put_back(board, job, board_now(), 0);
			answer = ANSWER_NO_MEMORY;
		}
		journal_change(board, job);
		note_record(board, session);
	}
	board_unlock(board);
	tide_store_read_end(board->store);
	return answer;
}

static void kick_one(struct board *board, struct job *job, int64_t now)
{
	job_unlink(board, job);
	job->kicks++;
	job_put_back(board, job, now, 0);
	journal_change(board, job);
}

/* At most KICKS_A_HOLD, of the queue; returns how many. */
static uint64_t kick_some(struct board *board, struct queue *queue, uint64_t bound)
{
	int64_t now = board_now();
	uint64_t kicked = 0;

	if (bound > KICKS_A_HOLD)
		bound = KICKS_A_HOLD;
	if (bound > queue->count)
		bound = queue->count;
	for (; kicked < bound; kicked++)
		kick_one(board, (struct job *)queue_first(queue), now);
	return kicked;
}

enum answer board_kick(struct board *board, struct session *session, uint64_t bound,
                       uint64_t *all_kicked)
{
	struct tube *tube = session->used; /* its own thread's */
	struct queue *queue = NULL;
	uint64_t kicked;

	*all_kicked = 0;
	if (!journal_takes_changes(board))
		return ANSWER_NO_MEMORY;
	do {
		board_lock(board);
		if (queue == NULL)
			queue = tube->buried.count > 0 ? &tube->buried : &tube->delayed;
		kicked = kick_some(board, queue, bound - *all_kicked);
		note_record(board, session);
		board_unlock(board);
		*all_kicked += kicked;
	} while (kicked == KICKS_A_HOLD);
	return ANSWER_DONE;
}

enum answer board_kick_job(struct board *board, struct session *session, uint64_t id)
{
	enum answer answer = ANSWER_NOT_FOUND;

	if (!journal_takes_changes(board))
		return ANSWER_NO_MEMORY;
	tide_store_read_begin(board->store);
	board_lock(board);
	struct job *job = job_find(board, id, NULL);

	if (job != NULL && (job->state == JOB_BURIED || job->state == JOB_DELAYED)) {
		kick_one(board, job, board_now());
		note_record(board, session);
		answer = ANSWER_DONE;
	}
	board_unlock(board);
	tide_store_read_end(board->store);
	return answer;
}

enum answer board_touch(struct board *board, struct session *session, uint64_t id)
{
	tide_store_read_begin(board->store);
	board_lock(board);
	struct job *job = find_own(board, session, id);

	if (job != NULL) {
		job->due_ns = board_now() + job->ttr_s * SECOND_NS;
		queue_update(&session->reserved, &job->item);
		session_set_timer(board, session);
	}
	board_unlock(board);
	tide_store_read_end(board->store);
	return job != NULL ? ANSWER_DONE : ANSWER_NOT_FOUND;
}
