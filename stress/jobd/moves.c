/* A job's way from state to state, and to those who wait. See board.h. */
#include "board_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct job *job_of(const struct tide_store_entry *entry)
{
	return tide_store_user(entry);
}

struct job *job_find(struct board *board, uint64_t id, struct tide_store_entry **entry)
{
	struct tide_store_entry *found = tide_store_get(board->store, id);

	if (found == NULL)
		return NULL;
	struct job *job = job_of(found);

	if (job->state == JOB_INCOMING || job->state == JOB_GONE)
		return NULL;
	if (entry != NULL)
		*entry = found;
	return job;
}

static bool is_urgent(const struct job *job)
{
	return job->priority < JOB_URGENT_BELOW;
}

void job_unlink(struct board *board, struct job *job)
{
	struct tube *tube = job->tube;

	switch ((enum job_state)job->state) {
	case JOB_READY:
		queue_remove(&tube->ready, &job->item);
		board->ready--;
		tube->urgent -= is_urgent(job);
		board->urgent -= is_urgent(job);
		break;
	case JOB_DELAYED:
		queue_remove(&tube->delayed, &job->item);
		board->delayed--;
		tube_set_timer(board, tube);
		break;
	case JOB_RESERVED:
		queue_remove(&job->holder->reserved, &job->item);
		session_set_timer(board, job->holder);
		job->holder = NULL;
		tube->reserved--;
		board->reserved--;
		break;
	case JOB_BURIED:
		queue_remove(&tube->buried, &job->item);
		board->buried--;
		break;
	case JOB_INCOMING:
	case JOB_GONE:
		break;
	}
}

bool job_to_ready(struct board *board, struct job *job)
{
	struct tube *tube = job->tube;

	if (!queue_add(&tube->ready, &job->item))
		return false;
	job->state = JOB_READY;
	board->ready++;
	tube->urgent += is_urgent(job);
	board->urgent += is_urgent(job);
	return true;
}

bool job_to_delayed(struct board *board, struct job *job, int64_t due_ns)
{
	job->due_ns = due_ns;
	if (!queue_add(&job->tube->delayed, &job->item))
		return false;
	job->state = JOB_DELAYED;
	board->delayed++;
	tube_set_timer(board, job->tube);
	return true;
}

bool job_to_buried(struct board *board, struct job *job, int64_t burial)
{
	job->due_ns = burial;
	if (burial >= board->burials)
		board->burials = burial + 1;
	if (!queue_add(&job->tube->buried, &job->item))
		return false;
	job->state = JOB_BURIED;
	board->buried++;
	return true;
}

bool job_to_reserved(struct board *board, struct job *job, struct session *session, int64_t now)
{
	job->due_ns = now + job->ttr_s * SECOND_NS;
	if (!queue_add(&session->reserved, &job->item))
		return false;
	job->state = JOB_RESERVED;
	job->holder = session;
	job->reserves++;
	job->tube->reserved++;
	board->reserved++;
	session_set_timer(board, session);
	return true;
}

bool job_put_back(struct board *board, struct job *job, int64_t now, uint32_t delay_s)
{
	if (delay_s > 0 ? job_to_delayed(board, job, now + delay_s * SECOND_NS)
	                : job_to_ready(board, job)) {
		tube_serve(board, job->tube, now);
		return true;
	}
	if (job_to_buried(board, job, board->burials))
		return false;
	fprintf(stderr, "tide-jobd: no memory for the place of job %llu in a queue; ending\n",
	        (unsigned long long)job->id);
	_exit(1);
}

void job_end(struct board *board, struct job *job)
{
	struct tube *tube = job->tube;

	journal_gone(board, job);
	job->state = JOB_GONE;
	job->tube = NULL;
	tube_unrefer(board, tube);
}

struct tide_store_entry *job_entry_or_end(struct board *board, struct job *job)
{
	struct tide_store_entry *entry = tide_store_get(board->store, job->id);

	if (entry == NULL) {
		job_unlink(board, job);
		job_end(board, job);
	}
	return entry;
}

void session_stop_waiting(struct board *board, struct session *session)
{
	for (uint32_t i = 0; i < session->watch_count; i++) {
		struct watch *watch = session->watches[i];

		TAILQ_REMOVE(&watch->tube->waiters, watch, waiter);
		watch->tube->waiting--;
	}
	board->waiting--;
	session->wait = SESSION_RUNS;
}

void session_serve(struct board *board, struct session *session, enum answer answer, uint64_t id)
{
	struct mailbox *mailbox = session->mailbox;
	uint64_t one = 1;

	session_stop_waiting(board, session);
	session->wait = SESSION_IS_SERVED;
	session->served = answer;
	session->served_id = id;
	if (TAILQ_EMPTY(&mailbox->sessions) && mailbox != mailbox_of_thread) {
		ssize_t wrote = write(mailbox->event_fd, &one, sizeof one);

		(void)wrote;
	}
	TAILQ_INSERT_TAIL(&mailbox->sessions, session, mail);
}

void tube_serve(struct board *board, struct tube *tube, int64_t now)
{
	while (!tube_is_paused(tube)) {
		struct watch *watch = TAILQ_FIRST(&tube->waiters);
		struct job *job = (struct job *)queue_first(&tube->ready);

		if (watch == NULL || job == NULL)
			return;
		struct session *session = watch->session;

		job_unlink(board, job);
		if (!job_to_reserved(board, job, session, now)) {
			/* It has just been there. */
			(void)job_to_ready(board, job);
			session_serve(board, session, ANSWER_NO_MEMORY, 0);
		} else {
			session_serve(board, session, ANSWER_DONE, job->id);
		}
		session_set_timer(board, session);
	}
}

bool session_deadline_is_soon(const struct session *session, int64_t now)
{
	const struct job *first = (const struct job *)queue_first(&session->reserved);

	return first != NULL && now >= first->due_ns - SAFETY_MARGIN_NS;
}
