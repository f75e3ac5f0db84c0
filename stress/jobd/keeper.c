/* See keeper.h.
 *
 * A segment goes when no job needs it, or when it is the oldest and half of the log is of no use:
 * then its file is read, what still lives is appended again, and the file is removed once that is
 * on the disk. One job is moved under one hold of the board's lock. What the system refuses is tried
 * again with the records that come a while later; a damaged segment stays, and those after it.
 */
#include "keeper.h"

#include "segment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KEEPER_COMMIT_MS = 50, KEEPER_RECORDS_A_COMMIT = 256, KEEPER_RETRY_S = 1 };

struct move {
	struct board *board;
	uint32_t segment;
	uint32_t records;
};

static bool move_record(void *context, const struct record *record)
{
	struct move *move = context;

	if (record->kind == RECORD_FULL)
		board_move_record(move->board, record, move->segment);
	if (++move->records % KEEPER_RECORDS_A_COMMIT == 0)
		board_commit(move->board); /* little waits in memory */
	return true;
}

/* False: the system was in the way, and it is to be tried again later. */
static bool remove_segment(struct board *board, uint32_t segment)
{
	struct log *log = board_log(board);
	struct move move = { .board = board, .segment = segment };
	struct segment_header header;
	uint64_t whole_bytes;
	char path[4200];

	segment_path(log_settings(log)->folder, segment, path, sizeof path);
	board_commit(board);
	int result = segment_read_file(path, &header, &whole_bytes, move_record, &move);

	if (result < 0) {
		fprintf(stderr, "tide-jobd: %s: %s; it stays for now\n", path, strerror(errno));
		return false;
	}
	if (result != RECORD_IS_WHOLE) {
		/* Damaged on the disk, while the jobs are here: the next start finds it. */
		fprintf(stderr, "tide-jobd: %s: at byte %llu: a record is damaged; it is kept\n",
		        path, (unsigned long long)whole_bytes);
		return true;
	}
	board_commit(board);
	if (log_settings(log)->sync_ms != LOG_SYNC_NEVER)
		log_sync(log);
	if (!log_remove_file(log, segment)) {
		fprintf(stderr, "tide-jobd: %s: %s; it stays for now\n", path, strerror(errno));
		return false;
	}
	board_segment_is_gone(board);
	return true;
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void *keeper_main(void *context)
{
	struct board *board = context;
	struct log *log = board_log(board);
	int64_t sync_ms = log_settings(log)->sync_ms;
	uint64_t seen = 0;
	uint32_t segment;
	time_t retry_s = 0; /* not 0: no segment is removed before then */

	while (board_wait_for_records(board, &seen, &segment)) {
		if (segment != 0) {
			if (!remove_segment(board, segment))
				retry_s = now_s() + KEEPER_RETRY_S;
			continue;
		}
		if (retry_s != 0 && now_s() >= retry_s) {
			retry_s = 0;
			board_segment_stays(board);
		}
		board_pause_keeper(board, sync_ms > 0 ? sync_ms : KEEPER_COMMIT_MS);
		board_commit(board);
		if (sync_ms > 0)
			log_sync(log);
	}
	return NULL;
}

bool keeper_start(struct board *board, pthread_t *thread)
{
	int error = pthread_create(thread, NULL, keeper_main, board);

	if (error != 0)
		fprintf(stderr, "tide-jobd: can't start a thread: %s\n", strerror(error));
	else
		pthread_setname_np(*thread, "jobd-log");
	return error == 0;
}

void keeper_stop(struct board *board, pthread_t thread)
{
	board_stop_keeper(board);
	pthread_join(thread, NULL);
}
