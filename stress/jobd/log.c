/* See log.h. */
#include "log_internal.h"

#include "../order.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { SHORT_SEGMENTS_MAX = 32, BATCH_ROOM_LEAST = 64 * 1024 };

/* What was found was read, but may not be on the disk yet. */
static bool sync_found(const struct log_options *options, const struct log_start *start)
{
	char path[4200];

	for (uint32_t i = 0; i < start->segment_count; i++) {
		segment_path(options->folder, start->segments[i].number, path, sizeof path);
		if (!segment_sync(path)) {
			fprintf(stderr, "tide-jobd: syncing %s: %s\n", path, strerror(errno));
			return false;
		}
	}
	return true;
}

static bool set_up(struct log *log, const struct log_options *options,
                   const struct log_start *start)
{
	bool syncs = options->sync_ms != LOG_SYNC_NEVER;

	log->folder_fd = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->folder_fd < 0) {
		fprintf(stderr, "tide-jobd: -b %s: %s\n", options->folder, strerror(errno));
		return false;
	}
	if (syncs && !sync_found(options, start))
		return false;
	log->salt = start->salt;
	if (start->segment_count == 0 && getrandom(&log->salt, sizeof log->salt, 0) < 0) {
		fprintf(stderr, "tide-jobd: no random number: %s\n", strerror(errno));
		return false;
	}
	atomic_init(&log->written, start->last_record);
	atomic_init(&log->synced, syncs ? start->last_record : 0);
	return true;
}

struct log *log_open(const struct log_options *options, int folder_lock,
                     const struct log_start *start)
{
	struct log *log = calloc(1, sizeof *log);

	if (log == NULL) {
		fprintf(stderr, "tide-jobd: no memory\n");
		return NULL;
	}
	if (!set_up(log, options, start)) {
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
	log->last_record = start->last_record;
	pthread_mutex_init(&log->batches_lock, NULL);
	pthread_mutex_init(&log->files_lock, NULL);
	log_open_files(log);
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
		batch->has_header = false;
		batch->bytes = batch->done = 0;
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

/* Copy the record to its batch, behind the segment's header if there is one. */
static bool batch_record(struct log *log, const struct segment_header *header, bool starts,
                         const struct record *record)
{
	char head[RECORD_HEAD_MAX_BYTES];
	size_t header_bytes = starts ? SEGMENT_HEADER_BYTES : 0;
	size_t head_bytes = record_encode_head(record, head);

	pthread_mutex_lock(&log->batches_lock);
	struct batch *batch =
	    batch_for(log, header->number, starts, header_bytes + head_bytes + record->body_bytes);

	if (batch != NULL) {
		char *at = batch->data + batch->bytes;

		if (starts)
			segment_encode(header, at);
		at += header_bytes;
		memcpy(at, head, head_bytes);
		if (record->body_bytes > 0)
			memcpy(at + head_bytes, record->body, record->body_bytes);
		batch->bytes += header_bytes + head_bytes + record->body_bytes;
		batch->last_record = record->number;
	}
	pthread_mutex_unlock(&log->batches_lock);
	return batch != NULL;
}

uint32_t log_append(struct log *log, struct record *record, uint64_t next_id)
{
	struct log_segment *segment = current(log);
	uint64_t bytes = record_bytes(record);
	/* The first append of a server starts a segment: the last one may end in the middle. */
	bool starts = segment == NULL || log->records_written == 0 ||
	              segment->bytes + bytes > log->options.segment_bytes;

	if (starts) {
		if (!add_segment(log, segment == NULL ? 1 : segment->number + 1))
			return 0;
		segment = current(log);
	}
	struct segment_header header = { .number = segment->number,
		                         .first_record = log->last_record + 1,
		                         .next_id = next_id,
		                         .salt = log->salt };

	record->number = log->last_record + 1;
	record->synced = load_relaxed(&log->synced); /* it only grows, and the file says no more */
	record->mark = segment_mark(&header, segment->bytes);
	if (!batch_record(log, &header, starts, record)) {
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

	switch (log_state(log)) {
	case LOG_IS_STUCK:
		return 0;
	case LOG_IS_FULL:
		/* Whatever helps, and fits into what the reserve left. */
		if (oldest->live_bytes > 0 &&
		    (log->bytes <= log->live_bytes + log->options.segment_bytes ||
		     oldest->live_bytes > log->reserve.bytes / 2))
			return 0;
		break;
	case LOG_GOES_ON:
		break;
	}
	/* At most half of the log is of use to nobody, and two segments' worth; and many starts do
	 * not leave a short segment each. */
	if (log_state(log) == LOG_GOES_ON && oldest->live_jobs > 0 &&
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
	log_close_files(log);
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
