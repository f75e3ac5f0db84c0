/* The command line of tide-jobd. */
#ifndef JOBD_ARGUMENTS_H
#define JOBD_ARGUMENTS_H

#include "board.h"
#include "server.h"

struct arguments {
	struct server_options server;
	struct board_options board;
	struct log_options log; /* folder NULL: none */
	bool help;
};

enum {
	ARGUMENTS_JOB_BYTES = 65535,
	ARGUMENTS_SEGMENT_BYTES = 10 * 1024 * 1024,
	ARGUMENTS_CONNECTIONS = 65536,
	ARGUMENTS_TUBES = 65536,
	ARGUMENTS_WATCHES = 1024,
};

/* False, after a message that names the argument: it can't be used. */
bool arguments_read(struct arguments *arguments, int argc, char *argv[]);
void arguments_help(void);

#endif
