/* See tune_arguments.h. */
#include "tune_arguments.h"

#include "../cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "tide-tune"

void arguments_help(void)
{
	printf(
	    "usage: tide-tune [OPTION]... -- COMMAND [ARGUMENT]...\n"
	    "       tide-tune [OPTION]... --trace FILE\n"
	    "Run COMMAND many times under different settings of Tide, and tell which serves it\n"
	    "best, with what confidence, or that nothing beats the default.\n"
	    "\n"
	    "  --objective NAME,...   what is to be small: wall, cpu, peak, p99; of several the\n"
	    "                         geometric mean (wall)\n"
	    "  --metric NAME          what COMMAND prints before its 99th percentile (p99)\n"
	    "  --parameters NAME,...  search only these\n"
	    "  --list                 print all parameters there are, and their values\n"
	    "  --start FILE           a setting to begin with, as TIDE_... in the environment is\n"
	    "  --trace FILE           instead of a command: replay what tide-record recorded\n"
	    "  --runs N               at most so many runs (300)\n"
	    "  --minutes N            and no more than fit into so many minutes\n"
	    "  --limit SECONDS        a run that takes longer has failed (600)\n"
	    "  --alpha P              chance of calling a difference that is none (0.05)\n"
	    "  --least PERCENT        smaller differences don't count (1)\n"
	    "  --seed N               of the search; the same seed and measurements, the same\n"
	    "                         search (1)\n"
	    "  --out FOLDER           for the report and the state (tide-tune-report); a search\n"
	    "                         that was broken off goes on from there\n"
	    "  --restart              begin anew there\n"
	    "  --quiet                no progress\n"
	    "  --help                 this\n"
	    "\n"
	    "COMMAND's input is empty, its output is not shown. tide-tune.env in FOLDER is the\n"
	    "chosen set, for tide-run --env; tide-tune.html shows the search.\n"
	    "Exit status: 0 done, whatever came of it; 1 failed; 2 not used so; 130 "
	    "interrupted.\n");
}

static const struct option known[] = {
	{ "objective", required_argument, NULL, 'o' },
	{ "metric", required_argument, NULL, 'm' },
	{ "parameters", required_argument, NULL, 'p' },
	{ "start", required_argument, NULL, 's' },
	{ "trace", required_argument, NULL, 'T' },
	{ "runs", required_argument, NULL, 'r' },
	{ "minutes", required_argument, NULL, 'M' },
	{ "limit", required_argument, NULL, 't' },
	{ "alpha", required_argument, NULL, 'a' },
	{ "least", required_argument, NULL, 'e' },
	{ "seed", required_argument, NULL, 'S' },
	{ "out", required_argument, NULL, 'O' },
	{ "restart", no_argument, NULL, 'R' },
	{ "list", no_argument, NULL, 'l' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool read_number(struct arguments *arguments, int option)
{
	switch (option) {
	case 'r':
		return cli_number(PROGRAM, "runs", ARGUMENTS_RUNS_MIN, RUNS_MAX, &arguments->runs);
	case 'M':
		return cli_number(PROGRAM, "minutes", 0.1, 100000, &arguments->minutes);
	case 't':
		return cli_number(PROGRAM, "limit", 0.1, 86400, &arguments->limit_s);
	case 'a':
		return cli_number(PROGRAM, "alpha", 0.0001, 0.5, &arguments->alpha);
	case 'e':
		return cli_number(PROGRAM, "least", 0, 50, &arguments->least_percent);
	default:
		return cli_number(PROGRAM, "seed", 0, 1e15, &arguments->seed);
	}
}

static bool read_option(void *to, int option)
{
	struct arguments *arguments = to;

	switch (option) {
	case 'o':
		arguments->objectives = optarg;
		return true;
	case 'm':
		arguments->metric = optarg;
		return true;
	case 'p':
		arguments->parameters = optarg;
		return true;
	case 's':
		arguments->start = optarg;
		return true;
	case 'T':
		arguments->trace = optarg;
		return true;
	case 'O':
		arguments->out = optarg;
		return true;
	case 'R':
		return arguments->restart = true;
	case 'l':
		return arguments->list = true;
	case 'q':
		return arguments->quiet = true;
	case 'h':
		return arguments->help = true;
	default:
		return read_number(arguments, option);
	}
}

/* Options up to "--", as getopt leaves it; what follows is the command. */
bool arguments_read(struct arguments *arguments, int argc, char *argv[])
{
	int own = 1;
	*arguments = (struct arguments){ .objectives = "wall",
		                         .metric = "p99",
		                         .out = "tide-tune-report",
		                         .runs = 300,
		                         .minutes = INFINITY,
		                         .limit_s = 600,
		                         .seed = 1,
		                         .alpha = 0.05,
		                         .least_percent = 1 };
	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	char *after = argv[own];
	argv[own] = NULL;
	bool good = cli_options(PROGRAM, own, argv, "+:", known, read_option, arguments);
	argv[own] = after;
	return good;
}

bool arguments_read_objectives(bool wanted[OBJECTIVES], const char *names)
{
	while (*names != '\0') {
		size_t length = strcspn(names, ",");
		int found = -1;
		for (int o = 0; o < OBJECTIVES; o++) {
			if (strlen(objective_row[o].name) == length &&
			    strncmp(objective_row[o].name, names, length) == 0)
				found = o;
		}
		if (found < 0) {
			fprintf(stderr, PROGRAM ": --objective: %.*s: not wall, cpu, peak or p99\n",
			        (int)length, names);
			return false;
		}
		wanted[found] = true;
		names += length;
		names += *names == ',';
	}
	return true;
}
