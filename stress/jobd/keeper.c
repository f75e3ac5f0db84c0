/* See keeper.h.
 *
 * A segment goes when no job needs it, or when it is the oldest and half of the log is of no use:
 * then its file is read, what still lives is appended again, and the file is removed once that is
 * on the disk. One job is moved under one hold of the board's lock. What the system refuses is
 * tried again with the records that come a while later; a damaged segment stays, and those after
 * it.
 */
#include "keeper.h"

#include "segment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KEEPER_COMMIT_MS = 50, KEEPER_RECORDS_A_COMMIT = 256, KEEPER_RETRY_MS = 1000 };

struct keeper {
	struct board *board;
	struct log *log;
	int64_t sync_ms; /* between two syncs; 0 or less: none at intervals */
	int64_t synced_ms;
};

struct move {
	struct keeper *keeper;
	uint32_t segment;
	uint32_t records;
	bool is_held_up; /* the log can't be written */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: not all could be written. */
static bool commit(struct keeper *keeper)
{
	bool is_done = board_commit(keeper->board);

	log_take_room(keeper->log);
	return is_done;
}

static void sync_at_intervals(struct keeper *keeper)
{
	if (keeper->sync_ms > 0) {
		log_sync(keeper->log);
		keeper->synced_ms = now_ms();
	}
}

static bool sync_is_due(const struct keeper *keeper)
{
	return keeper->sync_ms > 0 && now_ms() - keeper->synced_ms >= keeper->sync_ms;
}

static bool move_record(void *context, const struct record *record)
{
	struct move *move = context;
	struct keeper *keeper = move->keeper;
	bool is_due = sync_is_due(keeper);

	if (record->kind == RECORD_FULL)
		board_move_record(keeper->board, record, move->segment);
	/* Little waits in memory; and what clients put meanwhile is synced in time. */
	if (++move->records % KEEPER_RECORDS_A_COMMIT == 0 || is_due)
		move->is_held_up = !commit(keeper);
	if (is_due)
		sync_at_intervals(keeper);
	return !move->is_held_up;
}

/* False: the system was in the way, and it is to be tried again later. */
static bool remove_segment(struct keeper *keeper, uint32_t segment)
{
	struct log *log = keeper->log;
	struct move move = { .keeper = keeper, .segment = segment };
	struct segment_header header;
	uint64_t whole_bytes;
	char path[4200];

	segment_path(log_settings(log)->folder, segment, path, sizeof path);
	if (!commit(keeper))
		return false; /* the log has said why; below as well */
	int result = segment_read_file(path, &header, &whole_bytes, move_record, &move);

	if (result < 0) {
		fprintf(stderr, "tide-jobd: %s: %s; it stays for now\n", path, strerror(errno));
		return false;
	}
	if (move.is_held_up)
		return false;
	if (result != RECORD_IS_WHOLE) {
		/* Damaged on the disk, while the jobs are here: the next start finds it. */
		fprintf(stderr, "tide-jobd: %s: at byte %llu: a record is damaged; it is kept\n",
		        path, (unsigned long long)whole_bytes);
		return true;
	}
	if (!commit(keeper))
		return false;
	if (log_settings(log)->sync_ms != LOG_SYNC_NEVER)
		log_sync(log);
	if (!log_remove_file(log, segment)) {
		fprintf(stderr, "tide-jobd: %s: %s; it stays for now\n", path, strerror(errno));
		return false;
	}
	board_segment_is_gone(keeper->board);
	return true;
}

/* While the log is held up, at short intervals. */
static int64_t pause_ms(const struct keeper *keeper)
{
	bool is_short = keeper->sync_ms <= 0 || log_state(keeper->log) != LOG_GOES_ON;

	return is_short ? KEEPER_COMMIT_MS : keeper->sync_ms;
}

static void *keeper_main(void *context)
{
	struct board *board = context;
	struct log *log = board_log(board);
	struct keeper keeper = { .board = board,
		                 .log = log,
		                 .sync_ms = log_settings(log)->sync_ms,
		                 .synced_ms = now_ms() };
	uint64_t seen = 0;
	uint32_t segment;
	int64_t retry_ms = 0; /* not 0: no segment is removed before then */

	while (board_wait_for_records(board, &seen, &segment)) {
		if (segment != 0) {
			if (!remove_segment(&keeper, segment))
				retry_ms = now_ms() + KEEPER_RETRY_MS;
			continue;
		}
		if (retry_ms != 0 && now_ms() >= retry_ms) {
			retry_ms = 0;
			board_segment_stays(board);
		}
		board_pause_keeper(board, pause_ms(&keeper));
		commit(&keeper);
		if (log_state(log) == LOG_GOES_ON || sync_is_due(&keeper))
			sync_at_intervals(&keeper);
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
