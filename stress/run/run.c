/* tide-run COMMAND: run it with Tide as its malloc, and tell what that came to. */
#include "companion.h"
#include "json.h"
#include "options_text.h"
#include "outcome.h"
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "tide-run"
enum { EXIT_WRONG_USE = 125 };

struct arguments {
	const char *library, *json;
	bool quiet;
	struct settings file, flags;
	char *const *command;
};

static void help(void)
{
	fputs("usage: tide-run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "Run COMMAND with Tide as its malloc, and print a summary to standard error.\n"
	      "\n"
	      "  --env FILE       options from FILE, lines TIDE_<NAME>=VALUE as tide-tune writes\n"
	      "  --library FILE   preload this library, not the one that came with tide-run\n"
	      "  --json FILE      write the summary into FILE too\n"
	      "  --quiet          no summary\n"
	      "  --help           this\n"
	      "\n"
	      "The exit status is COMMAND's, and a signal that ends it ends tide-run; 125: not\n"
	      "used so, 126: can't be started, 127: not found. Signals sent to tide-run are\n"
	      "passed on. Statistics go through TIDE_STATS, so with --stats there are none here.\n"
	      "\n"
	      "Options of the library, with defaults; an option here goes before --env, that\n"
	      "before TIDE_<NAME> in the environment. Bytes may end with k, m or g.\n",
	      stdout);
	options_print(stdout, OPTIONS_FLAGS);
}

static _Noreturn void refuse(const char *what, const char *why)
{
	fprintf(stderr, PROGRAM ": %s: %s; see --help\n", what, why);
	exit(EXIT_WRONG_USE);
}

/* The value of option argv[*at], which is after "=" or the next argument. */
static const char *value_of(char *argv[], int *at)
{
	const char *equals = strchr(argv[*at], '=');
	if (equals != NULL)
		return equals + 1;
	if (argv[*at + 1] == NULL)
		refuse(argv[*at], "lacks its value");
	return argv[++*at];
}

static void read_one(struct arguments *arguments, char *argv[], int *at)
{
	char name[64], where[128];
	int length = (int)strcspn(argv[*at] + 2, "=");

	snprintf(name, sizeof name, "%.*s", length, argv[*at] + 2);
	snprintf(where, sizeof where, PROGRAM ": --%s", name);
	if (strcmp(argv[*at], "--help") == 0) {
		help();
		exit(0);
	}
	if (strcmp(argv[*at], "--quiet") == 0) {
		arguments->quiet = true;
		return;
	}
	int option = settings_find(name);
	bool known = option >= 0 || strcmp(name, "library") == 0 || strcmp(name, "json") == 0 ||
	             strcmp(name, "env") == 0;
	if (!known)
		refuse(argv[*at], "no such option");
	const char *value = value_of(argv, at);
	if (option >= 0) {
		if (!settings_set(&arguments->flags, where, option, value))
			exit(EXIT_WRONG_USE);
	} else if (strcmp(name, "env") == 0) {
		if (!settings_read_file(&arguments->file, PROGRAM, value))
			exit(EXIT_WRONG_USE);
	} else if (strcmp(name, "json") == 0) {
		arguments->json = value;
	} else {
		arguments->library = value;
	}
}

static void read_arguments(struct arguments *arguments, char *argv[])
{
	int at = 1;
	for (; argv[at] != NULL && strncmp(argv[at], "--", 2) == 0; at++) {
		if (argv[at][2] == '\0') {
			at++;
			break;
		}
		read_one(arguments, argv, &at);
	}
	if (argv[at] != NULL && argv[at][0] == '-' && strcmp(argv[at - 1], "--") != 0)
		refuse(argv[at], "no such option");
	if (argv[at] == NULL)
		refuse("COMMAND", "missing");
	arguments->command = argv + at;
}

static void find_library(char path[PATH_MAX])
{
	char found[PATH_MAX];

	if (!companion_path(found, sizeof found, "libtide-preload.so") ||
	    realpath(found, path) == NULL)
		refuse("libtide-preload.so", "not beside this program; use --library FILE");
}

static void set_preload(const struct arguments *arguments)
{
	char path[PATH_MAX];

	if (arguments->library == NULL)
		find_library(path);
	else if (realpath(arguments->library, path) == NULL)
		refuse(arguments->library, strerror(errno));
	if (!companion_preload(PROGRAM, path))
		exit(EXIT_WRONG_USE);
}

/* A folder for what the processes tell at their exit; "": they are told to do something else, or
 * there can be none. */
static void set_environment(const struct arguments *arguments, char folder[PATH_MAX])
{
	char stats[PATH_MAX + 32];
	const char *temporary = getenv("TMPDIR");

	set_preload(arguments);
	settings_apply(&arguments->file);
	settings_apply(&arguments->flags);
	*folder = '\0';
	if (getenv("TIDE_STATS") != NULL)
		return;
	snprintf(folder, PATH_MAX, "%.180s/tide-run.XXXXXX",
	         temporary != NULL && *temporary != '\0' ? temporary : "/tmp");
	if (mkdtemp(folder) == NULL) {
		fprintf(stderr, PROGRAM ": %s: %s; no statistics\n", folder, strerror(errno));
		*folder = '\0';
		return;
	}
	snprintf(stats, sizeof stats, "file:%s/%%p.json", folder);
	setenv("TIDE_STATS", stats, 1);
}

static void look(void *context, pid_t id)
{
	figures_look(context, id);
}

/* What is beside the command's own output. */
static bool report(const struct arguments *arguments, struct outcome *outcome)
{
	bool good = true;

	outcome_judge(outcome);
	if (!arguments->quiet && outcome->launched.error == 0)
		outcome_print(stderr, outcome);
	if (arguments->json != NULL) {
		json_t *document = outcome_json(outcome);
		good = json_write_file(document, arguments->json);
		json_decref(document);
	}
	return good;
}

int main(int argc, char *argv[])
{
	static struct outcome outcome;
	static struct arguments arguments;
	char folder[PATH_MAX];

	(void)argc;
	read_arguments(&arguments, argv);
	outcome.command = arguments.command;
	outcome.stats_taken = getenv("TIDE_STATS") != NULL ||
	                      arguments.flags.value[settings_find("stats")] != NULL ||
	                      arguments.file.value[settings_find("stats")] != NULL;
	program_find(&outcome.program, arguments.command[0]);
	const char *why_not = program_why_not(&outcome.program);
	if (why_not != NULL)
		fprintf(stderr, PROGRAM ": %s %s\n", outcome.program.loaded, why_not);
	set_environment(&arguments, folder);
	if (!launch_run(&outcome.launched, arguments.command, look, &outcome.figures)) {
		perror(PROGRAM);
		exit(EXIT_WRONG_USE);
	}
	if (outcome.launched.error != 0)
		fprintf(stderr, PROGRAM ": %s: %s\n", arguments.command[0],
		        strerror(outcome.launched.error));
	if (*folder != '\0') {
		figures_gather(&outcome.figures, folder);
		rmdir(folder);
	}
	if (!report(&arguments, &outcome))
		exit(EXIT_WRONG_USE);
	launch_end_alike(&outcome.launched);
}
