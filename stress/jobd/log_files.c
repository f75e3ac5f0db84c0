/* The log's files: batches are written, synced, and old segments removed. See log.h. */
#include "log_internal.h"

#include "../order.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BATCH_ROOM_KEPT = 1024 * 1024,
	RESERVE_BYTES_LEAST = 1024 * 1024,
	RESERVE_BYTES_MOST = 64 * 1024 * 1024,
};

/* A sync has failed: what was written may not be on the disk, and the system would not say so a
 * second time. */
static _Noreturn void die(const char *what)
{
	fprintf(stderr, "tide-jobd: syncing %s: %s; the log can't go on\n", what, strerror(errno));
	_exit(1); /* no reply of any thread may leave */
}

static void sync_folder(const struct log *log)
{
	if (fsync(log->folder_fd) != 0)
		die(log->options.folder);
}

bool log_remove_file(struct log *log, uint32_t segment)
{
	char path[4200];

	segment_path(log->options.folder, segment, path, sizeof path);
	if (unlink(path) != 0)
		return false;
	/* No later segment may be gone on the disk while this one is there. */
	if (log->options.sync_ms != LOG_SYNC_NEVER)
		sync_folder(log);
	return true;
}

/* Everything below under files_lock. */

static void set_state(struct log *log, enum log_state state)
{
	static const char *const news[] = {
		[LOG_GOES_ON] = "jobs are taken again",
		[LOG_IS_FULL] = "the disk is full: no jobs are taken until there is room",
		[LOG_IS_STUCK] = "nothing is changed until it can be written",
	};

	if (state == load_relaxed(&log->state)) /* its only writers have the lock */
		return;
	fprintf(stderr, "tide-jobd: -b %s: %s\n", log->options.folder, news[state]);
	store_relaxed(&log->state, state); /* carries no data */
}

/* After a write: the state but for failures. */
static enum log_state state_of_room(const struct log *log)
{
	return log->reserve.fd < 0 || log->reserve.is_held ? LOG_GOES_ON : LOG_IS_FULL;
}

/* What errno says. True: there is room now, and it is to be tried again. */
static bool make_room(struct log *log)
{
	int error = errno;

	if (reserve_is_room_error(error) && reserve_give_up(&log->reserve)) {
		set_state(log, LOG_IS_FULL);
		return true;
	}
	if (load_relaxed(&log->state) != LOG_IS_STUCK) /* under the lock */
		fprintf(stderr, "tide-jobd: writing to %s: %s\n", log->options.folder,
		        strerror(error));
	set_state(log, LOG_IS_STUCK);
	return false;
}

/* End the current file, and begin the segment's. False: the system is in the way. */
static bool start_file(struct log *log, uint32_t segment)
{
	char path[4200];
	bool syncs = log->options.sync_ms != LOG_SYNC_NEVER;
	int fd;

	segment_path(log->options.folder, segment, path, sizeof path);
	/* Only the last file may be unfinished on the disk: this comes before there is another. */
	if (log->fd >= 0 && syncs && fdatasync(log->fd) != 0)
		die(path);
	do
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
	while (fd < 0 && make_room(log));
	if (fd < 0)
		return false;
	if (log->fd >= 0)
		close(log->fd);
	log->fd = fd;
	if (syncs)
		sync_folder(log);
	return true;
}

/* Of the batch, up to there. False: not all of it; it is tried again from where it ended. */
static bool write_upto(struct log *log, struct batch *batch, size_t end)
{
	while (batch->done < end) {
		ssize_t wrote = write(log->fd, batch->data + batch->done, end - batch->done);

		if (wrote > 0)
			batch->done += (size_t)wrote;
		else if (wrote < 0 && errno != EINTR && !make_room(log))
			return false;
	}
	return true;
}

static bool write_batch(struct log *log, struct batch *batch)
{
	if (batch->starts_segment) {
		if (!start_file(log, batch->segment))
			return false;
		batch->starts_segment = false;
		batch->has_header = true;
	}
	/* A header is on the disk before there is anything behind it: recovery counts on it. */
	if (batch->has_header && log->options.sync_ms != LOG_SYNC_NEVER) {
		if (!write_upto(log, batch, SEGMENT_HEADER_BYTES))
			return false;
		if (fdatasync(log->fd) != 0)
			die(log->options.folder);
		batch->has_header = false;
	}
	return write_upto(log, batch, batch->bytes);
}

/* Keep one batch for the next time, unless it is huge. */
static void batch_is_written(struct log *log, struct batch *batch)
{
	if (batch->room <= BATCH_ROOM_KEPT) {
		pthread_mutex_lock(&log->batches_lock);
		if (log->spare == NULL) {
			log->spare = batch;
			batch = NULL;
		}
		pthread_mutex_unlock(&log->batches_lock);
	}
	if (batch != NULL) {
		free(batch->data);
		free(batch);
	}
}

/* What was appended since the last time goes behind what could not be written then. */
static void take_batches(struct log *log)
{
	struct batch **end = &log->unwritten;

	while (*end != NULL)
		end = &(*end)->next;
	pthread_mutex_lock(&log->batches_lock);
	*end = log->first;
	log->first = log->last = NULL;
	pthread_mutex_unlock(&log->batches_lock);
}

/* All of them, or up to a failure. Returns the number of the last record that is in the files. */
static uint64_t write_batches(struct log *log)
{
	uint64_t last = load_relaxed(&log->written); /* its only writers have the lock */
	struct batch *batch;

	while ((batch = log->unwritten) != NULL) {
		if (!write_batch(log, batch))
			return last;
		last = batch->last_record;
		log->unwritten = batch->next;
		batch_is_written(log, batch);
	}
	set_state(log, state_of_room(log));
	return last;
}

/* End of what is under files_lock. */

bool log_commit(struct log *log, uint64_t number)
{
	/* Another thread's write may have taken these records along.
	 * edge log.written; as is the load under the lock. */
	if (load_acquire(&log->written) >= number)
		return true;
	pthread_mutex_lock(&log->files_lock);
	uint64_t written = load_acquire(&log->written);

	if (written < number) {
		uint64_t before = written;

		take_batches(log);
		written = write_batches(log);
		if (written > before && log->options.sync_ms == LOG_SYNC_AT_ONCE) {
			if (fdatasync(log->fd) != 0)
				die(log->options.folder);
			store_release(&log->synced, written);
		}
		store_release(&log->written, written); /* edge log.written */
	}
	pthread_mutex_unlock(&log->files_lock);
	return written >= number;
}

void log_sync(struct log *log)
{
	/* A file that is ended is synced by who ends it, so the current one is enough; by a second
	 * descriptor, so that writers need not wait. Where there is none to be had they do. */
	pthread_mutex_lock(&log->files_lock);
	uint64_t written = load_acquire(&log->written);
	bool is_synced = written <= load_acquire(&log->synced);
	int fd = is_synced ? -1 : dup(log->fd);

	if (!is_synced && fd < 0) {
		if (fdatasync(log->fd) != 0)
			die(log->options.folder);
		store_release(&log->synced, written);
	}
	pthread_mutex_unlock(&log->files_lock);
	if (fd < 0)
		return;
	if (fdatasync(fd) != 0)
		die(log->options.folder);
	close(fd);
	store_release(&log->synced, written);
}

void log_open_files(struct log *log)
{
	uint64_t room = log->options.segment_bytes;

	log->fd = -1;
	if (room < RESERVE_BYTES_LEAST)
		room = RESERVE_BYTES_LEAST;
	if (room > RESERVE_BYTES_MOST)
		room = RESERVE_BYTES_MOST;
	reserve_open(&log->reserve, log->options.folder, room);
	atomic_init(&log->state, LOG_GOES_ON);
	set_state(log, state_of_room(log)); /* no other thread yet */
}

void log_close_files(struct log *log)
{
	struct batch *batch;

	if (log->unwritten != NULL)
		fprintf(stderr,
		        "tide-jobd: -b %s: the last changes could not be written; none was "
		        "acknowledged\n",
		        log->options.folder);
	while ((batch = log->unwritten) != NULL) {
		log->unwritten = batch->next;
		free(batch->data);
		free(batch);
	}
	if (log->fd >= 0)
		close(log->fd);
	reserve_close(&log->reserve);
}

uint64_t log_written(const struct log *log)
{
	return load_acquire(&log->written); /* edge log.written */
}

enum log_state log_state(const struct log *log)
{
	return load_relaxed(&log->state); /* carries no data */
}

void log_take_room(struct log *log)
{
	if (log_state(log) != LOG_IS_FULL)
		return;
	pthread_mutex_lock(&log->files_lock);
	if (log_state(log) == LOG_IS_FULL && reserve_take(&log->reserve))
		set_state(log, LOG_GOES_ON);
	pthread_mutex_unlock(&log->files_lock);
}
