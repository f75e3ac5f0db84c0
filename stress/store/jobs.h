/* Jobs in a store, as a job server has them: put by several threads, most of them done after a
 * while and removed, one of so many kept; and threads that read them meanwhile and check each
 * byte. */
#ifndef TIDE_STRESS_STORE_JOBS_H
#define TIDE_STRESS_STORE_JOBS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <tide/store.h>

enum { JOBS_MOST_THREADS = 64 };

/* What the store keeps for the server beside each body. */
struct job {
	uint64_t seed;  /* of the bytes in the body */
	uint64_t check; /* ~seed */
};

struct jobs {
	struct tide_store *store;
	/* Set before it starts. */
	uint64_t count;       /* to be put */
	uint64_t live;        /* at most at a time, beside those that are kept */
	uint64_t kept_one_in; /* is kept */
	uint64_t min_bytes, max_bytes;
	unsigned writers, readers;

	/* writers  every writer, by fetch-add   readers  every thread
	 * order    relaxed: counts and hints    edges    none */
	_Atomic uint64_t next, newest, kept, refused;
	_Atomic uint64_t read; /* bodies that were found and checked */
	_Atomic bool end;      /* to the readers; relaxed: they look again */
	/* The first thing that was wrong, a text; relaxed: it is constant. */
	_Atomic(const char *) fault;
	_Atomic uint64_t *kept_ids; /* of the kept ones, up to `kept` */

	pthread_t thread[JOBS_MOST_THREADS];
};

/* 0, or an error of pthread_create or ENOMEM. */
int jobs_start_readers(struct jobs *jobs);
void jobs_end_readers(struct jobs *jobs);
/* Put them all; returns when all but the kept ones are gone. */
int jobs_run_writers(struct jobs *jobs);
/* Look at each entry of the store. Returns how many there are. */
uint64_t jobs_check_all(struct jobs *jobs);

#endif
