/* Options of the library that are to be in the environment of a command. Each value is read by the
 * library's own reader, so what is taken here is not refused there.
 *
 * Touched by  one thread. */
#ifndef RUN_SETTINGS_H
#define RUN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `value[i]` of the options in the order of the table, numbers first; NULL: not set. */
enum { SETTINGS_MAX = 64 };
struct settings {
	char *value[SETTINGS_MAX];
};

/* The number of the option that is named "TIDE_DECAY_MS", "decay-ms" or "decay_ms"; -1: none. */
int settings_find(const char *name);
/* "DECAY_MS" */
const char *settings_id(int option);
/* False, after a message that names `where` and says what is valid. */
bool settings_set(struct settings *settings, const char *where, int option, const char *value);
/* The number in `value`, of an option that is one. */
bool settings_number(int option, const char *value, int64_t *number);
/* Lines TIDE_<NAME>=VALUE, empty ones, and # with a comment. False, after a message. */
bool settings_read_file(struct settings *settings, const char *program, const char *path);
/* Into the environment. */
void settings_apply(const struct settings *settings);

#endif
