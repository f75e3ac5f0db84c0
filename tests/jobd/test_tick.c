/* What gets due at once is done in steps, in the order of time over all tubes. */
#include "board.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { JOBS = 3 * BOARD_TICK_STEPS + 10, TTR_S = 1 };

static struct board *board;
static int timer_fd;

static void make_board(void)
{
	struct board_options options = { .max_job_bytes = 100,
		                         .tubes_max = 100,
		                         .watches_max = 100 };

	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	cr_assert_geq(timer_fd, 0);
	options.timer_fd = timer_fd;
	board = board_create(&options);
	cr_assert_not_null(board);
}

static void open_session(struct session *session, struct mailbox *mailbox)
{
	TAILQ_INIT(&mailbox->sessions);
	mailbox->event_fd = -1;
	mailbox_of_thread = mailbox;
	cr_assert(board_open(board, session, mailbox));
}

static void put(struct session *session, const char *tube, uint32_t delay_s)
{
	struct command command = { .kind = COMMAND_PUT, .delay_s = delay_s, .ttr_s = TTR_S };

	cr_assert_eq(board_use(board, session, tube), ANSWER_DONE);
	cr_assert_eq(board_put(board, session, &command, board_next_id(board), ""), ANSWER_DONE);
}

/* A number of the tube's statistics; of all, without a tube. */
static unsigned long figure(const char *tube, const char *name)
{
	struct buffer text = { 0 };

	if (tube != NULL)
		cr_assert_eq(board_stats_tube(board, tube, &text), ANSWER_DONE);
	else
		board_stats(board, &text);
	buffer_append(&text, "", 1);
	const char *at = strstr(text.data, name);

	cr_assert_not_null(at);
	unsigned long value = strtoul(at + strlen(name), NULL, 10);

	buffer_clear(&text, 0);
	return value;
}

static bool is_due(int wait_ms)
{
	struct pollfd timer = { .fd = timer_fd, .events = POLLIN };

	return poll(&timer, 1, wait_ms) == 1;
}

/* As the server does when the timer fires. */
static void tick(void)
{
	uint64_t count;

	cr_assert(is_due(10000), "the timer is not set");
	cr_assert_eq(read(timer_fd, &count, sizeof count), (ssize_t)sizeof count);
	board_tick(board);
}

/* All that was put until now is due after it, and nothing was done yet. */
static void wait_until_all_are_due(void)
{
	struct timespec end, now;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec++;
	do {
		struct timespec left = { .tv_nsec = 1000000 };

		nanosleep(&left, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
	         (now.tv_sec == end.tv_sec && now.tv_nsec <= end.tv_nsec));
}

static void end(struct session *session)
{
	cr_assert(board_is_valid(board));
	board_close(board, session);
	board_destroy(board);
	close(timer_fd);
}

Test(tick, ends_delays_in_steps)
{
	struct mailbox mailbox;
	struct session session;

	make_board();
	open_session(&session, &mailbox);
	for (int i = 0; i < JOBS; i++)
		put(&session, i % 2 == 0 ? "even" : "odd", 1);
	wait_until_all_are_due();
	for (unsigned done = BOARD_TICK_STEPS; done <= JOBS; done += BOARD_TICK_STEPS) {
		tick();
		/* In turn, as they were put. */
		cr_assert_eq(figure("even", "current-jobs-ready: "), done / 2);
		cr_assert_eq(figure("odd", "current-jobs-ready: "), done / 2);
	}
	tick();
	cr_assert_eq(figure(NULL, "current-jobs-ready: "), JOBS);
	cr_assert_not(is_due(0));
	end(&session);
}

Test(tick, ends_times_to_run_in_steps)
{
	struct mailbox mailbox;
	struct session session;
	struct tide_store_entry *entry;

	make_board();
	open_session(&session, &mailbox);
	for (int i = 0; i < JOBS; i++)
		put(&session, "default", 0);
	tide_store_read_begin(board_store(board));
	for (uint64_t id = 1; id <= JOBS; id++)
		cr_assert_eq(board_reserve_job(board, &session, id, &entry), ANSWER_DONE);
	tide_store_read_end(board_store(board));
	wait_until_all_are_due();
	for (unsigned done = BOARD_TICK_STEPS; done <= JOBS; done += BOARD_TICK_STEPS) {
		tick();
		cr_assert_eq(figure(NULL, "job-timeouts: "), done);
		cr_assert_eq(figure(NULL, "current-jobs-ready: "), done);
	}
	tick();
	cr_assert_eq(figure(NULL, "job-timeouts: "), JOBS);
	cr_assert_eq(figure(NULL, "current-jobs-reserved: "), 0);
	cr_assert_not(is_due(0));
	end(&session);
}
