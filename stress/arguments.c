/* See arguments.h. */
#include "arguments.h"

#include "cli.h"
#include "number.h"
#include "random.h"
#include "scenario_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MAX = 7 * 86400, THREADS_MAX = 256, SOAK_MAX_HOURS = 1000 };

#define STEPS_MAX UINT64_C(1000000000000)

static bool number_read(const char *name, const char *text, uint64_t min, uint64_t max,
                        uint64_t *value)
{
	if (number_parse(text, min, max, value))
		return true;
	fprintf(stderr, "tide-stress: --%s=%s: not a number from %" PRIu64 " to %" PRIu64 "\n",
	        name, text, min, max);
	return false;
}

/* Hours may be a part of one: a short soak is how a long one is tried out. */
static bool hours_read(const char *text, double *hours)
{
	char *end = NULL;

	*hours = strtod(text, &end);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && *hours > 0 &&
	    *hours <= SOAK_MAX_HOURS)
		return true;
	fprintf(stderr, "tide-stress: --soak=%s: not a number of hours above 0 and up to %d\n",
	        text, SOAK_MAX_HOURS);
	return false;
}

static uint64_t seed_of_the_moment(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	/* Short enough to be typed again. */
	return random_mix((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32) >> 32;
}

static const struct option known[] = {
	{ "scenario", required_argument, NULL, 'c' },
	{ "list", no_argument, NULL, 'l' },
	{ "print", required_argument, NULL, 'p' },
	{ "seconds", required_argument, NULL, 's' },
	{ "threads", required_argument, NULL, 't' },
	{ "seed", required_argument, NULL, 'r' },
	{ "steps", required_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "report", required_argument, NULL, 'd' },
	{ "soak", required_argument, NULL, 'k' },
	{ "fault", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool fault_read(struct arguments *arguments, const char *text)
{
	arguments->fault_help = strcmp(text, "help") == 0;
	return arguments->fault_help || fault_parse(&arguments->faults, text);
}

/* Options with a value. */
static bool value_read(struct arguments *arguments, int option, const char *value)
{
	switch (option) {
	case 'c':
		arguments->scenario = value;
		return true;
	case 'p':
		arguments->print = value;
		return true;
	case 's':
		return number_read("seconds", value, 1, SECONDS_MAX, &arguments->seconds);
	case 't':
		return number_read("threads", value, 1, THREADS_MAX, &arguments->threads);
	case 'r':
		return number_read("seed", value, 0, UINT64_MAX, &arguments->seed);
	case 'n':
		return number_read("steps", value, 1, STEPS_MAX, &arguments->steps);
	case 'd':
		arguments->report = value;
		return true;
	case 'k':
		return hours_read(value, &arguments->soak_hours);
	default:
		return fault_read(arguments, value);
	}
}

static bool option_read(void *to, int option)
{
	struct arguments *arguments = to;

	switch (option) {
	case 'l':
		arguments->list = true;
		return true;
	case 'q':
		arguments->quiet = true;
		return true;
	case 'h':
		arguments->help = true;
		return true;
	default:
		return value_read(arguments, option, optarg);
	}
}

bool arguments_read(struct arguments *arguments, int argc, char *argv[])
{
	*arguments = (struct arguments){ .scenario = "mixed" };
	arguments->seed = seed_of_the_moment();
	if (!cli_options("tide-stress", argc, argv, "+:", known, option_read, arguments))
		return false;
	if (arguments->steps != 0 && (arguments->seconds != 0 || arguments->soak_hours > 0)) {
		fprintf(stderr, "tide-stress: --steps ends a run by itself: neither --seconds nor "
		                "--soak goes with it\n");
		return false;
	}
	return true;
}

void arguments_help(void)
{
	printf(
	    "Usage: tide-stress [OPTION]...\n"
	    "\n"
	    "Load the allocator from many threads as a scenario has it: blocks are made, resized,\n"
	    "handed to other threads and freed, in phases of growth, release and rest. The\n"
	    "contents of every block are checked on each of these ways.\n"
	    "\n"
	    "  --scenario NAME|FILE  which load (mixed); a file is read if no built-in has the "
	    "name\n"
	    "  --list                the built-in scenarios\n"
	    "  --print NAME          a built-in scenario as a file, to be changed\n"
	    "  --seconds N           run so long, 1 to %d (as the scenario says)\n"
	    "  --threads N           use so many threads, 1 to %d (as the scenario says)\n"
	    "  --seed N              use these random numbers (new ones each time; it is printed)\n"
	    "  --steps N             each thread ends after N steps, and phases go by steps: the "
	    "same\n"
	    "                        seed and steps ask for the same blocks; see 'trace'\n"
	    "  --fault NAME[:KEY=VALUE,...]\n"
	    "                        make something fail, may be repeated; --fault help lists "
	    "them\n"
	    "  --soak HOURS          run so long, with a line each minute; resident memory must\n"
	    "                        reach a plateau\n"
	    "  --report FOLDER       write the report there (tide-stress-report)\n"
	    "  --quiet               no progress, only the report\n"
	    "  --help                print this\n"
	    "\n"
	    "Ctrl-C ends the run early, with the full report.\n"
	    "Exit status: 0 all was right; 1 a block was corrupt or lost, an allocation was\n"
	    "refused, or a thread hung; 2 the arguments or the scenario can't be used.\n"
	    "\n"
	    "A scenario is lines 'KEY VALUE'; '#' begins a comment. The keys:\n"
	    "\n",
	    SECONDS_MAX, THREADS_MAX);
	scenario_keys_print(stdout);
}
