/* The keeper of the log, without the board: while it rewrites an old file, what is appended is
 * written and synced as often as at other times. The clock is the test's. */
#include "keeper.h"
#include "segment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RECORDS = 600, MS_A_RECORD = 20 };

struct board {
	bool has_asked;
	unsigned moved;
	unsigned committed;
	unsigned synced;
	unsigned unsynced_most;
	unsigned syncs;
	unsigned syncs_before_end;
	bool is_removed;
	bool is_gone;
};

static struct board board;
static struct log_options options;
static int64_t clock_ms = 1000;

/* In the place of libc's. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, now);
	now->tv_sec = clock_ms / 1000;
	now->tv_nsec = clock_ms % 1000 * 1000000;
	return 0;
}

/* In the place of the log's and the board's. */
struct log *board_log(struct board *of)
{
	return (struct log *)of; /* nobody looks into it */
}

const struct log_options *log_settings(const struct log *log)
{
	(void)log;
	return &options;
}

enum log_state log_state(const struct log *log)
{
	(void)log;
	return LOG_GOES_ON;
}

void log_take_room(struct log *log)
{
	(void)log;
}

void log_sync(struct log *log)
{
	(void)log;
	board.synced = board.committed;
	board.syncs++;
	if (board.moved < RECORDS)
		board.syncs_before_end++;
}

bool log_remove_file(struct log *log, uint32_t segment)
{
	(void)log;
	board.is_removed = true;
	cr_assert_eq(segment, 1);
	cr_assert_eq(board.moved, RECORDS);
	cr_assert_eq(board.committed, RECORDS);
	return true;
}

bool board_commit(struct board *of)
{
	of->committed = of->moved;
	return true;
}

void board_move_record(struct board *of, const struct record *record, uint32_t segment)
{
	cr_assert_eq(segment, 1);
	cr_assert_eq(record->number, ++of->moved);
	clock_ms += MS_A_RECORD;
	if (of->moved - of->synced > of->unsynced_most)
		of->unsynced_most = of->moved - of->synced;
}

bool board_wait_for_records(struct board *of, uint64_t *seen, uint32_t *segment)
{
	*seen = 0;
	*segment = 1;
	if (of->has_asked)
		return false;
	of->has_asked = true;
	return true;
}

void board_pause_keeper(struct board *of, int64_t ms)
{
	(void)of;
	(void)ms;
}

void board_stop_keeper(struct board *of)
{
	(void)of;
}

void board_segment_is_gone(struct board *of)
{
	of->is_gone = true;
}

void board_segment_stays(struct board *of)
{
	(void)of;
}

static void write_segment(const char *path)
{
	struct segment_header header = { .number = 1, .first_record = 1, .salt = 5 };
	char data[RECORD_HEAD_MAX_BYTES];
	FILE *file = fopen(path, "w");
	uint64_t at = SEGMENT_HEADER_BYTES;

	cr_assert_not_null(file);
	segment_encode(&header, data);
	cr_assert_eq(fwrite(data, SEGMENT_HEADER_BYTES, 1, file), 1);
	for (unsigned i = 1; i <= RECORDS; i++) {
		struct record record = { .kind = RECORD_FULL, .number = i, .tube = "default" };

		record.fields.body_crc = record_crc("", 0);
		record.mark = segment_mark(&header, at);
		size_t bytes = record_encode_head(&record, data);

		cr_assert_eq(fwrite(data, bytes, 1, file), 1);
		at += bytes;
	}
	cr_assert_eq(fclose(file), 0);
}

/* A file of the log is rewritten, under that policy. */
static void rewrite(int64_t sync_ms)
{
	char folder[] = "/tmp/jobd-test-keeper.XXXXXX", path[64];
	pthread_t thread;

	cr_assert_not_null(mkdtemp(folder));
	segment_path(folder, 1, path, sizeof path);
	write_segment(path);
	options = (struct log_options){ .folder = folder, .sync_ms = sync_ms };
	cr_assert(keeper_start(&board, &thread));
	keeper_stop(&board, thread);
	cr_assert(board.is_removed && board.is_gone);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(rmdir(folder), 0);
}

Test(keeper, syncs_while_it_rewrites)
{
	rewrite(100);
	/* Due after 100 ms, five records, and seen with the next. */
	cr_assert_eq(board.unsynced_most, 6);
	cr_assert_eq(board.syncs_before_end, RECORDS / 6 - 1);
	cr_assert_eq(board.synced, RECORDS, "before the file goes");
}

Test(keeper, syncs_at_the_end_where_each_commit_does)
{
	rewrite(LOG_SYNC_AT_ONCE);
	cr_assert_eq(board.syncs_before_end, 0);
	cr_assert_eq(board.syncs, 1);
}

Test(keeper, never_syncs_where_told_so)
{
	rewrite(LOG_SYNC_NEVER);
	cr_assert_eq(board.syncs, 0);
}
