/* See tail.h. */
#include "tail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 4200, COPIES_MAX = 100 };

/* A new file beside the segment; -1 and errno. An older one is of an earlier failure: it stays. */
static int create_copy(const struct tail *tail, char *path)
{
	int fd = -1;

	snprintf(path, PATH_BYTES, "%s.left-out", tail->path);
	for (int i = 1; i <= COPIES_MAX; i++) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			break;
		snprintf(path, PATH_BYTES, "%s.left-out.%d", tail->path, i);
	}
	return fd;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t wrote = write(fd, data, bytes);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return false;
		data += wrote;
		bytes -= (size_t)wrote;
	}
	return true;
}

/* What is taken off, in a file of its own, on the disk. */
static bool keep_copy(const struct tail *tail, const struct segment_file *file, char *path)
{
	int fd = create_copy(tail, path);

	if (fd < 0)
		return false;
	if (!write_all(fd, file->data + tail->whole_bytes, file->bytes - tail->whole_bytes) ||
	    fsync(fd) != 0) {
		int error = errno;

		close(fd);
		unlink(path);
		errno = error;
		return false;
	}
	close(fd);
	return segment_sync(tail->folder);
}

bool tail_take_off(const struct tail *tail, struct segment_file *file)
{
	uint64_t rest_bytes = file->bytes - tail->whole_bytes;

	if (tail->whole_behind > 0) {
		char copy[PATH_BYTES];

		if (!keep_copy(tail, file, copy))
			return false;
		fprintf(stderr,
		        "tide-jobd: %s: the last %" PRIu64 " bytes, from byte %" PRIu64
		        ", are damaged, and no sync had confirmed them: they are left out, with "
		        "%" PRIu64 " records that are whole, and kept in %s\n",
		        tail->path, rest_bytes, tail->whole_bytes, tail->whole_behind, copy);
	} else {
		fprintf(stderr,
		        "tide-jobd: %s: the last %" PRIu64
		        " bytes are an unfinished write: cut off\n",
		        tail->path, rest_bytes);
	}
	segment_unmap(file);
	if (tail->whole_bytes == 0)
		return unlink(tail->path) == 0 && segment_sync(tail->folder);
	return truncate(tail->path, (off_t)tail->whole_bytes) == 0 && segment_sync(tail->path) &&
	       segment_map(tail->path, file);
}
