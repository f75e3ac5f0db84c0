/* See settings.h. */
#include "settings.h"

#include "options.h"
#include "options_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = TIDE_OPTION_COUNT + TIDE_TEXT_OPTION_COUNT, LINE_BYTES = 1024 };
static_assert((int)ALL <= (int)SETTINGS_MAX, "settings: room for every option");

const char *settings_id(int option)
{
	return option < TIDE_OPTION_COUNT ? options_row[option].id
	                                  : options_text_row[option - TIDE_OPTION_COUNT].id;
}

static bool is_same(const char *name, const char *id)
{
	for (; *name != '\0' && *id != '\0'; name++, id++) {
		char letter = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
		if (letter != *id)
			return false;
	}
	return *name == *id;
}

int settings_find(const char *name)
{
	if (strncmp(name, "TIDE_", 5) == 0)
		name += 5;
	for (int i = 0; i < ALL; i++) {
		if (is_same(name, settings_id(i)))
			return i;
	}
	return -1;
}

bool settings_number(int option, const char *value, int64_t *number)
{
	return option < TIDE_OPTION_COUNT &&
	       tide_options_parse((enum tide_option_id)option, value, number);
}

/* As the library's reader has it. */
static bool is_valid_text(const char *where, int option, const char *value)
{
	bool is_folder = option == TIDE_TEXT_OPTION_CGROUP;
	size_t most = (is_folder ? TIDE_OPTION_CGROUP_BYTES : TIDE_OPTION_TEXT_BYTES) - 1;

	if (strlen(value) > most)
		fprintf(stderr, "%s: longer than %zu characters\n", where, most);
	else if (is_folder && *value != '/')
		fprintf(stderr, "%s: '%s' is not a path from /\n", where, value);
	else
		return true;
	return false;
}

static bool is_valid(const char *where, int option, const char *value)
{
	char low[OPTIONS_VALUE_BYTES], high[OPTIONS_VALUE_BYTES];
	int64_t number;

	if (option >= TIDE_OPTION_COUNT)
		return is_valid_text(where, option - TIDE_OPTION_COUNT, value);
	if (settings_number(option, value, &number))
		return true;
	const struct options_row *row = &options_row[option];
	fprintf(stderr, "%s: '%s' is not a number of %s from %s to %s\n", where, value, row->unit,
	        options_value(low, row->min, row->unit), options_value(high, row->max, row->unit));
	return false;
}

bool settings_set(struct settings *settings, const char *where, int option, const char *value)
{
	if (!is_valid(where, option, value))
		return false;
	free(settings->value[option]);
	settings->value[option] = strdup(value);
	return true;
}

/* One line without its end. */
static bool read_line(struct settings *settings, const char *where, char *line)
{
	char *equals = strchr(line, '=');

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return true;
	if (equals == NULL || strncmp(line, "TIDE_", 5) != 0) {
		fprintf(stderr, "%s: not of the form TIDE_<NAME>=VALUE\n", where);
		return false;
	}
	*equals = '\0';
	int option = settings_find(line);
	if (option < 0) {
		fprintf(stderr, "%s: no such option: %s\n", where, line);
		return false;
	}
	return settings_set(settings, where, option, equals + 1);
}

bool settings_read_file(struct settings *settings, const char *program, const char *path)
{
	char line[LINE_BYTES], where[LINE_BYTES];
	FILE *file = fopen(path, "re");
	bool good = file != NULL;

	if (file == NULL)
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
	for (unsigned number = 1; good && fgets(line, sizeof line, file) != NULL; number++) {
		snprintf(where, sizeof where, "%s: %.300s, line %u", program, path, number);
		size_t length = strcspn(line, "\r\n");
		if (length == sizeof line - 1) {
			fprintf(stderr, "%s: too long\n", where);
			good = false;
			break;
		}
		line[length] = '\0';
		good = read_line(settings, where, line);
	}
	if (file != NULL && ferror(file) != 0) {
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
		good = false;
	}
	if (file != NULL)
		fclose(file);
	return good;
}

void settings_apply(const struct settings *settings)
{
	char name[64];

	for (int i = 0; i < ALL; i++) {
		if (settings->value[i] == NULL)
			continue;
		snprintf(name, sizeof name, "TIDE_%s", settings_id(i));
		setenv(name, settings->value[i], 1);
	}
}
