/* tide-jobd: a job server on the Tide store. See README.md. */
#include "arguments.h"
#include "keeper.h"
#include "recovery.h"
#include "segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static bool take_job(void *context, const struct record *record, uint32_t segment)
{
	return board_recover(context, record, segment);
}

/* The jobs of the log, and the log. False, after a message; the log is as it was. */
static bool open_log(struct board *board, const struct log_options *options)
{
	struct log_start start;
	int folder_lock = segment_lock_folder(options->folder);

	if (folder_lock < 0)
		return false;
	struct recovery *recovery = recovery_read(options->folder, &start);

	if (recovery == NULL)
		return false;
	uint64_t jobs = recovery_jobs(recovery);
	struct log *log = log_open(options, folder_lock, &start);

	if (log == NULL)
		return false;
	board_set_log(board, log);
	board_set_next_id(board, start.next_id);
	if (!recovery_give(recovery, take_job, board)) {
		fprintf(stderr,
		        "tide-jobd: -b %s: there is no room for its %llu jobs: %s; with a higher "
		        "-m, or "
		        "--policy drop, the server starts\n",
		        options->folder, (unsigned long long)jobs, strerror(errno));
		return false;
	}
	recovery_end(recovery);
	if (jobs > 0)
		fprintf(stderr, "tide-jobd: %llu jobs of the log are back\n",
		        (unsigned long long)jobs);
	return true;
}

int main(int argc, char *argv[])
{
	struct arguments arguments;
	pthread_t keeper;

	if (!arguments_read(&arguments, argc, argv))
		return 2;
	if (arguments.help) {
		arguments_help();
		return 0;
	}
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (timer_fd < 0) {
		fprintf(stderr, "tide-jobd: timerfd: %s\n", strerror(errno));
		return 1;
	}
	arguments.board.timer_fd = arguments.server.timer_fd = timer_fd;
	arguments.board.segment_bytes = arguments.log.segment_bytes;
	server_block_signals();
	struct board *board = board_create(&arguments.board);

	if (board == NULL)
		return 1;
	/* A start that fails ends the process as it is: nothing was promised to anybody yet. */
	if (arguments.log.folder != NULL &&
	    (!open_log(board, &arguments.log) || !keeper_start(board, &keeper)))
		_exit(1);
	if (!server_run(board, &arguments.server))
		_exit(1);
	bool is_valid = board_is_valid(board);

	if (!is_valid)
		fprintf(stderr, "tide-jobd: at the end the books do not balance\n");
	if (arguments.log.folder != NULL) {
		struct log *log = board_log(board);

		keeper_stop(board, keeper);
		board_set_log(board, NULL); /* the store's thread may drop jobs up to its end */
		log_close(log);
	}
	board_destroy(board);
	close(timer_fd);
	return is_valid ? 0 : 1;
}
