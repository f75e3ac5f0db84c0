/* What the board tells the log, and what the log tells the board at the start. See board.h. */
#include "board_internal.h"

#include "../order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t next_id(struct board *board)
{
	return load_relaxed(&board->next_id); /* counts only */
}

/* Between the clocks of memory and log. */
static int64_t to_wall(int64_t monotonic_ns)
{
	return monotonic_ns - board_now() + board_wall_now();
}

static int64_t from_wall(int64_t wall_ns)
{
	return wall_ns - board_wall_now() + board_now();
}

static void fill_fields(struct record_fields *fields, const struct job *job)
{
	*fields = (struct record_fields){
		.id = job->id,
		.created_ns = to_wall(job->created_ns),
		.state = job->state,
		.priority = job->priority,
		.delay_s = job->delay_s,
		.ttr_s = job->ttr_s,
		.reserves = job->reserves,
		.timeouts = job->timeouts,
		.releases = job->releases,
		.buries = job->buries,
		.kicks = job->kicks,
	};
	if (job->state == JOB_DELAYED)
		fields->due_ns = to_wall(job->due_ns);
	else if (job->state == JOB_BURIED)
		fields->due_ns = job->due_ns;
}

static uint32_t append(struct board *board, struct record *record)
{
	uint32_t segment = log_append(board->log, record, next_id(board));

	if (segment != 0 && board->keeper_waits)
		pthread_cond_signal(&board->keeper_wakes);
	return segment;
}

static void append_surely(struct board *board, struct record *record)
{
	if (append(board, record) != 0)
		return;
	fprintf(stderr, "tide-jobd: no memory for the log; ending\n");
	_exit(1);
}

bool journal_takes_jobs(const struct board *board)
{
	return board->log == NULL || log_state(board->log) == LOG_GOES_ON;
}

bool journal_takes_changes(const struct board *board)
{
	return board->log == NULL || log_state(board->log) != LOG_IS_STUCK;
}

static uint64_t full_bytes(const struct job *job)
{
	return record_full_bytes(strlen(job->tube->name), job->body_bytes);
}

bool journal_full(struct board *board, struct job *job, const char *body, uint32_t body_crc)
{
	struct record record = { .kind = RECORD_FULL };

	if (board->log == NULL)
		return true;
	fill_fields(&record.fields, job);
	record.fields.body_crc = body_crc;
	record.body = body;
	record.body_bytes = job->body_bytes;
	memcpy(record.tube, job->tube->name, sizeof record.tube);
	job->segment = append(board, &record);
	return job->segment != 0;
}

void journal_change(struct board *board, const struct job *job)
{
	struct record record = { .kind = RECORD_CHANGE };

	if (board->log == NULL)
		return;
	fill_fields(&record.fields, job);
	append_surely(board, &record);
}

void journal_gone(struct board *board, struct job *job)
{
	struct record record = { .kind = RECORD_GONE };

	if (board->log == NULL || job->segment == 0)
		return;
	record.fields.id = job->id;
	append_surely(board, &record);
	log_forget(board->log, job->segment, full_bytes(job));
	job->segment = 0;
}

void board_set_log(struct board *board, struct log *log)
{
	board_lock(board);
	board->log = log;
	board_unlock(board);
}

void board_set_next_id(struct board *board, uint64_t id)
{
	if (id > load_relaxed(&board->next_id)) /* no other thread yet */
		store_relaxed(&board->next_id, id);
}

/* How long the job may still live; 1 if its lifetime is over: it leaves as if it had been there. */
static uint64_t lifetime_left_ns(const struct board *board, const struct job *job)
{
	if (board->options.lifetime_ns == 0)
		return TIDE_STORE_FOREVER;
	int64_t age_ns = board_now() - job->created_ns;

	if (age_ns < 0)
		age_ns = 0;
	return (uint64_t)age_ns < board->options.lifetime_ns
	           ? board->options.lifetime_ns - (uint64_t)age_ns
	           : 1;
}

static bool link_recovered(struct board *board, struct job *job, const struct record *record)
{
	job->tube = tube_refer(board, record->tube);
	if (job->tube == NULL)
		return false;
	switch (record->fields.state) {
	case JOB_DELAYED:
		return job_to_delayed(board, job, from_wall(record->fields.due_ns));
	case JOB_BURIED:
		return job_to_buried(board, job, record->fields.due_ns);
	default:
		return job_to_ready(board, job);
	}
}

bool board_recover(struct board *board, const struct record *record, uint32_t segment)
{
	const struct record_fields *fields = &record->fields;
	struct job plain = {
		.state = JOB_INCOMING,
		.priority = fields->priority,
		.delay_s = fields->delay_s,
		.ttr_s = fields->ttr_s > 0 ? fields->ttr_s : 1,
		.body_bytes = record->body_bytes,
		.segment = segment,
		.reserves = fields->reserves,
		.timeouts = fields->timeouts,
		.releases = fields->releases,
		.buries = fields->buries,
		.kicks = fields->kicks,
		.id = fields->id,
		.created_ns = from_wall(fields->created_ns),
	};
	struct tide_store_put put = { .id = fields->id, .user = &plain };

	put.ttl_ns = lifetime_left_ns(board, &plain);
	if (tide_store_put(board->store, record->body, record->body_bytes, &put) == 0)
		return false;
	board_set_next_id(board, fields->id + 1);
	tide_store_read_begin(board->store);
	board_lock(board);
	struct tide_store_entry *entry = tide_store_get(board->store, fields->id);
	struct job *job = entry != NULL ? job_of(entry) : NULL;
	bool is_right = true;

	if (job != NULL && job->state == JOB_INCOMING) {
		is_right = link_recovered(board, job, record);
	} else {
		/* Its lifetime is over, or it was the oldest one too many. */
		struct record gone = { .kind = RECORD_GONE, .fields.id = fields->id };

		append_surely(board, &gone);
		log_forget(board->log, segment,
		           record_full_bytes(strlen(record->tube), record->body_bytes));
	}
	board_unlock(board);
	tide_store_read_end(board->store);
	return is_right;
}

void board_move_record(struct board *board, const struct record *record, uint32_t segment)
{
	tide_store_read_begin(board->store);
	board_lock(board);
	struct job *job = job_find(board, record->fields.id, NULL);

	if (job != NULL && job->segment == segment) {
		uint64_t bytes = full_bytes(job);

		if (!journal_full(board, job, record->body, record->fields.body_crc)) {
			fprintf(stderr, "tide-jobd: no memory for the log; ending\n");
			_exit(1);
		}
		log_forget(board->log, segment, bytes);
		board->migrated++;
	}
	board_unlock(board);
	tide_store_read_end(board->store);
}

bool board_wait_for_records(struct board *board, uint64_t *seen, uint32_t *segment)
{
	board_lock(board);
	for (;;) {
		*segment = log_wants_gone(board->log);
		if (*segment != 0 || board->stops || log_last_record(board->log) != *seen ||
		    log_state(board->log) != LOG_GOES_ON)
			break;
		board->keeper_waits = true;
		pthread_cond_wait(&board->keeper_wakes, &board->lock);
		board->keeper_waits = false;
	}
	*seen = log_last_record(board->log);
	bool goes_on = !board->stops;

	board_unlock(board);
	return goes_on;
}

void board_pause_keeper(struct board *board, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= SECOND_NS) {
		until.tv_nsec -= SECOND_NS;
		until.tv_sec++;
	}
	board_lock(board);
	while (!board->stops &&
	       pthread_cond_timedwait(&board->keeper_wakes, &board->lock, &until) == 0)
		;
	board_unlock(board);
}

void board_stop_keeper(struct board *board)
{
	board_lock(board);
	board->stops = true;
	pthread_cond_broadcast(&board->keeper_wakes);
	board_unlock(board);
}

void board_segment_is_gone(struct board *board)
{
	board_lock(board);
	log_dropped_oldest(board->log);
	board_unlock(board);
}

void board_segment_stays(struct board *board)
{
	board_lock(board);
	log_keeps_oldest(board->log);
	board_unlock(board);
}

bool board_commit(struct board *board)
{
	board_lock(board);
	uint64_t last = log_last_record(board->log);

	board_unlock(board);
	return log_commit(board->log, last);
}
