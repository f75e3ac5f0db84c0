/* See options.h. */
#include "options.h"

#include "os.h"
#include "text.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

/* Not getenv: a program may interpose it with one that allocates or takes a lock. */
extern char **environ;

/* Texts and not pointers to them, which would have to be relocated in every process. */
enum { OPTION_NAME_ROOM = 24, OPTION_UNIT_ROOM = 8 };
struct option_row {
	char name[OPTION_NAME_ROOM]; /* in the environment, after TIDE_ */
	char unit[OPTION_UNIT_ROOM];
	int64_t standard, min, max;
};

static const struct option_row option_row[TIDE_OPTION_COUNT] = {
#define OPTION_ROW(ID, name, unit, def, min, max, meaning)                                         \
	[TIDE_OPTION_##ID] = { #ID, unit, def, min, max },
	TIDE_OPTIONS(OPTION_ROW)
};

_Alignas(TIDE_PAGE_BYTES) _Atomic int64_t tide_option_value[TIDE_OPTION_ROOM] = {
#define OPTION_STANDARD(ID, name, unit, def, min, max, meaning) [TIDE_OPTION_##ID] = (def),
	TIDE_OPTIONS(OPTION_STANDARD)
};

static const struct {
	const char *name, *form;
} text_row[TIDE_TEXT_OPTION_COUNT] = {
#define OPTION_TEXT_ROW(ID, name, form, meaning) [TIDE_TEXT_OPTION_##ID] = { #ID, form },
	TIDE_TEXT_OPTIONS(OPTION_TEXT_ROW)
};

/* Plain: written by who took `options_reported`, before text_known.
 * text_known  writers  the same   readers  every thread   order  store-release, load-acquire
 *             edges    options.text: the copy -> its readers */
static TIDE_APART char option_text[TIDE_TEXT_OPTION_COUNT][TIDE_OPTION_TEXT_BYTES];
static _Atomic bool text_known[TIDE_TEXT_OPTION_COUNT];

#define OPTION_ASSERT(ID, name, unit, def, min, max, meaning)                                      \
	static_assert(0 <= (min) && (min) <= (def) && (def) <= (max), "options: range of " #ID);   \
	static_assert(sizeof #ID <= OPTION_NAME_ROOM && sizeof(unit) <= OPTION_UNIT_ROOM,          \
	              "options: room for the name of " #ID);
TIDE_OPTIONS(OPTION_ASSERT)

#define OPTION_PREFIX "TIDE_"
enum { OPTION_PREFIX_BYTES = sizeof OPTION_PREFIX - 1, OPTION_SHOWN_BYTES = 48 };

/* Of the project's own scripts, tests and build: not options, and no mistake. */
static const char *const option_foreign[] = {
	"PRELOAD",         "BUILD",       "BIN",          "LONG",
	"BENCH_PRELOAD",   "BENCH_SMALL", "STRESS_LONG",  "MODEL_DEPTH",
	"MODEL_MEGABYTES", "BROKEN",      "TEST_LIMIT_S", "FILL",
};

/* As the values of options: see options.h. */
static TIDE_APART _Atomic char option_cgroup[TIDE_OPTION_CGROUP_BYTES];

/* Whether somebody took it on himself to report what is wrong in the environment.
 * writers  initialising threads, by swap      readers  the same
 * order    acquire and release, though nothing travels      edges    none: a claim */
static _Atomic bool options_reported;

/* The values are read-only.
 * writers who seals, tests  readers the same  order relaxed: one thread at a time  edges none */
static _Atomic bool sealed;

static bool is_digit(char c)
{
	return '0' <= c && c <= '9';
}

static bool unit_is(const struct option_row *row, const char *unit)
{
	return strcmp(row->unit, unit) == 0;
}

static unsigned suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

bool tide_options_parse(enum tide_option_id id, const char *text, int64_t *value)
{
	const struct option_row *row = &option_row[id];
	int64_t number = 0;

	if (!is_digit(*text))
		return false;
	for (; is_digit(*text); text++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *text - '0', &number))
			return false;
	}
	if (unit_is(row, "bytes") && suffix_shift(*text) != 0) {
		unsigned shift = suffix_shift(*text++);
		if (number > INT64_MAX >> shift)
			return false;
		number <<= shift;
	}
	if (*text != '\0' || number < row->min || number > row->max)
		return false;
	*value = number;
	return true;
}

void tide_options_seal(void)
{
	tide_store_relaxed(&sealed, tide_os_seal(tide_option_value, sizeof tide_option_value));
}

/* What is the same is not written: a thread that initialises late must not write to a sealed
 * page. */
void tide_options_set(enum tide_option_id id, int64_t value)
{
	bool was_sealed = tide_load_relaxed(&sealed);
	if (tide_option(id) == value)
		return;
	if (was_sealed)
		(void)tide_os_open(tide_option_value, sizeof tide_option_value);
	tide_store_relaxed(&tide_option_value[id], value);
	if (was_sealed)
		tide_options_seal();
}

/* What came from outside, fit for one line of a terminal: clipped, and no control characters. */
static void text_shown(struct tide_text *text, const char *string, size_t bytes)
{
	char shown[OPTION_SHOWN_BYTES + 1];
	size_t kept = bytes < OPTION_SHOWN_BYTES ? bytes : OPTION_SHOWN_BYTES;

	for (size_t i = 0; i < kept; i++)
		shown[i] = (char)(' ' <= string[i] && string[i] <= '~' ? string[i] : '?');
	shown[kept] = '\0';
	tide_text_string(text, shown);
	if (kept < bytes)
		tide_text_string(text, "...");
}

static void text_variable(struct tide_text *text, const char *name, size_t name_bytes)
{
	tide_text_start(text);
	tide_text_string(text, "tide: " OPTION_PREFIX);
	text_shown(text, name, name_bytes);
}

static void report_unknown(const char *name, size_t name_bytes)
{
	struct tide_text text;

	text_variable(&text, name, name_bytes);
	tide_text_string(&text, ": no such option");
	tide_text_flush_stderr(&text);
}

static void report_value(const struct option_row *row, const char *value)
{
	struct tide_text text;

	text_variable(&text, row->name, strlen(row->name));
	tide_text_string(&text, "=");
	text_shown(&text, value, strlen(value));
	if (unit_is(row, "switch")) {
		tide_text_string(&text, ": not 0 or 1");
	} else {
		tide_text_string(&text, ": not a number of ");
		tide_text_string(&text, row->unit);
		tide_text_string(&text, " from ");
		tide_text_decimal(&text, row->min);
		tide_text_string(&text, " to ");
		tide_text_decimal(&text, row->max);
	}
	tide_text_string(&text, "; using ");
	tide_text_decimal(&text, row->standard);
	tide_text_flush_stderr(&text);
}

const char *tide_option_text(enum tide_text_option_id id)
{
	return tide_load_acquire(&text_known[id]) ? option_text[id] : ""; /* options.text */
}

void tide_options_set_text(enum tide_text_option_id id, const char *text)
{
	size_t bytes = strlen(text);
	if (bytes >= TIDE_OPTION_TEXT_BYTES)
		return;
	memcpy(option_text[id], text, bytes + 1);
	tide_store_release(&text_known[id], true); /* options.text */
}

void tide_options_report_text(enum tide_text_option_id id)
{
	struct tide_text text;

	text_variable(&text, text_row[id].name, strlen(text_row[id].name));
	tide_text_string(&text, "=");
	text_shown(&text, option_text[id], strlen(option_text[id]));
	tide_text_string(&text, ": not of the form ");
	tide_text_string(&text, text_row[id].form);
	tide_text_flush_stderr(&text);
}

static void read_text(enum tide_text_option_id id, const char *value)
{
	struct tide_text text;

	if (strlen(value) < TIDE_OPTION_TEXT_BYTES) {
		tide_options_set_text(id, value);
		return;
	}
	text_variable(&text, text_row[id].name, strlen(text_row[id].name));
	tide_text_string(&text, ": longer than ");
	tide_text_decimal(&text, TIDE_OPTION_TEXT_BYTES - 1);
	tide_text_string(&text, " characters; ignored");
	tide_text_flush_stderr(&text);
}

static bool name_is(const char *name, size_t name_bytes, const char *wanted)
{
	return strncmp(name, wanted, name_bytes) == 0 && wanted[name_bytes] == '\0';
}

static bool is_foreign(const char *name, size_t name_bytes)
{
	for (size_t i = 0; i < sizeof option_foreign / sizeof option_foreign[0]; i++) {
		if (name_is(name, name_bytes, option_foreign[i]))
			return true;
	}
	return false;
}

void tide_options_cgroup(char folder[TIDE_OPTION_CGROUP_BYTES])
{
	for (size_t i = 0; i < TIDE_OPTION_CGROUP_BYTES; i++)
		folder[i] = tide_load_relaxed(&option_cgroup[i]);
}

static void read_cgroup(const char *folder, bool report)
{
	struct tide_text text;
	size_t bytes = strlen(folder);

	if (*folder == '/' && bytes < TIDE_OPTION_CGROUP_BYTES) {
		for (size_t i = 0; i <= bytes; i++)
			tide_store_relaxed(&option_cgroup[i], folder[i]);
		return;
	}
	if (!report)
		return;
	text_variable(&text, text_row[TIDE_TEXT_OPTION_CGROUP].name,
	              strlen(text_row[TIDE_TEXT_OPTION_CGROUP].name));
	tide_text_string(&text, "=");
	text_shown(&text, folder, bytes);
	tide_text_string(&text, ": not a path from / of at most ");
	tide_text_decimal(&text, TIDE_OPTION_CGROUP_BYTES - 1);
	tide_text_string(&text, " bytes; using the process's own");
	tide_text_flush_stderr(&text);
}

/* One variable, with its prefix taken off: "DECAY_MS=500". */
static void read_variable(const char *name, bool report)
{
	const char *equals = strchr(name, '=');
	if (equals == NULL)
		return;

	size_t name_bytes = (size_t)(equals - name);
	for (unsigned id = 0; id < TIDE_OPTION_COUNT; id++) {
		int64_t value;

		if (!name_is(name, name_bytes, option_row[id].name))
			continue;
		if (tide_options_parse((enum tide_option_id)id, equals + 1, &value))
			tide_options_set((enum tide_option_id)id, value);
		else if (report)
			report_value(&option_row[id], equals + 1);
		return;
	}
	for (unsigned id = 0; id < TIDE_TEXT_OPTION_COUNT; id++) {
		if (!name_is(name, name_bytes, text_row[id].name))
			continue;
		if (id == TIDE_TEXT_OPTION_CGROUP)
			read_cgroup(equals + 1, report);
		else if (report)
			read_text((enum tide_text_option_id)id, equals + 1);
		return;
	}
	if (report && !is_foreign(name, name_bytes))
		report_unknown(name, name_bytes);
}

bool tide_options_init(void)
{
	int saved_errno = errno; /* getauxval may set it */
	char **variable = environ;

	if (variable == NULL)
		return false;
	if (getauxval(AT_SECURE) == 0) {
		bool report = !tide_swap_acq_rel(&options_reported, true);

		for (; *variable != NULL; variable++) {
			if (strncmp(*variable, OPTION_PREFIX, OPTION_PREFIX_BYTES) == 0)
				read_variable(*variable + OPTION_PREFIX_BYTES, report);
		}
	}
	errno = saved_errno;
	return true;
}
