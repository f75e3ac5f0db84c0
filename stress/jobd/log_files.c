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

enum { BATCH_ROOM_KEPT = 1024 * 1024 };

static _Noreturn void die(const char *what, const char *path)
{
	fprintf(stderr, "tide-jobd: %s %s: %s; the log can't go on\n", what, path, strerror(errno));
	_exit(1); /* no reply of any thread may leave */
}

static void sync_folder(const struct log *log)
{
	if (fsync(log->folder_fd) != 0)
		die("syncing", log->options.folder);
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

/* End the current file, and begin the segment's. */
static void start_file(struct log *log, uint32_t segment)
{
	char path[4200];
	bool syncs = log->options.sync_ms != LOG_SYNC_NEVER;

	segment_path(log->options.folder, segment, path, sizeof path);
	if (log->fd >= 0) {
		if (syncs && fdatasync(log->fd) != 0)
			die("syncing before", path);
		close(log->fd);
	}
	log->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
	if (log->fd < 0)
		die("creating", path);
	if (syncs)
		sync_folder(log);
}

static void write_upto(struct log *log, const struct batch *batch, size_t *done, size_t end)
{
	while (*done < end) {
		ssize_t wrote = write(log->fd, batch->data + *done, end - *done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			die("writing to", log->options.folder);
		*done += (size_t)wrote;
	}
}

static void write_batch(struct log *log, const struct batch *batch)
{
	size_t done = 0;

	if (batch->starts_segment) {
		start_file(log, batch->segment);
		/* A header is on the disk before there is anything behind it: recovery counts on
		 * it. */
		if (log->options.sync_ms != LOG_SYNC_NEVER) {
			write_upto(log, batch, &done, SEGMENT_HEADER_BYTES);
			if (fdatasync(log->fd) != 0)
				die("syncing", log->options.folder);
		}
	}
	write_upto(log, batch, &done, batch->bytes);
}

/* Keep one batch for the next time, unless it is huge. Under files_lock. */
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

void log_commit(struct log *log, uint64_t number)
{
	/* Another thread's write may have taken these records along.
	 * edge log.written; as is the load under the lock. */
	if (load_acquire(&log->written) >= number)
		return;
	pthread_mutex_lock(&log->files_lock);
	if (load_acquire(&log->written) < number) {
		pthread_mutex_lock(&log->batches_lock);
		struct batch *batch = log->first;
		uint64_t batched = log->batched;

		log->first = log->last = NULL;
		pthread_mutex_unlock(&log->batches_lock);
		while (batch != NULL) {
			struct batch *next = batch->next;

			write_batch(log, batch);
			batch_is_written(log, batch);
			batch = next;
		}
		if (log->options.sync_ms == LOG_SYNC_AT_ONCE) {
			if (fdatasync(log->fd) != 0)
				die("syncing", log->options.folder);
			store_release(&log->synced, batched);
		}
		store_release(&log->written, batched); /* edge log.written */
	}
	pthread_mutex_unlock(&log->files_lock);
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
			die("syncing", log->options.folder);
		store_release(&log->synced, written);
	}
	pthread_mutex_unlock(&log->files_lock);
	if (fd < 0)
		return;
	if (fdatasync(fd) != 0)
		die("syncing", log->options.folder);
	close(fd);
	store_release(&log->synced, written);
}
