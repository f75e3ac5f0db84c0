/* See recovery.h. */
#include "recovery.h"

#include "found.h"
#include "tail.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct recovery {
	const char *folder;
	struct log_start *start;
	struct segment_file *files; /* one for each segment */
	uint32_t file_count;
	uint32_t first_segment;
	uint32_t at; /* the segment that is read */
	struct found_jobs jobs;
	uint64_t next_id;
	uint64_t last_record;
	bool no_memory;
};

static struct log_segment *segment_of(struct recovery *recovery, uint32_t number)
{
	return &recovery->start->segments[number - recovery->start->segments[0].number];
}

static void forget_full(struct recovery *recovery, const struct found *found)
{
	struct log_segment *segment = segment_of(recovery, found->segment);

	segment->live_jobs--;
	segment->live_bytes -= record_full_bytes(found->tube_bytes, found->body_bytes);
}

static bool take_full(struct recovery *recovery, const struct record *record)
{
	struct log_segment *segment = &recovery->start->segments[recovery->at];

	struct found *found = found_get(&recovery->jobs, record->fields.id);

	if (found != NULL)
		forget_full(recovery, found); /* it was moved */
	else
		found = found_add(&recovery->jobs, record->fields.id);
	if (found == NULL)
		return false;
	found->fields = record->fields;
	found->segment = segment->number;
	found->body_bytes = record->body_bytes;
	found->tube_bytes = (uint32_t)strlen(record->tube);
	found->body_at = (size_t)(record->body - recovery->files[recovery->at].data);
	segment->live_jobs++;
	segment->live_bytes += record_full_bytes(found->tube_bytes, found->body_bytes);
	if (record->fields.id >= recovery->next_id)
		recovery->next_id = record->fields.id + 1;
	return true;
}

static void take_gone(struct recovery *recovery, uint64_t id)
{
	struct found *found = found_get(&recovery->jobs, id);

	if (found == NULL)
		return; /* its segment is gone already */
	forget_full(recovery, found);
	found_remove(&recovery->jobs, found);
}

static void take_change(struct recovery *recovery, const struct record_fields *fields)
{
	struct found *found = found_get(&recovery->jobs, fields->id);

	if (found == NULL)
		return;
	uint32_t body_crc = found->fields.body_crc;

	found->fields = *fields;
	found->fields.body_crc = body_crc;
}

static bool take_record(void *context, const struct record *record)
{
	struct recovery *recovery = context;

	if (record->number != recovery->last_record + 1)
		return false;
	switch (record->kind) {
	case RECORD_FULL:
		if (!take_full(recovery, record)) {
			recovery->no_memory = true;
			return false;
		}
		break;
	case RECORD_CHANGE:
		take_change(recovery, &record->fields);
		break;
	default:
		take_gone(recovery, record->fields.id);
		break;
	}
	recovery->last_record = record->number;
	return true;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t one = ((const struct log_segment *)a)->number;
	uint32_t other = ((const struct log_segment *)b)->number;

	return (one > other) - (one < other);
}

/* The segments there are. */
static bool list_segments(struct recovery *recovery)
{
	struct log_start *start = recovery->start;
	DIR *folder = opendir(recovery->folder);
	struct dirent *file;

	if (folder == NULL) {
		fprintf(stderr, "tide-jobd: -b %s: %s\n", recovery->folder, strerror(errno));
		return false;
	}
	while ((file = readdir(folder)) != NULL) {
		uint32_t number;
		char rest;

		if (strlen(file->d_name) != strlen("segment.0000000001") ||
		    sscanf(file->d_name, "segment.%10" SCNu32 "%c", &number, &rest) != 1)
			continue;
		struct log_segment *segments =
		    realloc(start->segments, (start->segment_count + 1) * sizeof *segments);

		if (segments == NULL) {
			fprintf(stderr, "tide-jobd: no memory\n");
			closedir(folder);
			return false;
		}
		start->segments = segments;
		segments[start->segment_count++] = (struct log_segment){ .number = number };
	}
	closedir(folder);
	if (start->segment_count > 0)
		qsort(start->segments, start->segment_count, sizeof *start->segments,
		      compare_numbers);
	return true;
}

static bool complain(const char *path, uint64_t at, const char *what)
{
	fprintf(stderr,
	        "tide-jobd: %s: at byte %" PRIu64
	        ": %s; nothing was changed, and the server does not "
	        "start, since jobs would be lost\n",
	        path, at, what);
	return false;
}

/* What the segment says of itself fits to what came before. False, after a message. */
static bool take_header(struct recovery *recovery, const char *path,
                        const struct segment_header *header)
{
	struct log_start *start = recovery->start;

	if (header->number != start->segments[recovery->at].number)
		return complain(path, 0, "it is another segment");
	if (recovery->at > 0 && header->salt != start->salt)
		return complain(path, 0, "it is of another log");
	if (recovery->at > 0 && header->first_record != recovery->last_record + 1)
		return complain(path, 0, "records before it are missing");
	start->salt = header->salt;
	recovery->last_record = header->first_record - 1;
	if (header->next_id > recovery->next_id)
		recovery->next_id = header->next_id;
	return true;
}

static bool is_zero(const struct segment_file *file)
{
	for (size_t i = 0; i < file->bytes; i++) {
		if (file->data[i] != 0)
			return false;
	}
	return true;
}

/* The segment is not whole. A kill may leave the last segment's last write unfinished; a power
 * failure, any of what was not synced. Nobody was promised that it stays. Whatever a sync had
 * confirmed must be there: then it is for a human to decide. */
static bool mend(struct recovery *recovery, const char *path, struct segment_header *header,
                 uint64_t whole_bytes, const char *what)
{
	struct log_start *start = recovery->start;
	struct segment_file *file = &recovery->files[recovery->at];
	struct tail tail = { recovery->folder, path, whole_bytes, 0 };

	if (recovery->at + 1 < start->segment_count)
		return complain(path, whole_bytes, what);
	/* A header is on the disk before there is anything behind it. */
	if (whole_bytes == 0 && recovery->at == 0 && file->bytes >= SEGMENT_HEADER_BYTES &&
	    !is_zero(file))
		return complain(path, 0, "the header is damaged");
	header->number = start->segments[recovery->at].number;
	header->salt = start->salt;
	struct segment_rest rest = segment_scan(file, header, whole_bytes, recovery->last_record);

	if (rest.synced > recovery->last_record)
		return complain(path, whole_bytes, what);
	tail.whole_behind = rest.records;
	/* Clients may know these ids. */
	if (rest.last_id >= recovery->next_id)
		recovery->next_id = rest.last_id + 1;
	if (whole_bytes == 0)
		start->segment_count--;
	return tail_take_off(&tail, file) || complain(path, whole_bytes, strerror(errno));
}

static bool read_one(struct recovery *recovery)
{
	struct log_segment *segment = &recovery->start->segments[recovery->at];
	struct segment_file *file = &recovery->files[recovery->at];
	struct segment_header header = { 0 };
	uint64_t whole_bytes;
	char path[4200];

	segment_path(recovery->folder, segment->number, path, sizeof path);
	if (recovery->at > 0 && segment->number != segment[-1].number + 1)
		return complain(path, 0, "the segment before it is missing");
	if (!segment_map(path, file))
		return complain(path, 0, strerror(errno));
	if (segment_is_of_other_version(file->data, file->bytes))
		return complain(path, 0, "it was written by another version");
	if (segment_decode(file->data, file->bytes, &header) == RECORD_IS_WHOLE &&
	    !take_header(recovery, path, &header))
		return false;
	enum record_result result =
	    segment_read(file, &header, &whole_bytes, take_record, recovery);

	segment->bytes = whole_bytes;
	if (recovery->no_memory)
		return complain(path, whole_bytes, "no memory");
	if (result == RECORD_IS_WHOLE)
		return true;
	return mend(recovery, path, &header, whole_bytes,
	            result == RECORD_IS_CUT ? "a record is incomplete" : "a record is damaged");
}

struct recovery *recovery_read(const char *folder, struct log_start *start)
{
	struct recovery *recovery = calloc(1, sizeof *recovery);

	*start = (struct log_start){ .next_id = 1 };
	if (recovery == NULL) {
		fprintf(stderr, "tide-jobd: no memory\n");
		return NULL;
	}
	recovery->folder = folder;
	recovery->start = start;
	recovery->next_id = 1;
	bool is_right = list_segments(recovery);

	if (is_right && start->segment_count > 0) {
		recovery->files = calloc(start->segment_count, sizeof *recovery->files);
		is_right = recovery->files != NULL;
		recovery->file_count = start->segment_count;
		recovery->first_segment = start->segments[0].number;
	}
	while (is_right && recovery->at < start->segment_count) {
		is_right = read_one(recovery);
		recovery->at++;
	}
	if (!is_right) {
		recovery_end(recovery);
		free(start->segments);
		start->segments = NULL;
		return NULL;
	}
	start->last_record = recovery->last_record;
	start->next_id = recovery->next_id;
	if (start->segment_count > 0)
		start->last_segment = start->segments[start->segment_count - 1].number;
	return recovery;
}

uint64_t recovery_jobs(const struct recovery *recovery)
{
	return recovery->jobs.count;
}

bool recovery_give(struct recovery *recovery,
                   bool (*take)(void *context, const struct record *record, uint32_t segment),
                   void *context)
{
	struct found **jobs = found_sorted(&recovery->jobs);
	bool goes_on = jobs != NULL;

	if (jobs == NULL)
		errno = ENOMEM;
	for (uint64_t i = 0; goes_on && i < recovery->jobs.count; i++) {
		const struct found *job = jobs[i];
		uint32_t file = job->segment - recovery->first_segment;
		struct record record = {
			.kind = RECORD_FULL,
			.fields = job->fields,
			.body = recovery->files[file].data + job->body_at,
			.body_bytes = job->body_bytes,
		};

		memcpy(record.tube, record.body - job->tube_bytes, job->tube_bytes);
		goes_on = take(context, &record, job->segment);
	}
	free(jobs);
	return goes_on;
}

void recovery_end(struct recovery *recovery)
{
	found_clear(&recovery->jobs);
	for (uint32_t i = 0; recovery->files != NULL && i < recovery->file_count; i++)
		segment_unmap(&recovery->files[i]);
	free(recovery->files);
	free(recovery);
}
