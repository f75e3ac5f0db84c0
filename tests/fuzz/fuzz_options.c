/* The parser of options: numbers against a second reading of the same text, and whole variables, of
 * which any may be wrong and none may put a value out of its range. */
#include "input.h"

#include "options.h"

#include <unistd.h>

static const struct {
	const char *name, *unit;
	int64_t min, max;
} rows[] = {
#define ROW(ID, name, unit, standard, min, max, meaning) { #ID, unit, min, max },
	TIDE_OPTIONS(ROW)
};

/* As the header says it; false: no such number. */
static bool expected(const char *text, bool in_bytes, __int128 *number)
{
	const char *at = text;

	for (*number = 0; *at >= '0' && *at <= '9'; at++) {
		if (*number < (__int128)1 << 100)
			*number = *number * 10 + (*at - '0');
	}
	if (at == text)
		return false;
	if (in_bytes && *at != '\0') {
		const char *suffix = strchr("kmgKMG", *at);
		if (suffix == NULL)
			return false;
		*number <<= 10 * (1 + (suffix - "kmgKMG") % 3) % 40;
		at++;
	}
	return *at == '\0';
}

static void parse_one(enum tide_option_id id, const char *text)
{
	__int128 number = 0;
	int64_t value = -7;
	bool wanted = expected(text, strcmp(rows[id].unit, "bytes") == 0, &number) &&
	              number >= rows[id].min && number <= rows[id].max;

	HOLDS(tide_options_parse(id, text, &value) == wanted);
	HOLDS(value == (wanted ? (int64_t)number : -7));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };
	enum tide_option_id id = (enum tide_option_id)(input_byte(&input) % TIDE_OPTION_COUNT);
	char text[600] = "", variable[700], *lines[] = { variable, NULL };
	char **before = environ;
	size_t length = input.left < sizeof text - 1 ? input.left : sizeof text - 1;

	if (length > 0)
		memcpy(text, input.at, length);
	parse_one(id, text);
	if (text[0] == '#') /* the name as well is the fuzzer's */
		snprintf(variable, sizeof variable, "TIDE_%s", text + 1);
	else
		snprintf(variable, sizeof variable, "TIDE_%s=%s", rows[id].name, text);
	environ = lines;
	(void)tide_options_init();
	environ = before;
	for (unsigned i = 0; i < TIDE_OPTION_COUNT; i++) {
		int64_t value = tide_option((enum tide_option_id)i);
		HOLDS(value >= rows[i].min && value <= rows[i].max);
	}
	for (unsigned i = 0; i < TIDE_TEXT_OPTION_COUNT; i++)
		HOLDS(strlen(tide_option_text((enum tide_text_option_id)i)) <
		      TIDE_OPTION_TEXT_BYTES);
	return 0;
}
