/* The threads of a run: what each role does. See run.h for what they share. */
#ifndef STRESS_WORKER_H
#define STRESS_WORKER_H

#include "run.h"

/* The three thread functions; the argument is the struct worker. */
void *worker_mixed(void *worker);
void *worker_producer(void *worker);
void *worker_consumer(void *worker);

/* Start a thread that lives for a moment, and wait for its end. */
void mayfly_run(struct worker *worker);

#endif
