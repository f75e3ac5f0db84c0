/* What the parts of the board share. Everything here is used under the board's lock, but where it
 * says so. */
#ifndef JOBD_BOARD_INTERNAL_H
#define JOBD_BOARD_INTERNAL_H

#include "board.h"

#include <pthread.h>

enum job_state {
	JOB_INCOMING, /* in the store, in no queue yet */
	JOB_READY,
	JOB_DELAYED,
	JOB_RESERVED,
	JOB_BURIED,
	JOB_GONE, /* in no queue; its entry leaves the store */
};

/* The user bytes of an entry. In `queue` of its tube or session according to its state. */
struct job {
	struct queue_item item;
	uint32_t state; /* enum job_state */
	uint32_t priority;
	uint32_t delay_s;
	uint32_t ttr_s;
	uint32_t body_bytes;
	uint32_t segment; /* of the log, where its FULL record is; 0: none */
	uint32_t reserves;
	uint32_t timeouts;
	uint32_t releases;
	uint32_t buries;
	uint32_t kicks;
	uint64_t id;
	int64_t created_ns;
	int64_t due_ns; /* DELAYED: when it gets ready; RESERVED: when its time is over; BURIED: its
	                   place in the order of burials */
	struct tube *tube;
	struct session *holder; /* RESERVED */
};

/* A session's interest in a tube. */
struct watch {
	struct session *session;
	struct tube *tube;
	TAILQ_ENTRY(watch) waiter; /* of the tube, while the session waits */
};

TAILQ_HEAD(watch_list, watch);

struct tube {
	uint32_t place;      /* in the board's tubes */
	uint64_t references; /* jobs, users, watchers; 1 more for "default" */
	struct queue ready;
	struct queue delayed;
	struct queue buried;
	struct watch_list waiters; /* first come, first served */
	struct timer timer;        /* the first delayed job, or the end of the pause */
	int64_t pause_ns;          /* 0: not paused */
	int64_t unpause_at_ns;
	uint64_t urgent; /* ready, with a priority below JOB_URGENT_BELOW */
	uint64_t reserved;
	uint64_t total_jobs;
	uint64_t users;
	uint64_t watchers;
	uint64_t waiting;
	uint64_t deletes;
	uint64_t pauses;
	struct tube *next_of_name; /* in a chain of the board's names */
	char name[PROTOCOL_TUBE_BYTES + 1];
};

enum {
	JOB_URGENT_BELOW = 1024,
	BOARD_NAME_CHAINS = 1024, /* a power of two */
};
#define SAFETY_MARGIN_NS INT64_C(1000000000)
#define SECOND_NS INT64_C(1000000000)

struct board {
	pthread_mutex_t lock;
	pthread_cond_t keeper_wakes; /* with `lock` */
	struct tide_store *store;    /* does not change */
	struct log *log;             /* does not change; NULL: none */
	struct board_options options;
	char instance[17]; /* a name of this run, at random */
	int64_t started_ns;

	/* Taken without the lock.
	 * writers  any thread that puts     readers  the same, the log
	 * order    relaxed                  edges    none: an id carries no data */
	_Atomic uint64_t next_id;
	/* Counts, and whether puts are refused.
	 * writers  any thread               readers  any thread
	 * order    relaxed                  edges    none: they carry no data */
	_Atomic uint64_t commands[COMMAND_KINDS];
	_Atomic bool is_draining;

	struct tube **tubes;
	uint32_t tube_count;
	uint32_t tube_room;
	struct tube *names[BOARD_NAME_CHAINS];

	struct queue timers;
	int64_t timer_at_ns; /* what the timerfd is set to; INT64_MAX: nothing */

	int64_t burials; /* the next place in the order of burials */
	bool stops;
	bool keeper_waits;

	uint64_t sessions;
	uint64_t total_sessions;
	uint64_t producers;
	uint64_t workers;
	uint64_t waiting;
	uint64_t urgent;
	uint64_t ready;
	uint64_t reserved;
	uint64_t delayed;
	uint64_t buried;
	uint64_t timeouts;
	uint64_t total_jobs;
	uint64_t migrated;
};

/* Monotonic, and of the wall. */
int64_t board_now(void);
int64_t board_wall_now(void);
void board_lock(struct board *board);
/* Also sets the timerfd if something is due earlier than it was. */
void board_unlock(struct board *board);

/* tube.c */
struct tube *tube_find(struct board *board, const char *name);
/* With a reference more. NULL: no memory. */
struct tube *tube_refer(struct board *board, const char *name);
/* The same, unless it would be a new one and there are too many. */
struct tube *tube_refer_for_client(struct board *board, const char *name);
void tube_unrefer(struct board *board, struct tube *tube);
void tube_set_timer(struct board *board, struct tube *tube);
/* Who waits goes on. */
void tube_end_pause(struct board *board, struct tube *tube, int64_t now);
bool tube_is_paused(const struct tube *tube);

/* timers.c */
bool timers_reserve(struct board *board, uint32_t timers);
/* INT64_MAX: none. */
void timer_set(struct board *board, struct timer *timer, int64_t at_ns);
void session_set_timer(struct board *board, struct session *session);

/* moves.c: a job from one state to another. */
struct job *job_of(const struct tide_store_entry *entry);
/* The live job with the id; NULL: none. In a read section. */
struct job *job_find(struct board *board, uint64_t id, struct tide_store_entry **entry);
/* Out of its queue; into one. False: no memory, and it is in none. */
void job_unlink(struct board *board, struct job *job);
bool job_to_ready(struct board *board, struct job *job);
bool job_to_delayed(struct board *board, struct job *job, int64_t due_ns);
bool job_to_buried(struct board *board, struct job *job, int64_t burial);
bool job_to_reserved(struct board *board, struct job *job, struct session *session, int64_t now);
/* Ready, or where there is no memory for that, buried; false: buried. Ends the process when there
 * is no memory for either: the job is in the log, if there is one. */
bool job_put_back(struct board *board, struct job *job, int64_t now, uint32_t delay_s);
/* It has left its queue for ever: tell the log, let go of its tube. */
void job_end(struct board *board, struct job *job);
/* An entry of a job that is in a queue, or NULL: its lifetime is over, it leaves now. */
struct tide_store_entry *job_entry_or_end(struct board *board, struct job *job);
/* Give the tube's jobs to those who wait. */
void tube_serve(struct board *board, struct tube *tube, int64_t now);
/* Leave the waiters of all tubes. */
void session_stop_waiting(struct board *board, struct session *session);
void session_serve(struct board *board, struct session *session, enum answer answer, uint64_t id);
bool session_deadline_is_soon(const struct session *session, int64_t now);

/* journal.c: the board's records. Nothing is done where there is no log. */
/* False: what would be recorded is to be refused, before anything is done. */
bool journal_takes_jobs(const struct board *board);
bool journal_takes_changes(const struct board *board);
/* False: no memory. */
bool journal_full(struct board *board, struct job *job, const char *body, uint32_t body_crc);
/* These end the process when there is no memory. */
void journal_change(struct board *board, const struct job *job);
void journal_gone(struct board *board, struct job *job);

#endif
