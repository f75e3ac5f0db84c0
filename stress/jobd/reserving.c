/* The commands that give a job to a session, at once or when there is one. They write no records: a
 * reserved job is in the log as ready, and who gets one is promised nothing. See board.h. */
#include "board_internal.h"

static void become_worker(struct board *board, struct session *session)
{
	if (!session->is_worker) {
		session->is_worker = true;
		board->workers++;
	}
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

static enum answer reserve_first(struct board *board, struct session *session, int64_t now,
                                 struct tide_store_entry **entry)
{
	struct job *job;

	while ((job = first_ready(session)) != NULL) {
		*entry = job_entry_or_end(board, job);
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
