/* The options of the library as data, in the order of their table in <tide/options.h>. */
#ifndef OPTIONS_TABLE_H
#define OPTIONS_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <tide/options.h>

/* options_row[TIDE_OPTION_DECAY_MS] and so on. */
struct options_row {
	const char *id, *unit; /* "DECAY_MS" */
	int64_t standard, min, max;
	const char *meaning;
};
extern const struct options_row options_row[TIDE_OPTION_COUNT];

struct options_text_row {
	const char *id, *form, *meaning;
};
extern const struct options_text_row options_text_row[TIDE_TEXT_OPTION_COUNT];

enum { OPTIONS_VALUE_BYTES = 32 };
/* "64k" where that is shorter: what can be typed. Returns `text`. */
const char *options_value(char text[OPTIONS_VALUE_BYTES], int64_t value, const char *unit);

#endif
