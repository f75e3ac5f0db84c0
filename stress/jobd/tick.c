/* What is done when it is due: delays and pauses that end, jobs whose time to run is over, waiting
 * that is. See board.h. */
#include "board_internal.h"

/* The first thing that is due of the tube. */
static void tube_step(struct board *board, struct tube *tube, int64_t now)
{
	struct job *job = (struct job *)queue_first(&tube->delayed);
	bool ends_pause = tube_is_paused(tube) && tube->unpause_at_ns <= now;

	if (job != NULL && job->due_ns <= now &&
	    !(ends_pause && tube->unpause_at_ns < job->due_ns)) {
		job_unlink(board, job);
		job_put_back(board, job, now, 0);
	} else if (ends_pause) {
		tube_end_pause(board, tube, now);
	}
	tube_set_timer(board, tube);
}

/* The time of one of its jobs may be over, that of its waiting, or it may be soon. */
static void session_step(struct board *board, struct session *session, int64_t now)
{
	bool is_soon = session->wait == SESSION_WAITS && session_deadline_is_soon(session, now);
	struct job *job = (struct job *)queue_first(&session->reserved);

	if (job != NULL && job->due_ns <= now) {
		job->timeouts++;
		board->timeouts++;
		job_unlink(board, job);
		job_put_back(board, job, now, 0);
	}
	if (session->wait == SESSION_WAITS) {
		if (is_soon)
			session_serve(board, session, ANSWER_DEADLINE_SOON, 0);
		else if (session->wait_until_ns <= now)
			session_serve(board, session, ANSWER_TIMED_OUT, 0);
	}
	session_set_timer(board, session);
}

static void step(struct board *board, struct timer *timer, int64_t now)
{
	char *at = (char *)timer;

	if (timer->is_of_tube)
		tube_step(board, (struct tube *)(at - offsetof(struct tube, timer)), now);
	else
		session_step(board, (struct session *)(at - offsetof(struct session, timer)), now);
}

void board_tick(struct board *board)
{
	board_lock(board);
	int64_t now = board_now();

	/* For what is left the end of the lock sets it to a moment that is over. */
	board->timer_at_ns = INT64_MAX;
	for (unsigned steps = 0; steps < BOARD_TICK_STEPS; steps++) {
		struct timer *timer = (struct timer *)queue_first(&board->timers);

		if (timer == NULL || timer->at_ns > now)
			break;
		step(board, timer, now);
	}
	board_unlock(board);
}
