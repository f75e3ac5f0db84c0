/* The files of the log's folder: their names, the lock on the folder, and reading a segment.
 *
 * Touched by  the start of the server, and the keeper of the log, which reads segments that nobody
 *             writes to any more. Nothing here is shared.
 */
#ifndef JOBD_SEGMENT_H
#define JOBD_SEGMENT_H

#include "record.h"

/* A segment's file in memory; `data` is NULL for an empty one. */
struct segment_file {
	char *data;
	size_t bytes;
};

void segment_path(const char *folder, uint32_t segment, char *path, size_t bytes);
/* The lock on the folder, which only one server has: a descriptor for log_open, which log_close
 * closes. -1 with a message: it is in use, or no folder. */
int segment_lock_folder(const char *folder);

/* False, and errno: it can't be read. */
bool segment_map(const char *path, struct segment_file *file);
void segment_unmap(struct segment_file *file);

/* Each record to `take`, until it returns false, which counts as a wrong record; `*whole_bytes` is
 * how far the file is right. Returns WHOLE, or what ended it. */
enum record_result segment_read(const struct segment_file *file, struct segment_header *header,
                                uint64_t *whole_bytes,
                                bool (*take)(void *context, const struct record *record),
                                void *context);
/* The same, of a path; -1 and errno: it can't be read. */
int segment_read_file(const char *path, struct segment_header *header, uint64_t *whole_bytes,
                      bool (*take)(void *context, const struct record *record), void *context);
/* What is whole behind a place where the file is not. */
struct segment_rest {
	uint64_t records; /* with a number above `last_record` */
	uint64_t last_id; /* the highest of their jobs */
	uint64_t synced;  /* the highest number that was on the disk before one of these */
};
struct segment_rest segment_scan(const struct segment_file *file,
                                 const struct segment_header *header, uint64_t at,
                                 uint64_t last_record);
/* The file or folder is on the disk. False, and errno. */
bool segment_sync(const char *path);

#endif
