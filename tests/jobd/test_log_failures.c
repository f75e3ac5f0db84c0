/* The log where the system is in the way: what could not be written is tried again, goes on where
 * it ended, and is there once it could be; on a full disk the reserve is given up first. */
#include "log_folder.h"
#include "recovery.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int write_error;          /* of segments; 0: none */
static bool until_room;          /* only as long as the reserve is there */
static size_t bytes_before_fail; /* are written before it */
static unsigned failures;
static unsigned syncs;
static off_t synced_alone_bytes; /* of the only segment, at the last sync */
static unsigned syncs_of_header; /* before anything was written behind a segment's header */

static bool is_segment(int fd)
{
	char link[64], path[256];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t bytes = readlink(link, path, sizeof path - 1);

	path[bytes > 0 ? bytes : 0] = '\0';
	return strstr(path, "/segment.") != NULL;
}

static off_t reserve_bytes(void)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof path, "%s/reserve", folder);
	return stat(path, &status) == 0 ? status.st_size : -1;
}

/* In the place of libc's. */
ssize_t write(int fd, const void *data, size_t bytes)
{
	bool fails = write_error != 0 && is_segment(fd) && (!until_room || reserve_bytes() > 0);

	if (is_segment(fd) && lseek(fd, 0, SEEK_END) == SEGMENT_HEADER_BYTES)
		syncs_of_header = syncs;
	if (fails && bytes_before_fail == 0) {
		failures++;
		errno = write_error;
		return -1;
	}
	if (fails) {
		if (bytes > bytes_before_fail)
			bytes = bytes_before_fail;
		bytes_before_fail -= bytes;
	}
	return (ssize_t)syscall(SYS_write, fd, data, bytes);
}

int fdatasync(int fd)
{
	struct stat status;
	char path[128];

	syncs++;
	segment_path(folder, 2, path, sizeof path);
	if (fstat(fd, &status) == 0 && access(path, F_OK) != 0)
		synced_alone_bytes = status.st_size;
	return (int)syscall(SYS_fdatasync, fd);
}

/* All jobs are there, and nothing else. */
static void end_and_recover(struct log *log, uint64_t jobs)
{
	struct log_start start;
	char path[128];

	log_close(log);
	struct recovery *recovery = recovery_read(folder, &start);

	cr_assert_not_null(recovery);
	cr_assert_eq(recovery_jobs(recovery), jobs);
	cr_assert_eq(start.last_record, jobs);
	recovery_end(recovery);
	for (uint32_t i = 0; i < start.segment_count; i++) {
		segment_path(folder, start.segments[i].number, path, sizeof path);
		cr_assert_eq(unlink(path), 0);
	}
	free(start.segments);
	remove_folder();
}

/* Recovery counts on it. */
Test(log_failures, header_is_on_the_disk_first)
{
	struct log *log = new_log(1 << 20, 3600000);

	cr_assert(log_commit(log, append(log, 1)));
	cr_assert_eq(syncs_of_header, 1);
	cr_assert_eq(syncs, 1);
	end_and_recover(log, 1);
}

/* Only the last file may be unfinished on the disk. */
Test(log_failures, file_is_on_the_disk_before_the_next_is_made)
{
	struct log *log = new_log(4096, 3600000);
	struct stat status;
	char path[128];

	for (uint64_t id = 1; id <= 4; id++)
		append(log, id);
	cr_assert(log_commit(log, 4));
	segment_path(folder, 1, path, sizeof path);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(synced_alone_bytes, status.st_size);
	segment_path(folder, 2, path, sizeof path);
	cr_assert_eq(access(path, F_OK), 0);
	end_and_recover(log, 4);
}

/* A write error at each byte of a write in turn; the next write goes on there. */
Test(log_failures, goes_on_after_an_error)
{
	struct log *log = new_log(1 << 20, LOG_SYNC_AT_ONCE);
	uint64_t jobs = 0;

	for (size_t before = 0; before < 1200; before += 13) {
		uint64_t number = append(log, ++jobs);

		write_error = EIO;
		bytes_before_fail = before;
		failures = 0;
		bool is_done = log_commit(log, number);

		cr_assert_eq(is_done, failures == 0);
		if (!is_done) {
			cr_assert_eq(log_state(log), LOG_IS_STUCK);
			cr_assert_eq(log_written(log), number - 1);
			cr_assert_not(log_commit(log, number), "it still fails");
			cr_assert(log_commit(log, number - 1), "those were written");
			append(log, ++jobs);
		}
		write_error = 0;
		cr_assert(log_commit(log, jobs));
		cr_assert_eq(log_state(log), LOG_GOES_ON);
		cr_assert_eq(log_written(log), jobs);
	}
	end_and_recover(log, jobs);
}

/* As on a full disk: no more room than the reserve has. */
Test(log_failures, gives_up_the_reserve)
{
	struct log *log = new_log(1 << 20, 3600000);

	cr_assert(log_commit(log, append(log, 1)));
	cr_assert_eq(reserve_bytes(), 1 << 20);
	write_error = ENOSPC;
	until_room = true;
	bytes_before_fail = 100;
	cr_assert(log_commit(log, append(log, 2)));
	cr_assert_eq(failures, 1);
	cr_assert_eq(log_state(log), LOG_IS_FULL);
	cr_assert_eq(reserve_bytes(), 0);
	cr_assert(log_commit(log, append(log, 3)));
	/* And that as well is used up. */
	until_room = false;
	cr_assert_not(log_commit(log, append(log, 4)));
	cr_assert_eq(log_state(log), LOG_IS_STUCK);
	log_take_room(log);
	cr_assert_eq(log_state(log), LOG_IS_STUCK, "first it must be written");
	write_error = 0;
	cr_assert(log_commit(log, 4));
	cr_assert_eq(log_state(log), LOG_IS_FULL);
	log_take_room(log);
	cr_assert_eq(log_state(log), LOG_GOES_ON);
	cr_assert_eq(reserve_bytes(), 1 << 20);
	end_and_recover(log, 4);
}

/* The error of something else does not cost the reserve. */
Test(log_failures, keeps_the_reserve)
{
	struct log *log = new_log(1 << 20, LOG_SYNC_NEVER);

	write_error = EFBIG;
	cr_assert_not(log_commit(log, append(log, 1)));
	cr_assert_eq(reserve_bytes(), 1 << 20);
	write_error = 0;
	cr_assert(log_commit(log, 1));
	end_and_recover(log, 1);
}

/* No descriptor for the next file. */
Test(log_failures, waits_for_a_descriptor)
{
	struct log *log = new_log(4096, LOG_SYNC_NEVER);
	struct rlimit limit, none;

	for (uint64_t id = 1; id <= 3; id++)
		cr_assert(log_commit(log, append(log, id)));
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	append(log, 4);
	cr_assert_not(log_commit(log, append(log, 5)));
	cr_assert_eq(log_state(log), LOG_IS_STUCK);
	cr_assert_eq(log_written(log), 3);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert(log_commit(log, 5));
	cr_assert_eq(log_state(log), LOG_GOES_ON);
	end_and_recover(log, 5);
}
