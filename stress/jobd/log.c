/* See log.h. */
#include "log.h"

#include "../order.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHORT_SEGMENTS_MAX = 32, BATCH_ROOM_LEAST = 64 * 1024, BATCH_ROOM_KEPT = 1024 * 1024 };

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

static _Noreturn void die(const char *what, const char *path)
{
	fprintf(stderr, "tide-jobd: %s %s: %s; the log can't go on\n", what, path, strerror(errno));
	_exit(1); /* no reply of any thread may leave */
}

struct log *log_open(const struct log_options *options, int folder_lock,
                     const struct log_start *start)
{
	struct log *log = calloc(1, sizeof *log);

	if (log == NULL) {
		fprintf(stderr, "tide-jobd: no memory\n");
		return NULL;
	}
	log->folder_fd = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->folder_fd < 0) {
		fprintf(stderr, "tide-jobd: -b %s: %s\n", options->folder, strerror(errno));
		free(log);
		return NULL;
	}
	log->options = *options;
	log->folder_lock = folder_lock;
	log->segments = start->segments;
	log->segment_count = log->segment_room = start->segment_count;
	for (uint32_t i = 0; i < log->segment_count; i++) {
		log->bytes += log->segments[i].bytes;
		log->live_bytes += log->segments[i].live_bytes;
	}
	log->last_record = log->batched = start->last_record;
	atomic_init(&log->written, start->last_record);
	atomic_init(&log->synced, start->last_record);
	pthread_mutex_init(&log->batches_lock, NULL);
	pthread_mutex_init(&log->files_lock, NULL);
	log->fd = -1;
	return log;
}

static struct log_segment *current(struct log *log)
{
	return log->segment_count > 0 ? &log->segments[log->segment_count - 1] : NULL;
}

static bool add_segment(struct log *log, uint32_t number)
{
	if (log->segment_count == log->segment_room) {
		uint32_t room = 2 * log->segment_room + 4;
		struct log_segment *segments = realloc(log->segments, room * sizeof *segments);

		if (segments == NULL)
			return false;
		log->segments = segments;
		log->segment_room = room;
	}
	log->segments[log->segment_count++] =
	    (struct log_segment){ .number = number, .bytes = SEGMENT_HEADER_BYTES };
	log->bytes += SEGMENT_HEADER_BYTES;
	return true;
}

static bool batch_has_room(struct batch *batch, size_t bytes)
{
	if (batch->room - batch->bytes >= bytes)
		return true;
	size_t room = batch->room > 0 ? batch->room : BATCH_ROOM_LEAST;

	while (room - batch->bytes < bytes)
		room *= 2;
	char *data = realloc(batch->data, room);

	if (data == NULL)
		return false;
	batch->data = data;
	batch->room = room;
	return true;
}

/* The batch that a record of the segment goes to, with room for it. Under batches_lock. */
static struct batch *batch_for(struct log *log, uint32_t segment, bool starts, size_t bytes)
{
	struct batch *batch = log->last;

	if (batch == NULL || batch->segment != segment) {
		batch = log->spare;
		log->spare = NULL;
		if (batch == NULL) {
			batch = calloc(1, sizeof *batch);
			if (batch == NULL)
				return NULL;
		}
		batch->next = NULL;
		batch->segment = segment;
		batch->starts_segment = starts;
		batch->bytes = 0;
		if (!batch_has_room(batch, bytes)) {
			free(batch->data);
			free(batch);
			return NULL;
		}
		if (log->last != NULL)
			log->last->next = batch;
		else
			log->first = batch;
		log->last = batch;
		return batch;
	}
	return batch_has_room(batch, bytes) ? batch : NULL;
}

/* Copy the record to its batch. */
static bool batch_record(struct log *log, uint32_t segment, bool starts, uint64_t next_id,
                         const char *head, size_t head_bytes, const struct record *record)
{
	size_t header_bytes = starts ? SEGMENT_HEADER_BYTES : 0;

	pthread_mutex_lock(&log->batches_lock);
	struct batch *batch =
	    batch_for(log, segment, starts, header_bytes + head_bytes + record->body_bytes);

	if (batch != NULL) {
		char *at = batch->data + batch->bytes;

		if (starts) {
			struct segment_header header = { .number = segment,
				                         .first_record = record->number,
				                         .next_id = next_id };

			segment_encode(&header, at);
			at += header_bytes;
		}
		memcpy(at, head, head_bytes);
		if (record->body_bytes > 0)
			memcpy(at + head_bytes, record->body, record->body_bytes);
		batch->bytes += header_bytes + head_bytes + record->body_bytes;
		log->batched = record->number;
	}
	pthread_mutex_unlock(&log->batches_lock);
	return batch != NULL;
}

uint32_t log_append(struct log *log, struct record *record, uint64_t next_id)
{
	char head[RECORD_HEAD_MAX_BYTES];
	struct log_segment *segment = current(log);
	uint64_t bytes;
	bool starts = false;

	record->number = log->last_record + 1;
	size_t head_bytes = record_encode_head(record, head);

	bytes = head_bytes + record->body_bytes;
	/* The first append of a server starts a segment: the last one may end in the middle. */
	if (segment == NULL || log->records_written == 0 ||
	    segment->bytes + bytes > log->options.segment_bytes) {
		if (!add_segment(log, segment == NULL ? 1 : segment->number + 1))
			return 0;
		segment = current(log);
		starts = true;
	}
	if (!batch_record(log, segment->number, starts, next_id, head, head_bytes, record)) {
		if (starts) {
			log->segment_count--;
			log->bytes -= SEGMENT_HEADER_BYTES;
		}
		return 0;
	}
	log->last_record = record->number;
	log->records_written++;
	log->bytes += bytes;
	segment->bytes += bytes;
	if (record->kind == RECORD_FULL) {
		segment->live_jobs++;
		segment->live_bytes += bytes;
		log->live_bytes += bytes;
	}
	return segment->number;
}

void log_forget(struct log *log, uint32_t segment, uint64_t full_bytes)
{
	/* The numbers of segments have no gaps. */
	struct log_segment *found = &log->segments[segment - log->segments[0].number];

	found->live_jobs--;
	found->live_bytes -= full_bytes;
	log->live_bytes -= full_bytes;
}

uint64_t log_last_record(const struct log *log)
{
	return log->last_record;
}

uint32_t log_wants_gone(struct log *log)
{
	if (log->oldest_is_going || log->segment_count < 2)
		return 0;
	const struct log_segment *oldest = &log->segments[0];

	/* At most half of the log is of use to nobody, and two segments' worth; and many starts do
	 * not leave a short segment each. */
	if (oldest->live_jobs > 0 &&
	    log->bytes <= 2 * log->live_bytes + 2 * log->options.segment_bytes &&
	    log->segment_count <=
	        SHORT_SEGMENTS_MAX + 2 * (log->live_bytes / log->options.segment_bytes))
		return 0;
	log->oldest_is_going = true;
	return oldest->number;
}

void log_dropped_oldest(struct log *log)
{
	log->bytes -= log->segments[0].bytes;
	log->segment_count--;
	memmove(log->segments, log->segments + 1, log->segment_count * sizeof *log->segments);
	log->oldest_is_going = false;
}

void log_keeps_oldest(struct log *log)
{
	log->oldest_is_going = false;
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

static void write_batch(struct log *log, const struct batch *batch)
{
	size_t done = 0;

	if (batch->starts_segment)
		start_file(log, batch->segment);
	while (done < batch->bytes) {
		ssize_t wrote = write(log->fd, batch->data + done, batch->bytes - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			die("writing to", log->options.folder);
		done += (size_t)wrote;
	}
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

struct log_figures log_figures(const struct log *log)
{
	struct log_figures figures = { .records_written = log->records_written,
		                       .bytes = log->bytes,
		                       .live_bytes = log->live_bytes };

	if (log->segment_count > 0) {
		figures.oldest_segment = log->segments[0].number;
		figures.current_segment = log->segments[log->segment_count - 1].number;
	}
	return figures;
}

const struct log_options *log_settings(const struct log *log)
{
	return &log->options;
}

void log_close(struct log *log)
{
	if (log == NULL)
		return;
	log_commit(log, log->last_record);
	if (log->options.sync_ms != LOG_SYNC_NEVER)
		log_sync(log);
	if (log->fd >= 0)
		close(log->fd);
	close(log->folder_fd);
	close(log->folder_lock);
	pthread_mutex_destroy(&log->batches_lock);
	pthread_mutex_destroy(&log->files_lock);
	free(log->segments);
	if (log->spare != NULL)
		free(log->spare->data);
	free(log->spare);
	free(log);
}
