/* What the commands about jobs do, but those that give one (reserving.c). See board.h. */
#include "board_internal.h"

#include "../order.h"

enum { KICKS_A_HOLD = 256 }; /* then others may have the lock */

/* The log's records so far are what the session's replies depend on. */
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
		*entry = job_entry_or_end(board, job);
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
