/* What is due when: one queue of all tubes and sessions, and a timerfd for the first. */
#include "board_internal.h"

#include <sys/timerfd.h>
#include <time.h>

int64_t board_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

int64_t board_wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

bool timers_reserve(struct board *board, uint32_t timers)
{
	return queue_reserve(&board->timers, timers);
}

void timer_set(struct board *board, struct timer *timer, int64_t at_ns)
{
	if (timer->is_set && timer->at_ns == at_ns)
		return;
	timer->at_ns = at_ns;
	if (at_ns == INT64_MAX) {
		if (timer->is_set)
			queue_remove(&board->timers, &timer->item);
		timer->is_set = false;
	} else if (timer->is_set) {
		queue_update(&board->timers, &timer->item);
	} else {
		/* Can't fail: there is room for every tube and session. */
		timer->is_set = queue_add(&board->timers, &timer->item);
	}
}

void session_set_timer(struct board *board, struct session *session)
{
	const struct job *first = (const struct job *)queue_first(&session->reserved);
	int64_t at_ns = first != NULL ? first->due_ns : INT64_MAX;

	if (session->wait == SESSION_WAITS) {
		if (first != NULL)
			at_ns -= SAFETY_MARGIN_NS;
		if (session->wait_until_ns < at_ns)
			at_ns = session->wait_until_ns;
	}
	timer_set(board, &session->timer, at_ns);
}

void board_lock(struct board *board)
{
	pthread_mutex_lock(&board->lock);
}

void board_unlock(struct board *board)
{
	const struct timer *first = (const struct timer *)queue_first(&board->timers);

	/* One that is set for too early costs a tick; most are never reached, so setting it later
	 * each time would cost more. */
	if (first != NULL && first->at_ns < board->timer_at_ns) {
		struct itimerspec at = { .it_value = { .tv_sec = first->at_ns / SECOND_NS,
			                               .tv_nsec = first->at_ns % SECOND_NS } };

		board->timer_at_ns = first->at_ns;
		timerfd_settime(board->options.timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
	}
	pthread_mutex_unlock(&board->lock);
}
