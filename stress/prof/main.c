/* tide-prof: what a heap profile of Tide's says. */
#include "../number.h"
#include "companion.h"
#include "read.h"
#include "show.h"
#include "stacks.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_NO_COMMAND = 127, LINES = 20 };

struct arguments {
	const char *what, *file, *base, *out, *bytes;
	enum stacks_measure measure;
	size_t lines;
	char **command; /* of run */
};

static void help(void)
{
	printf("Usage: tide-prof top|stacks|leaks FILE      show a heap profile\n"
	       "       tide-prof flame|pprof -o OUT FILE    draw it (SVG); convert it for pprof\n"
	       "       tide-prof run COMMAND [ARGUMENT]...  run with a profile; show what is not "
	       "freed\n"
	       "\n"
	       "  top      functions, by the bytes they hold\n"
	       "  stacks   call stacks, by the bytes they hold\n"
	       "  leaks    the same of a profile written at exit: what was never freed\n"
	       "  flame    flame graph, as SVG for a browser\n"
	       "  pprof    the format of pprof (protocol buffers, compressed)\n"
	       "\n"
	       "  -b, --base FILE   only what was added since this earlier profile\n"
	       "  -a, --allocated   all that was allocated, not only what is live\n"
	       "  -n, --lines N     so many functions or stacks (20)\n"
	       "  -o, --out FILE    where flame and pprof write; where run keeps its profile\n"
	       "  -r, --rate BYTES  for run: mean distance of samples (512k; 1: each allocation)\n"
	       "\n"
	       "A program writes profiles with TIDE_PROFILE=1 TIDE_PROFILE_FILE=PATH in its "
	       "environment\n"
	       "(<tide/profile.h>). Figures are estimates from samples.\n");
}

static bool usage(const char *what)
{
	fprintf(stderr, "tide-prof: %s; see tide-prof --help\n", what);
	return false;
}

static bool is_drawn(const char *what)
{
	return strcmp(what, "flame") == 0 || strcmp(what, "pprof") == 0;
}

static bool is_shown(const char *what)
{
	return strcmp(what, "top") == 0 || strcmp(what, "stacks") == 0 ||
	       strcmp(what, "leaks") == 0;
}

static bool read_lines(const char *text, size_t *lines)
{
	uint64_t number = 0;
	bool is_one = number_parse(text, 1, SIZE_MAX, &number);
	*lines = number;
	return is_one || usage("--lines wants a number");
}

static bool read_arguments(struct arguments *arguments, int argc, char *argv[])
{
	static const struct option options[] = { { "base", required_argument, NULL, 'b' },
		                                 { "allocated", no_argument, NULL, 'a' },
		                                 { "lines", required_argument, NULL, 'n' },
		                                 { "out", required_argument, NULL, 'o' },
		                                 { "rate", required_argument, NULL, 'r' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { NULL, 0, NULL, 0 } };
	*arguments = (struct arguments){ .lines = LINES };
	if (argc < 2)
		return usage("say what to do");
	arguments->what = argv[1];
	bool run = strcmp(argv[1], "run") == 0;
	bool asks = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
	optind = asks ? 1 : 2;
	/* The options of a command that is run are its own. */
	for (int option; (option = getopt_long(argc, argv, run ? "+b:an:o:r:h" : "b:an:o:r:h",
	                                       options, NULL)) != -1;) {
		if (option == 'h') {
			help();
			exit(EXIT_SUCCESS);
		}
		if (option == '?')
			return usage("an option is wrong");
		if (option == 'n' && !read_lines(optarg, &arguments->lines))
			return false;
		if (option == 'a')
			arguments->measure = STACKS_ALLOCATED;
		else if (option == 'b')
			arguments->base = optarg;
		else if (option == 'o')
			arguments->out = optarg;
		else if (option == 'r')
			arguments->bytes = optarg;
	}
	if (!run && !is_shown(arguments->what) && !is_drawn(arguments->what))
		return usage("there is no such command");
	if (run) {
		arguments->command = argv + optind;
		return *arguments->command != NULL || usage("run what?");
	}
	if (optind + 1 != argc)
		return usage(optind == argc ? "name a profile" : "one profile at a time");
	arguments->file = argv[optind];
	if (is_drawn(arguments->what) && arguments->out == NULL)
		return usage("--out is missing");
	return true;
}

static bool add(struct stacks *stacks, const char *path, enum stacks_measure measure, double sign,
                struct profile *profile)
{
	if (!profile_read(profile, path))
		return false;
	struct symbols *symbols = symbols_open(profile->maps, profile->maps_bytes, path);
	if (symbols == NULL)
		return false;
	if (profile->warning != NULL)
		fprintf(stderr, "tide-prof: %s: %s\n", path, profile->warning);
	stacks_add(stacks, profile, symbols, measure, sign);
	return true;
}

static void show_head(const struct arguments *arguments, const struct stacks *stacks,
                      const char *what)
{
	char bytes[SHOW_BYTES];
	printf("%s: %s %s%s\n\n", arguments->file, show_bytes(bytes, stacks_bytes(stacks)), what,
	       arguments->base != NULL ? " more than in the base" : "");
}

static bool show(const struct arguments *arguments)
{
	struct profile profile, base;
	struct stacks stacks = { 0 };
	bool live = arguments->measure == STACKS_LIVE;
	bool leaks = strcmp(arguments->what, "leaks") == 0;
	const char *what = leaks && live ? "never freed" : live ? "live" : "allocated";
	if (!add(&stacks, arguments->file, arguments->measure, 1, &profile))
		return false;
	if (arguments->base != NULL &&
	    !add(&stacks, arguments->base, arguments->measure, -1, &base))
		return false;
	if (!stacks_settle(&stacks)) {
		fprintf(stderr, "tide-prof: out of memory\n");
		return false;
	}
	if (strcmp(arguments->what, "flame") == 0)
		return flame_write(&stacks, live ? "Live heap" : "Allocated", arguments->out);
	if (strcmp(arguments->what, "pprof") == 0)
		return pprof_write(&stacks, arguments->measure, profile.mean_bytes, arguments->out);
	show_head(arguments, &stacks, what);
	if (strcmp(arguments->what, "top") == 0)
		return show_top(&stacks, arguments->lines);
	show_stacks(&stacks, arguments->lines, what);
	return true;
}

static bool preload(void)
{
	char library[PATH_MAX];
	(void)companion_path(library, sizeof library, "libtide-preload.so");
	return companion_preload("tide-prof", library);
}

/* The exit status, as a shell has it. */
static int run(struct arguments *arguments)
{
	char folder[] = "/tmp/tide-prof.XXXXXX", path[PATH_MAX];
	int status = 0;
	if (arguments->out != NULL) {
		snprintf(path, sizeof path, "%s", arguments->out);
		(void)unlink(path); /* what is shown must be of this run */
	} else if (mkdtemp(folder) == NULL) {
		perror(folder);
		return EXIT_FAILURE;
	} else {
		snprintf(path, sizeof path, "%s/heap", folder);
	}
	pid_t child = fork();
	if (child == 0) {
		if (!preload() || setenv("TIDE_PROFILE", "1", 1) != 0 ||
		    setenv("TIDE_PROFILE_FILE", path, 1) != 0 ||
		    (arguments->bytes != NULL &&
		     setenv("TIDE_PROFILE_BYTES", arguments->bytes, 1) != 0))
			_exit(EXIT_USAGE);
		(void)execvp(arguments->command[0], arguments->command);
		perror(arguments->command[0]);
		_exit(EXIT_NO_COMMAND);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("tide-prof");
		return EXIT_FAILURE;
	}
	(void)fflush(stdout);
	if (access(path, R_OK) == 0) {
		arguments->file = path;
		arguments->what = "leaks";
		(void)dup2(STDERR_FILENO, STDOUT_FILENO); /* stdout is the command's */
		(void)show(arguments);
		(void)fflush(stdout);
	} else {
		fprintf(stderr, "tide-prof: %s left no profile: static, or ended by a signal?\n",
		        arguments->command[0]);
	}
	if (arguments->out == NULL) {
		(void)unlink(path);
		(void)rmdir(folder);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char *argv[])
{
	struct arguments arguments;
	if (!read_arguments(&arguments, argc, argv))
		return EXIT_USAGE;
	if (arguments.command != NULL)
		return run(&arguments);
	return show(&arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
