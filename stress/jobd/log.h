/* The log: what happened to jobs, in segment files of a folder, so that a server that was killed
 * finds them again.
 *
 * A record is appended to memory at once; log_commit brings all that was appended up to a record
 * into the files, many threads' records with one write. A reply leaves the server only after that
 * (server.c), so what was acknowledged survives the end of the process; what survives the end of
 * the machine is a matter of the sync policy.
 *
 * Segments are removed oldest first only, and only when no live job's FULL record is in them. So
 * whenever a FULL record is still there, the GONE and CHANGE records that came after it are, too.
 *
 * Touched by  log_append, log_forget and the figures: under the board's lock. log_commit, log_sync
 *             and log_take_room: any thread, without that lock.
 * Locks       board's lock > batches_lock (a copy of a record); files_lock (a write, and an fsync
 *             where the policy is to sync at once) > batches_lock.
 * Failure     A write that fails leaves its records in memory, and is tried again; what was not
 *             written is not acknowledged. While that is so (LOG_IS_STUCK) the board changes
 *             nothing. On a full disk the reserve (reserve.h) is given up first: then no jobs are
 *             taken (LOG_IS_FULL), but those that are there can be deleted, buried and released.
 *             A sync that fails ends the process: what was written may not be on the disk, and
 *             asking again would not tell.
 */
#ifndef JOBD_LOG_H
#define JOBD_LOG_H

#include "record.h"

enum { LOG_SYNC_NEVER = -1, LOG_SYNC_AT_ONCE = 0 };

struct log_options {
	const char *folder;
	uint64_t segment_bytes; /* a segment is ended before it gets longer */
	int64_t sync_ms;        /* between two fsyncs; or LOG_SYNC_* */
};

struct log;

/* What recovery found in the folder: where the log goes on. */
struct log_start {
	uint32_t last_segment; /* 0: none */
	uint64_t last_record;
	uint64_t next_id;
	uint64_t salt;                /* of the segments; where there is none, of no meaning */
	struct log_segment *segments; /* of malloc; the log takes it */
	uint32_t segment_count;
};

/* A segment, as the board needs to know it. */
struct log_segment {
	uint32_t number;
	uint64_t bytes;      /* of all records */
	uint64_t live_jobs;  /* jobs whose last FULL record is here */
	uint64_t live_bytes; /* of these records */
};

/* NULL with a message. `folder_lock` is of segment_lock_folder. */
struct log *log_open(const struct log_options *options, int folder_lock,
                     const struct log_start *start);
/* Commit and sync all, and close. */
void log_close(struct log *log);

/* Append; the record gets its number. `next_id`: smaller ids have been given. Returns the segment,
 * or 0: no memory, nothing was appended. */
uint32_t log_append(struct log *log, struct record *record, uint64_t next_id);
/* The FULL record, of so many bytes, of a job in that segment does not count any more. */
void log_forget(struct log *log, uint32_t segment, uint64_t full_bytes);
/* The number of the last record. */
uint64_t log_last_record(const struct log *log);
/* The oldest segment if it should go: its live jobs are to be appended again (log_append, then
 * log_forget), and it is to be removed. 0: none. Not again for the same, unless it was kept. */
uint32_t log_wants_gone(struct log *log);
/* Remove the segment's file, also on the disk. False, with errno: it is still there. */
bool log_remove_file(struct log *log, uint32_t segment);
/* The file of that segment could not be removed. */
void log_keeps_oldest(struct log *log);
/* The file of that segment is gone. */
void log_dropped_oldest(struct log *log);

enum log_state { LOG_GOES_ON, LOG_IS_FULL, LOG_IS_STUCK };

/* All records up to `number` are in the files, and synced where the policy is to do so at once.
 * False: not all; see log_written. */
bool log_commit(struct log *log, uint64_t number);
/* The number of the last record that is. */
uint64_t log_written(const struct log *log);
enum log_state log_state(const struct log *log);
/* Leave LOG_IS_FULL, if there is room again. */
void log_take_room(struct log *log);
/* What is in the files is on the disk; waits for no commit. */
void log_sync(struct log *log);

struct log_figures {
	uint32_t oldest_segment;
	uint32_t current_segment;
	uint64_t records_written;
	uint64_t bytes;      /* of all segments */
	uint64_t live_bytes; /* of these, in FULL records of live jobs */
};
struct log_figures log_figures(const struct log *log);
const struct log_options *log_settings(const struct log *log);

#endif
