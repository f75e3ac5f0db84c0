/* What is searched: for each parameter a few values, in order, the library's default among them.
 *
 * Invariant  every value is one the option takes (space_of makes sure), so no run is wasted on a
 *            setting that the library would refuse */
#ifndef TUNE_SPACE_H
#define TUNE_SPACE_H

#include "random.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SPACE_PARAMETERS_MAX = 16, SPACE_LEVELS_MAX = 16 };

struct parameter {
	int option;       /* its number in the table of options */
	const char *what; /* in the words of the design */
	unsigned levels;
	int64_t level[SPACE_LEVELS_MAX]; /* ascending */
	unsigned standard;               /* the default's */
};

struct space {
	unsigned count;
	struct parameter parameter[SPACE_PARAMETERS_MAX];
};

/* One value of each parameter, by its number. */
struct setting {
	uint8_t at[SPACE_PARAMETERS_MAX];
};

/* All parameters, or those in `names` ("wake-bytes,decay-ms"). False, after a message. */
bool space_of(struct space *space, const char *names);
/* The number of parameter `option`; -1: it is not searched. */
int space_find(const struct space *space, int option);
/* The number of `value` among the levels of a parameter, where it is put in if it is none. False:
 * there is no room. */
bool space_include(struct parameter *parameter, int64_t value, unsigned *at);

struct setting space_standard(const struct space *space);
bool setting_is(const struct space *space, const struct setting *a, const struct setting *b);
unsigned setting_changes(const struct space *space, const struct setting *setting);
/* {"TIDE_WAKE_BYTES": "512k", ...}: those that are not the default's, or all. */
json_t *setting_json(const struct space *space, const struct setting *setting, bool all);

/* `count` settings that fill the space: a Latin hypercube, of a few the one whose nearest two lie
 * farthest apart (McKay, Beckman, Conover 1979; Johnson, Moore, Ylvisaker 1990). */
void space_fill(const struct space *space, struct random *random, struct setting *to,
                unsigned count);

#endif
