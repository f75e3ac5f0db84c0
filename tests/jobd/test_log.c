/* The log and its recovery: what is promised to be on the disk is there, also where the process has
 * no descriptor left, and when files get shorter or go. */
#include "log_folder.h"
#include "recovery.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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

int fsync(int fd)
{
	syncs++;
	if (fstat(fd, &synced_last) != 0)
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

static void assert_synced_last(const char *path)
{
	struct stat status;

	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_ino, synced_last.st_ino);
	cr_assert_eq(status.st_size, synced_last.st_size);
}

static void remove_segment_and_folder(void)
{
	char path[128];

	segment_path(folder, 1, path, sizeof path);
	(void)unlink(path); /* unless the test has done so */
	remove_folder();
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
	struct log *log = new_log(1 << 20, 3600000);
	char path[128];

	cr_assert(log_commit(log, append(log, 1)));
	log_sync(log);
	unsigned before = syncs;

	cr_assert_gt(before, 0);
	log_sync(log);
	cr_assert_eq(syncs, before, "nothing new was written");
	cr_assert(log_commit(log, append(log, 2)));
	take_all_descriptors();
	log_sync(log);
	cr_assert_eq(syncs, before + 1);
	segment_path(folder, 1, path, sizeof path);
	assert_synced_last(path);
	log_sync(log);
	cr_assert_eq(syncs, before + 1, "nothing new was written");
	log_close(log);
	remove_segment_and_folder();
}

Test(log, is_synced_when_a_file_goes)
{
	struct log *log = new_log(1 << 20, 3600000);
	char path[128];

	cr_assert(log_commit(log, append(log, 1)));
	segment_path(folder, 1, path, sizeof path);
	unsigned before = syncs;

	cr_assert(log_remove_file(log, 1));
	cr_assert_neq(access(path, F_OK), 0);
	cr_assert_eq(syncs, before + 1);
	assert_synced_last(folder);
	cr_assert_not(log_remove_file(log, 1));
	log_close(log);
	remove_segment_and_folder();
}

/* The segment, of which a kill left so many bytes. */
static void recover(long left_bytes)
{
	struct log_start start;
	char path[128];

	segment_path(folder, 1, path, sizeof path);
	cr_assert_eq(truncate(path, left_bytes), 0);
	struct recovery *recovery = recovery_read(folder, &start);

	cr_assert_not_null(recovery);
	cr_assert_eq(recovery_jobs(recovery), 0);
	recovery_end(recovery);
	free(start.segments);
}

Test(log, is_synced_when_it_is_cut)
{
	struct log *log = new_log(1 << 20, 3600000);
	char path[128];

	cr_assert(log_commit(log, append(log, 1)));
	log_close(log);
	segment_path(folder, 1, path, sizeof path);
	unsigned before = syncs;

	recover(SEGMENT_HEADER_BYTES + 10);
	cr_assert_eq(syncs, before + 1);
	assert_synced_last(path);
	cr_assert_eq(synced_last.st_size, SEGMENT_HEADER_BYTES);
	recover(5);
	cr_assert_eq(syncs, before + 2);
	cr_assert_neq(access(path, F_OK), 0);
	assert_synced_last(folder);
	remove_segment_and_folder();
}
