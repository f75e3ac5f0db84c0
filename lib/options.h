/* What can be set at run time; <tide/options.h> has the rows. Read from the environment
 * (TIDE_<NAME>) once, at start; then read-only. A bad value is reported once on stderr with the
 * valid range, and the default stands; so is a TIDE_<NAME> that names no option. A program that
 * runs with more rights than its caller (set-user-id) ignores the environment.
 *
 * A text option is kept in a copy: the program may write over its environment.
 *
 * Touched by  the thread that initialises (writes), then every thread (reads)
 * Atomics     value: writers the initialising threads; readers every thread; order relaxed; edges
 *             none: each value is independent, a default is as good as a value, and threads that
 *             initialise at once store the same.
 */
#ifndef TIDE_OPTIONS_H
#define TIDE_OPTIONS_H

#include "atomic.h"
#include "config.h"

#include <tide/options.h>

/* A page of its own, so that it can be made read-only; after all other variables with a value, which
 * it must not cut in two. */
#define TIDE_OPTION_ROOM (TIDE_PAGE_BYTES / sizeof(int64_t))
static_assert(TIDE_OPTION_COUNT <= TIDE_OPTION_ROOM, "options: they fit in their page");
TIDE_HIDDEN extern
    __attribute__((section(".data.tide"))) _Atomic int64_t tide_option_value[TIDE_OPTION_ROOM];

static inline int64_t tide_option(enum tide_option_id id)
{
	return tide_load_relaxed(&tide_option_value[id]);
}

#define TIDE_OPTION_CGROUP_BYTES 512
/* The folder in TIDE_CGROUP; "" when there is none. */
TIDE_HIDDEN void tide_options_cgroup(char folder[TIDE_OPTION_CGROUP_BYTES]);

/* Read the environment. Returns false while the C library has none yet: call again later. Runs
 * inside the first malloc: allocates nothing, preserves errno. Harmless to repeat. */
TIDE_HIDDEN bool tide_options_init(void);
/* The value in `text` for option `id` into *value: a decimal integer, for byte options with an
 * optional suffix k, m or g (or K, M, G; binary multiples). False when it is no such integer or out
 * of range; *value is kept then. */
TIDE_HIDDEN bool tide_options_parse(enum tide_option_id id, const char *text, int64_t *value);
/* Make the values read-only, as far as the system will. */
TIDE_HIDDEN void tide_options_seal(void);
/* Set a value directly: for tests, and at start. */
TIDE_HIDDEN void tide_options_set(enum tide_option_id id, int64_t value);

#define TIDE_OPTION_TEXT_BYTES 256

/* The text of an option, "" while it is not set; it stays where it is. (Not TIDE_CGROUP's.) */
TIDE_HIDDEN const char *tide_option_text(enum tide_text_option_id id);
/* Set a text directly: for tests, and before there is a second thread. */
TIDE_HIDDEN void tide_options_set_text(enum tide_text_option_id id, const char *text);
/* Tell on stderr that the text of an option is not of its form. */
TIDE_HIDDEN void tide_options_report_text(enum tide_text_option_id id);

#endif
