/* See segment.h. */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void segment_path(const char *folder, uint32_t segment, char *path, size_t bytes)
{
	snprintf(path, bytes, "%s/segment.%010u", folder, segment);
}

int segment_lock_folder(const char *folder)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s/lock", folder) >= sizeof path - 32) {
		fprintf(stderr, "tide-jobd: -b %s: the path is too long\n", folder);
		return -1;
	}
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0) {
		fprintf(stderr, "tide-jobd: -b %s: %s\n", folder, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		fprintf(stderr, "tide-jobd: -b %s: another server uses it\n", folder);
		close(fd);
		return -1;
	}
	return fd;
}

bool segment_map(const char *path, struct segment_file *file)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (fstat(fd, &status) != 0) {
		close(fd);
		return false;
	}
	file->bytes = (size_t)status.st_size;
	file->data = NULL;
	if (file->bytes > 0) {
		file->data = mmap(NULL, file->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file->data == MAP_FAILED)
			file->data = NULL;
	}
	close(fd);
	return file->bytes == 0 || file->data != NULL;
}

void segment_unmap(struct segment_file *file)
{
	if (file->data != NULL)
		munmap(file->data, file->bytes);
	file->data = NULL;
}

enum record_result segment_read(const struct segment_file *file, struct segment_header *header,
                                uint64_t *whole_bytes,
                                bool (*take)(void *context, const struct record *record),
                                void *context)
{
	enum record_result result = segment_decode(file->data, file->bytes, header);
	size_t at = SEGMENT_HEADER_BYTES;

	*whole_bytes = 0;
	if (result != RECORD_IS_WHOLE)
		return result;
	*whole_bytes = at;
	while (at < file->bytes) {
		struct record record;
		size_t used;

		result = record_decode(file->data + at, file->bytes - at, &record, &used);
		if (result != RECORD_IS_WHOLE)
			return result;
		if (record.mark != segment_mark(header, at) || !take(context, &record))
			return RECORD_IS_WRONG;
		at += used;
		*whole_bytes = at;
	}
	return RECORD_IS_WHOLE;
}

int segment_read_file(const char *path, struct segment_header *header, uint64_t *whole_bytes,
                      bool (*take)(void *context, const struct record *record), void *context)
{
	struct segment_file file;

	if (!segment_map(path, &file))
		return -1;
	int result = (int)segment_read(&file, header, whole_bytes, take, context);

	segment_unmap(&file);
	return result;
}

struct segment_rest segment_scan(const struct segment_file *file,
                                 const struct segment_header *header, uint64_t at,
                                 uint64_t last_record)
{
	struct segment_rest rest = { 0 };

	while (at < file->bytes) {
		const char *data = file->data + at;
		struct record record;
		size_t used = 1;

		if (record_has_mark(data, file->bytes - at, segment_mark(header, at)) &&
		    record_decode(data, file->bytes - at, &record, &used) == RECORD_IS_WHOLE &&
		    record.number > last_record) {
			rest.records++;
			if (record.synced > rest.synced)
				rest.synced = record.synced;
			if (record.fields.id > rest.last_id)
				rest.last_id = record.fields.id;
		} else {
			used = 1;
		}
		at += used;
	}
	return rest;
}

bool segment_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is_synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return is_synced;
}
