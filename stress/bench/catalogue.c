/* See catalogue.h. */
#include "catalogue.h"

#include "child.h"
#include "companion.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_LIMIT_S = 20 };

static struct scenario *add(struct catalogue *catalogue, const char *group, const char *name,
                            size_t length)
{
	if (catalogue->count == CATALOGUE_MAX)
		return NULL;
	struct scenario *scenario = &catalogue->scenario[catalogue->count++];
	snprintf(scenario->name, sizeof scenario->name, "%s/%.*s", group, (int)length, name);
	return scenario;
}

static bool read_micro(struct catalogue *catalogue, const char *program)
{
	char load[PATH_MAX];
	struct child child;

	companion_path(load, sizeof load, "tide-bench-load");
	if (!child_run(&child, (const char *const[]){ load, "--list", NULL }, "LD_PRELOAD", "",
	               LIST_LIMIT_S)) {
		fprintf(stderr, "%s: %s --list failed\n", program, load);
		return false;
	}
	char *rest = child.output_text;
	for (char *line = strtok_r(rest, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strcspn(line, " ");
		struct scenario *scenario = add(catalogue, "micro", line, length);

		if (scenario == NULL)
			break;
		snprintf(scenario->file, sizeof scenario->file, "%s", load);
		snprintf(scenario->what, sizeof scenario->what, "%s",
		         line + length + strspn(line + length, " "));
	}
	return true;
}

static int is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".sh") == 0 && strcmp(entry->d_name, "common.sh") != 0;
}

static void read_programs(struct catalogue *catalogue, const char *programs)
{
	struct dirent **entry = NULL;
	int entries = scandir(programs, &entry, is_script, alphasort);

	for (int i = 0; i < entries; i++) {
		const char *file = entry[i]->d_name;
		struct scenario *scenario =
		    add(catalogue, "program", file, strlen(file) - strlen(".sh"));

		if (scenario != NULL) {
			scenario->is_program = true;
			snprintf(scenario->file, sizeof scenario->file, "%s/%s", programs, file);
			snprintf(scenario->what, sizeof scenario->what, "a real program");
		}
		free(entry[i]);
	}
	free(entry);
}

bool catalogue_read(struct catalogue *catalogue, const char *program, const char *programs)
{
	catalogue->count = 0;
	if (!read_micro(catalogue, program))
		return false;
	read_programs(catalogue, programs);
	return true;
}

bool catalogue_choose(struct catalogue *catalogue, const char *pattern)
{
	bool found = false;

	for (size_t i = 0; i < catalogue->count; i++) {
		struct scenario *scenario = &catalogue->scenario[i];

		if (fnmatch(pattern, scenario->name, 0) == 0 ||
		    fnmatch(pattern, strchr(scenario->name, '/') + 1, 0) == 0)
			scenario->is_chosen = found = true;
	}
	return found;
}
