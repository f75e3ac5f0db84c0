/* The board: all jobs, tubes and sessions, and who gets what.
 *
 * Bodies are entries of the Tide store, under the job's own id; what is known about a job is in its
 * entry's user bytes (struct job). So the store's index is the only one, and a body is read under a
 * read section, by any number of threads, without a lock.
 *
 * Locks. One mutex, the board's lock, guards tubes, queues, timers, sessions and the fields of
 * jobs, and gives the log's records their order. It is held for the moves of a job from queue to
 * queue (logarithmic in their lengths; for all at once where the session that holds them ends; of
 * those that get ready at once, for BOARD_TICK_STEPS), for the copy of a new job's body to the
 * log's memory when there is a log, and for the text of statistics. Not under it: parsing, sockets,
 * the copy of a body into the store, reading bodies, writing and syncing the log. Puts and removals
 * in the store may call back (board_dropped), which takes the lock: so the store's put, remove and
 * charge are never called under it.
 *
 * Every function here takes the lock itself, and may be called by any thread; of one session by one
 * thread at a time. Those that give an entry must be called in a read section of the store
 * (board_store), and the entry is good until its end.
 */
#ifndef JOBD_BOARD_H
#define JOBD_BOARD_H

#include "buffer.h"
#include "log.h"
#include "queue.h"

#include <sys/queue.h>
#include <tide/store.h>

struct board;
struct tube;
struct watch;

struct board_options {
	uint32_t max_job_bytes;
	uint64_t limit_bytes; /* of the store; 0: none */
	enum tide_store_counts counts;
	enum tide_store_policy policy;
	uint32_t tubes_max;     /* that clients make; those of jobs of the log come on top */
	uint32_t watches_max;   /* of a session */
	uint64_t lifetime_ns;   /* of a job, from its put; 0: for ever */
	uint64_t segment_bytes; /* of the log, if there is one: for statistics */
	int timer_fd;           /* a timerfd: readable when board_tick is due */
};

enum answer {
	ANSWER_DONE,
	ANSWER_NOT_FOUND,
	ANSWER_NO_MEMORY,
	ANSWER_TIMED_OUT,
	ANSWER_DEADLINE_SOON,
	ANSWER_WAITS,  /* the session is told later, through its mailbox */
	ANSWER_BURIED, /* no memory for a queue: the job is buried instead */
	ANSWER_NOT_IGNORED,
	ANSWER_DRAINING,
};

/* Where a thread finds the sessions that are to be looked at. Under the board's lock. */
TAILQ_HEAD(session_list, session);
struct mailbox {
	struct session_list sessions;
	int event_fd; /* rung for the first one, by another thread */
};
/* The thread's own, which it looks into before it sleeps; NULL: it has none. */
extern _Thread_local struct mailbox *mailbox_of_thread;

enum session_wait {
	SESSION_RUNS,
	SESSION_WAITS,     /* for a job, in the waiters of each tube it watches */
	SESSION_IS_SERVED, /* in its mailbox, with `served` */
	SESSION_IS_TAKEN,  /* out of it, and not yet collected */
};

/* A connection, as the board knows it. All under the board's lock, but where it says so. */
struct session {
	struct mailbox *mailbox; /* its thread's; does not change */
	struct tube *used;
	struct watch **watches;
	uint32_t watch_count;
	uint32_t watch_room;
	struct queue reserved; /* jobs, the one first whose time is over first */
	enum session_wait wait;
	int64_t wait_until_ns; /* INT64_MAX: without end */
	enum answer served;    /* DONE: served_id is reserved */
	uint64_t served_id;
	bool is_producer;
	bool is_worker;
	TAILQ_ENTRY(session) mail;
	struct timer {
		struct queue_item item;
		bool is_set;
		bool is_of_tube; /* else of a session */
		int64_t at_ns;
	} timer;
	uint64_t record; /* the last record of the log that its commands made. Its thread's own */
};

/* NULL, with a message. */
struct board *board_create(const struct board_options *options);
void board_destroy(struct board *board);
struct tide_store *board_store(struct board *board);
struct log *board_log(struct board *board);
uint32_t board_max_job_bytes(const struct board *board);
/* Whether the limit counts what the server charges by hand. */
bool board_charges(const struct board *board);

/* Before there are sessions, or after: from now on all goes to that log, or with NULL to none. */
void board_set_log(struct board *board, struct log *log);
void board_set_next_id(struct board *board, uint64_t next_id);
/* Then: a job that the log has, its last FULL record in that segment; in the order of ids, buried
 * ones in the order of burials. False: there is no room, errno as the store's put has it. */
bool board_recover(struct board *board, const struct record *record, uint32_t segment);

/* False: no memory. */
bool board_open(struct board *board, struct session *session, struct mailbox *mailbox);
/* Its jobs go back to their queues. */
void board_close(struct board *board, struct session *session);
/* Take a session out of the mailbox; it is to be given to board_collect. NULL: it is empty. */
struct session *board_next_mail(struct board *board, struct mailbox *mailbox);

/* The id that the next job gets. */
uint64_t board_next_id(struct board *board);
void board_count(struct board *board, enum command_kind kind);
/* It has issued a put. */
void board_note_producer(struct board *board, struct session *session);
enum answer board_put(struct board *board, struct session *session, const struct command *command,
                      uint64_t id, const char *body);
/* `forever`: without the command's timeout. `may_wait`: else TIMED_OUT instead of WAITS. */
enum answer board_reserve(struct board *board, struct session *session, uint32_t timeout_s,
                          bool forever, bool may_wait, struct tide_store_entry **entry);
/* What became of the session's waiting: never WAITS, but when the job that it was given is gone. */
enum answer board_collect(struct board *board, struct session *session,
                          struct tide_store_entry **entry);
/* A waiting session's client sends no more: it is told TIMED_OUT, through its mailbox. */
void board_stop_waiting(struct board *board, struct session *session);
enum answer board_reserve_job(struct board *board, struct session *session, uint64_t id,
                              struct tide_store_entry **entry);
enum answer board_peek(struct board *board, uint64_t id, struct tide_store_entry **entry);
/* `kind`: COMMAND_PEEK_READY, DELAYED or BURIED. */
enum answer board_peek_first(struct board *board, struct session *session, enum command_kind kind,
                             struct tide_store_entry **entry);
enum answer board_delete(struct board *board, struct session *session, uint64_t id);
enum answer board_release(struct board *board, struct session *session,
                          const struct command *command);
enum answer board_bury(struct board *board, struct session *session, const struct command *command);
enum answer board_kick(struct board *board, struct session *session, uint64_t bound,
                       uint64_t *kicked);
enum answer board_kick_job(struct board *board, struct session *session, uint64_t id);
enum answer board_touch(struct board *board, struct session *session, uint64_t id);
enum answer board_pause(struct board *board, const struct command *command);
enum answer board_use(struct board *board, struct session *session, const char *tube);
enum answer board_watch(struct board *board, struct session *session, const char *tube,
                        uint32_t *watched);
enum answer board_ignore(struct board *board, struct session *session, const char *tube,
                         uint32_t *watched);

void board_stats(struct board *board, struct buffer *text);
enum answer board_stats_job(struct board *board, uint64_t id, struct buffer *text);
enum answer board_stats_tube(struct board *board, const char *name, struct buffer *text);
void board_list_tubes(struct board *board, struct buffer *text);
void board_list_watched(struct board *board, struct session *session, struct buffer *text);
void board_used_tube(struct board *board, struct session *session, char *name);

/* Refuse puts from now on. */
void board_drain(struct board *board);
/* Do what is due by now, in the order of time, but for so many jobs and waiters at most; to be
 * called when the timer fires, which it does again at once if something is left. */
enum { BOARD_TICK_STEPS = 256 };
void board_tick(struct board *board);

/* For the keeper of the log (keeper.c). Wait until there are records that it has not seen, a
 * segment should go, or the board stops; false: it stops. */
bool board_wait_for_records(struct board *board, uint64_t *seen, uint32_t *segment);
/* Wait for so long, or until the board stops. */
void board_pause_keeper(struct board *board, int64_t ms);
void board_stop_keeper(struct board *board);
/* If the job's FULL record is in that segment, append it again. */
void board_move_record(struct board *board, const struct record *record, uint32_t segment);
/* All records so far go to the files. False: not all. */
bool board_commit(struct board *board);
/* The oldest segment's file is gone. */
void board_segment_is_gone(struct board *board);
/* It could not be removed, and is to be tried again. */
void board_segment_stays(struct board *board);

/* Walk everything: whether queues are in order and counts are right. */
bool board_is_valid(struct board *board);

#endif
