/* The board in words: YAML, as beanstalkd's clients expect it. See board.h. */
#include "board_internal.h"

#include "../order.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LLU(number) ((unsigned long long)(number))

static void print_counts(struct board *board, struct buffer *text)
{
	static const enum command_kind order[] = {
		COMMAND_PUT,
		COMMAND_PEEK,
		COMMAND_PEEK_READY,
		COMMAND_PEEK_DELAYED,
		COMMAND_PEEK_BURIED,
		COMMAND_RESERVE,
		COMMAND_RESERVE_TIMEOUT,
		COMMAND_DELETE,
		COMMAND_RELEASE,
		COMMAND_USE,
		COMMAND_WATCH,
		COMMAND_IGNORE,
		COMMAND_BURY,
		COMMAND_KICK,
		COMMAND_TOUCH,
		COMMAND_STATS,
		COMMAND_STATS_JOB,
		COMMAND_STATS_TUBE,
		COMMAND_LIST_TUBES,
		COMMAND_LIST_TUBE_USED,
		COMMAND_LIST_TUBES_WATCHED,
		COMMAND_PAUSE_TUBE,
	};

	buffer_print(text, "current-jobs-urgent: %llu\n", LLU(board->urgent));
	buffer_print(text, "current-jobs-ready: %llu\n", LLU(board->ready));
	buffer_print(text, "current-jobs-reserved: %llu\n", LLU(board->reserved));
	buffer_print(text, "current-jobs-delayed: %llu\n", LLU(board->delayed));
	buffer_print(text, "current-jobs-buried: %llu\n", LLU(board->buried));
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		buffer_print(text, "cmd-%s: %llu\n", protocol_name(order[i]),
		             LLU(load_relaxed(&board->commands[order[i]]))); /* a count */
	buffer_print(text, "job-timeouts: %llu\n", LLU(board->timeouts));
	buffer_print(text, "total-jobs: %llu\n", LLU(board->total_jobs));
	buffer_print(text, "max-job-size: %u\n", board->options.max_job_bytes);
	buffer_print(text, "current-tubes: %u\n", board->tube_count);
	buffer_print(text, "current-connections: %llu\n", LLU(board->sessions));
	buffer_print(text, "current-producers: %llu\n", LLU(board->producers));
	buffer_print(text, "current-workers: %llu\n", LLU(board->workers));
	buffer_print(text, "current-waiting: %llu\n", LLU(board->waiting));
	buffer_print(text, "total-connections: %llu\n", LLU(board->total_sessions));
}

static void print_process(const struct board *board, struct buffer *text)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	buffer_print(text, "pid: %ld\n", (long)getpid());
	buffer_print(text, "version: \"tide-jobd 1\"\n");
	buffer_print(text, "rusage-utime: %ld.%06ld\n", (long)usage.ru_utime.tv_sec,
	             (long)usage.ru_utime.tv_usec);
	buffer_print(text, "rusage-stime: %ld.%06ld\n", (long)usage.ru_stime.tv_sec,
	             (long)usage.ru_stime.tv_usec);
	buffer_print(text, "uptime: %llu\n", LLU((board_now() - board->started_ns) / SECOND_NS));
}

static void print_log(const struct board *board, struct buffer *text)
{
	struct log_figures figures = { 0 };

	if (board->log != NULL)
		figures = log_figures(board->log);
	buffer_print(text, "binlog-oldest-index: %u\n", figures.oldest_segment);
	buffer_print(text, "binlog-current-index: %u\n", figures.current_segment);
	buffer_print(text, "binlog-records-migrated: %llu\n", LLU(board->migrated));
	buffer_print(text, "binlog-records-written: %llu\n", LLU(figures.records_written));
	buffer_print(text, "binlog-max-size: %llu\n", LLU(board->options.segment_bytes));
}

static void print_machine(struct board *board, struct buffer *text)
{
	struct utsname names;

	uname(&names);
	buffer_print(text, "draining: %s\n",
	             load_relaxed(&board->is_draining) ? "true" : "false"); /* carries no data */
	buffer_print(text, "id: %s\n", board->instance);
	buffer_print(text, "hostname: %s\n", names.nodename);
	buffer_print(text, "os: %s\n", names.version);
	buffer_print(text, "platform: %s\n", names.machine);
}

/* What beanstalkd does not have comes last: this, and the store. */
static void print_log_state(const struct board *board, struct buffer *text)
{
	static const char *const words[] = {
		[LOG_GOES_ON] = "goes on",
		[LOG_IS_FULL] = "full",
		[LOG_IS_STUCK] = "stuck",
	};

	buffer_print(text, "log-state: %s\n",
	             board->log != NULL ? words[log_state(board->log)] : "none");
}

static void print_store(const struct board *board, struct buffer *text)
{
	struct tide_store_stats stats;

	tide_store_stats(board->store, &stats, sizeof stats);
	buffer_print(text, "store-entries: %llu\n", LLU(stats.entries));
	buffer_print(text, "store-body-bytes: %llu\n", LLU(stats.body_bytes));
	buffer_print(text, "store-body-held-bytes: %llu\n", LLU(stats.body_held_bytes));
	buffer_print(text, "store-entry-held-bytes: %llu\n", LLU(stats.entry_held_bytes));
	buffer_print(text, "store-charged-bytes: %llu\n", LLU(stats.charged_bytes));
	buffer_print(text, "store-counted-bytes: %llu\n", LLU(stats.counted_bytes));
	buffer_print(text, "store-limit-bytes: %llu\n", LLU(stats.limit_bytes));
	buffer_print(text, "store-refused: %llu\n", LLU(stats.refused));
	buffer_print(text, "store-dropped: %llu\n", LLU(stats.dropped));
	buffer_print(text, "store-expired: %llu\n", LLU(stats.expired));
	buffer_print(text, "store-defragmentations: %llu\n", LLU(stats.defragment_ends));
	buffer_print(text, "store-defragmentation: %s\n",
	             tide_store_verdict_text((enum tide_store_verdict)stats.verdict));
}

void board_stats(struct board *board, struct buffer *text)
{
	buffer_print(text, "---\n");
	board_lock(board);
	print_counts(board, text);
	print_process(board, text);
	print_log(board, text);
	print_machine(board, text);
	print_log_state(board, text);
	board_unlock(board);
	print_store(board, text); /* waits for the allocator */
}

static const char *state_name(const struct job *job)
{
	switch ((enum job_state)job->state) {
	case JOB_READY:
		return "ready";
	case JOB_DELAYED:
		return "delayed";
	case JOB_RESERVED:
		return "reserved";
	case JOB_BURIED:
		return "buried";
	case JOB_INCOMING:
	case JOB_GONE:
		break;
	}
	return "invalid";
}

enum answer board_stats_job(struct board *board, uint64_t id, struct buffer *text)
{
	tide_store_read_begin(board->store);
	board_lock(board);
	const struct job *job = job_find(board, id, NULL);

	if (job != NULL) {
		int64_t now = board_now();
		int64_t left_ns = 0;

		if (job->state == JOB_DELAYED || job->state == JOB_RESERVED)
			left_ns = job->due_ns > now ? job->due_ns - now : 0;
		buffer_print(text, "---\nid: %llu\ntube: %s\nstate: %s\npri: %u\n", LLU(job->id),
		             job->tube->name, state_name(job), job->priority);
		buffer_print(text, "age: %llu\ndelay: %u\nttr: %u\ntime-left: %llu\nfile: %u\n",
		             LLU((now - job->created_ns) / SECOND_NS), job->delay_s, job->ttr_s,
		             LLU(left_ns / SECOND_NS), job->segment);
		buffer_print(text,
		             "reserves: %u\ntimeouts: %u\nreleases: %u\nburies: %u\nkicks: %u\n",
		             job->reserves, job->timeouts, job->releases, job->buries, job->kicks);
	}
	board_unlock(board);
	tide_store_read_end(board->store);
	return job != NULL ? ANSWER_DONE : ANSWER_NOT_FOUND;
}

static void print_tube(const struct tube *tube, struct buffer *text)
{
	int64_t left_ns = 0;

	if (tube_is_paused(tube)) {
		left_ns = tube->unpause_at_ns - board_now();
		if (left_ns < 0)
			left_ns = 0;
	}
	buffer_print(text, "---\nname: %s\n", tube->name);
	buffer_print(text, "current-jobs-urgent: %llu\n", LLU(tube->urgent));
	buffer_print(text, "current-jobs-ready: %u\n", tube->ready.count);
	buffer_print(text, "current-jobs-reserved: %llu\n", LLU(tube->reserved));
	buffer_print(text, "current-jobs-delayed: %u\n", tube->delayed.count);
	buffer_print(text, "current-jobs-buried: %u\n", tube->buried.count);
	buffer_print(text, "total-jobs: %llu\n", LLU(tube->total_jobs));
	buffer_print(text, "current-using: %llu\n", LLU(tube->users));
	buffer_print(text, "current-watching: %llu\n", LLU(tube->watchers));
	buffer_print(text, "current-waiting: %llu\n", LLU(tube->waiting));
	buffer_print(text, "cmd-delete: %llu\n", LLU(tube->deletes));
	buffer_print(text, "cmd-pause-tube: %llu\n", LLU(tube->pauses));
	buffer_print(text, "pause: %llu\n", LLU(tube->pause_ns / SECOND_NS));
	buffer_print(text, "pause-time-left: %llu\n", LLU(left_ns / SECOND_NS));
}

enum answer board_stats_tube(struct board *board, const char *name, struct buffer *text)
{
	board_lock(board);
	const struct tube *tube = tube_find(board, name);

	if (tube != NULL)
		print_tube(tube, text);
	board_unlock(board);
	return tube != NULL ? ANSWER_DONE : ANSWER_NOT_FOUND;
}

void board_list_tubes(struct board *board, struct buffer *text)
{
	buffer_print(text, "---\n");
	board_lock(board);
	for (uint32_t i = 0; i < board->tube_count; i++)
		buffer_print(text, "- %s\n", board->tubes[i]->name);
	board_unlock(board);
}

void board_list_watched(struct board *board, struct session *session, struct buffer *text)
{
	buffer_print(text, "---\n");
	board_lock(board);
	for (uint32_t i = 0; i < session->watch_count; i++)
		buffer_print(text, "- %s\n", session->watches[i]->tube->name);
	board_unlock(board);
}

void board_used_tube(struct board *board, struct session *session, char *name)
{
	board_lock(board);
	memcpy(name, session->used->name, sizeof session->used->name);
	board_unlock(board);
}
