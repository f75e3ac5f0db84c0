/* The log where the process has no descriptor left: what is promised to be on the disk is there. */
#include "log.h"
#include "segment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned syncs;
static struct stat synced_last;

/* In the place of libc's. */
int fdatasync(int fd)
{
	syncs++;
	if (fstat(fd, &synced_last) != 0)
		return -1;
	return (int)syscall(SYS_fdatasync, fd);
}

static char folder[] = "/tmp/jobd-test-log.XXXXXX";

static struct log *new_log(void)
{
	struct log_options options = { .segment_bytes = 1 << 20, .sync_ms = 3600000 };
	struct log_start start = { .next_id = 1 };

	cr_assert_not_null(mkdtemp(folder));
	options.folder = folder;
	int folder_lock = segment_lock_folder(folder);

	cr_assert_geq(folder_lock, 0);
	struct log *log = log_open(&options, folder_lock, &start);

	cr_assert_not_null(log);
	return log;
}

static void append(struct log *log, uint64_t id)
{
	static const char body[100];
	struct record record = { .kind = RECORD_FULL, .fields = { .id = id }, .tube = "default" };

	record.body = body;
	record.body_bytes = sizeof body;
	record.fields.body_crc = record_crc(body, sizeof body);
	cr_assert_eq(log_append(log, &record, id + 1), 1);
	log_commit(log, record.number);
}

static void remove_folder(void)
{
	char path[128];

	segment_path(folder, 1, path, sizeof path);
	cr_assert_eq(unlink(path), 0);
	snprintf(path, sizeof path, "%s/lock", folder);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(rmdir(folder), 0);
}

/* From now on every number below the limit is taken. */
static void take_all_descriptors(void)
{
	int fd = dup(0);

	cr_assert_geq(fd, 0);
	struct rlimit limit = { (rlim_t)fd + 1, (rlim_t)fd + 1 };

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_lt(dup(0), 0);
}

Test(log, is_synced_without_a_descriptor)
{
	struct log *log = new_log();
	struct stat status;
	char path[128];

	append(log, 1);
	log_sync(log);
	unsigned before = syncs;

	cr_assert_gt(before, 0);
	log_sync(log);
	cr_assert_eq(syncs, before, "nothing new was written");
	append(log, 2);
	take_all_descriptors();
	log_sync(log);
	cr_assert_eq(syncs, before + 1);
	segment_path(folder, 1, path, sizeof path);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_ino, synced_last.st_ino);
	cr_assert_eq(status.st_size, synced_last.st_size);
	log_sync(log);
	cr_assert_eq(syncs, before + 1, "nothing new was written");
	log_close(log);
	remove_folder();
}
