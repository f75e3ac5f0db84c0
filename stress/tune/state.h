/* The runs of a search in a file, so that it can be broken off and go on.
 *
 * Lines of JSON: the first says what is searched and how, each further one is a run, in order. A
 * line is appended in one write before the next run starts, and is on the disk a few seconds later
 * (at once would disturb what is measured). A search that goes on reads its runs from here as long
 * as there are some; from the first line on that is not whole, which is what a crash can leave, the
 * file is cut off.
 *
 * Touched by  one thread, of one process: the file is locked. */
#ifndef TUNE_STATE_H
#define TUNE_STATE_H

#include "tuner.h"

#include <stdio.h>

struct state {
	FILE *file;
	const char *path;
	unsigned known;  /* runs that were there when it was opened */
	json_t *lines;   /* those runs */
	unsigned next;   /* of them */
	double synced_s; /* when it was last brought to the disk */
};

/* Open `path`, or make it with `head`. False, after a message: it belongs to another search, or
 * can't be read or written. */
bool state_open(struct state *state, const char *path, const json_t *head);
/* The next run, if it was done before; it must be this one. 1: it is in *run. 0: there are no more.
 * -1, after a message: it is another one. */
int state_next(struct state *state, const struct space *space, const struct setting *setting,
               struct run *run);
/* Append a run. False, after a message. */
bool state_add(struct state *state, const struct space *space, const struct setting *setting,
               const struct run *run);
void state_close(struct state *state);

#endif
