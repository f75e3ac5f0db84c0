#ifndef TIDE_STRESS_STORE_PINNED_OPTIONS_H
#define TIDE_STRESS_STORE_PINNED_OPTIONS_H

#include "jobs.h"

struct pinned_options {
	uint64_t count, live, kept_one_in, min_bytes, max_bytes, writers, readers;
	bool by_timer; /* the store decides itself when to defragment */
	struct tide_store_options store;
};

/* Fill in what the command line says. Exits with 2 and a message if it is wrong, with 0 for -h. */
void pinned_options_read(struct pinned_options *options, int argc, char **argv);

#endif
