/* A log in a folder of its own, for one test: made, written to, and taken away again. */
#ifndef TESTS_JOBD_LOG_FOLDER_H
#define TESTS_JOBD_LOG_FOLDER_H

#include "log.h"
#include "segment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/jobd-test-log.XXXXXX";

static struct log *new_log(uint64_t segment_bytes, int64_t sync_ms)
{
	struct log_options options = { .segment_bytes = segment_bytes, .sync_ms = sync_ms };
	struct log_start start = { .next_id = 1 };

	cr_assert_not_null(mkdtemp(folder));
	options.folder = folder;
	int folder_lock = segment_lock_folder(folder);

	cr_assert_geq(folder_lock, 0);
	struct log *log = log_open(&options, folder_lock, &start);

	cr_assert_not_null(log);
	cr_assert_eq(log_state(log), LOG_GOES_ON);
	return log;
}

/* A job with that id and a body of 1000 bytes; the number of its record. */
static uint64_t append(struct log *log, uint64_t id)
{
	static const char body[1000];
	struct record record = { .kind = RECORD_FULL, .fields = { .id = id }, .tube = "default" };

	record.body = body;
	record.body_bytes = sizeof body;
	record.fields.body_crc = record_crc(body, sizeof body);
	cr_assert_gt(log_append(log, &record, id + 1), 0);
	return record.number;
}

/* After its segments. */
static void remove_folder(void)
{
	static const char *const names[] = { "lock", "reserve" };
	char path[128];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		cr_assert_eq(unlink(path), 0);
	}
	cr_assert_eq(rmdir(folder), 0);
}

#endif
