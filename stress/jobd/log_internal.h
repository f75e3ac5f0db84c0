/* What the two parts of the log share: log.c, memory, and log_files.c, files. */
#ifndef JOBD_LOG_INTERNAL_H
#define JOBD_LOG_INTERNAL_H

#include "log.h"

#include <pthread.h>

/* Bytes that wait to be written, all of one segment. */
struct batch {
	struct batch *next;
	uint32_t segment;
	bool starts_segment; /* the segment's header comes first */
	size_t bytes;
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
	uint64_t batched;    /* number of the last record in the batches */

	/* Under files_lock. */
	pthread_mutex_t files_lock;
	int fd;

	/* Number of the last record in the files; on the disk.
	 * writers  under files_lock; log_sync's one thread   readers  all threads
	 * order    release, acquire         edges    log.written: a record's bytes are in the file
	 *                                            -> a reply that depends on them is sent */
	_Atomic uint64_t written;
	_Atomic uint64_t synced;
};

#endif
