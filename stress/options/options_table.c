/* See options_table.h. */
#include "options_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct options_row options_row[TIDE_OPTION_COUNT] = {
#define ROW(ID, name, unit, def, min, max, meaning) { #ID, unit, def, min, max, meaning },
	TIDE_OPTIONS(ROW)
#undef ROW
};

const struct options_text_row options_text_row[TIDE_TEXT_OPTION_COUNT] = {
#define ROW(ID, name, form, meaning) { #ID, form, meaning },
	TIDE_TEXT_OPTIONS(ROW)
#undef ROW
};

const char *options_value(char text[OPTIONS_VALUE_BYTES], int64_t value, const char *unit)
{
	static const char suffix[] = { 0, 'k', 'm', 'g' };
	int shift = 0;
	if (strcmp(unit, "bytes") == 0) {
		while (shift < 3 && value != 0 && value % 1024 == 0) {
			value /= 1024;
			shift++;
		}
	}
	snprintf(text, OPTIONS_VALUE_BYTES, "%" PRId64 "%.1s", value,
	         shift > 0 ? &suffix[shift] : "");
	return text;
}
