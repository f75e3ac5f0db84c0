/* What the two parts of the log share: log.c, memory, and log_files.c, files. */
#ifndef JOBD_LOG_INTERNAL_H
#define JOBD_LOG_INTERNAL_H

#include "log.h"
#include "reserve.h"

#include <pthread.h>

/* Bytes that wait to be written, all of one segment. */
struct batch {
	struct batch *next;
	uint32_t segment;
	bool starts_segment; /* the segment's header comes first; its file is not there yet */
	bool has_header;     /* and is not known to be on the disk */
	uint64_t last_record;
	size_t bytes;
	size_t done; /* bytes in the file */
	size_t room;
	char *data;
};

struct log {
	struct log_options options;
	uint64_t salt;
	int folder_lock;
	int folder_fd; /* kept, so that a sync of it needs none when there is none to be had */

	/* Under the board's lock. Oldest first; the last one is current. */
	struct log_segment *segments;
	uint32_t segment_count;
	uint32_t segment_room;
	uint64_t last_record;
	uint64_t records_written;
	uint64_t bytes;
	uint64_t live_bytes;
	bool oldest_is_going;

	/* Under batches_lock. */
	pthread_mutex_t batches_lock;
	struct batch *first;
	struct batch *last;
	struct batch *spare; /* NULL; or one to use again */

	/* Under files_lock. */
	pthread_mutex_t files_lock;
	int fd;
	struct batch *unwritten; /* taken out of the list above */
	struct reserve reserve;
	/* writers  under files_lock         readers  any thread
	 * order    relaxed                  edges    none: it carries no data */
	_Atomic enum log_state state;

	/* Number of the last record in the files; on the disk.
	 * writers  under files_lock; log_sync's one thread   readers  all threads
	 * order    release, acquire         edges    log.written: a record's bytes are in the file
	 *                                            -> a reply that depends on them is sent */
	_Atomic uint64_t written;
	_Atomic uint64_t synced;
};

/* log_files.c: the part under files_lock. */
void log_open_files(struct log *log);
void log_close_files(struct log *log);

#endif
