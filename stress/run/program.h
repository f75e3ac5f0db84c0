/* What a command is, as the loader will see it: whether a library can be preloaded into it. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum program_kind {
	PROGRAM_DYNAMIC,
	PROGRAM_STATIC,
	PROGRAM_PRIVILEGED, /* set-user-id, set-group-id or with capabilities */
	PROGRAM_FOREIGN,    /* of another machine or word length */
	PROGRAM_UNKNOWN     /* not found, or can't be read */
};

struct program {
	enum program_kind kind;
	char path[PATH_MAX];   /* of the command, found as execvp would */
	char loaded[PATH_MAX]; /* the file that is loaded: of a script, its interpreter */
};

void program_find(struct program *program, const char *command);
/* Why nothing can be preloaded, as the rest of a sentence "PATH ..."; NULL: it can. */
const char *program_why_not(const struct program *program);

#endif
