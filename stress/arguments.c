/* See arguments.h. */
#include "arguments.h"

#include "random.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MAX = 86400, THREADS_MAX = 256 };

static bool number_read(const char *name, const char *text, uint64_t min, uint64_t max,
                        uint64_t *value)
{
	char *end = NULL;

	errno = 0;
	uint64_t number = strtoull(text, &end, 10);
	/* strtoull also takes blanks and signs. */
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < min ||
	    number > max) {
		fprintf(stderr,
		        "tide-stress: --%s=%s: not a number from %" PRIu64 " to %" PRIu64 "\n",
		        name, text, min, max);
		return false;
	}
	*value = number;
	return true;
}

static uint64_t seed_of_the_moment(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	/* Short enough to be typed again. */
	return random_mix((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32) >> 32;
}

static const struct option known[] = {
	{ "seconds", required_argument, NULL, 's' }, { "threads", required_argument, NULL, 't' },
	{ "seed", required_argument, NULL, 'r' },    { "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },          { "soak", required_argument, NULL, 'k' },
	{ "report", required_argument, NULL, 'o' },  { NULL, 0, NULL, 0 },
};

static bool option_read(struct arguments *arguments, int option, const char *argument)
{
	switch (option) {
	case 's':
		return number_read("seconds", optarg, 1, SECONDS_MAX, &arguments->seconds);
	case 't':
		return number_read("threads", optarg, 1, THREADS_MAX, &arguments->threads);
	case 'r':
		return number_read("seed", optarg, 0, UINT64_MAX, &arguments->seed);
	case 'k':
		arguments->soak_hours = strtod(optarg, NULL);
		arguments->seconds = (uint64_t)(arguments->soak_hours * 3600);
		return true;
	case 'o':
		arguments->report_folder = optarg;
		return true;
	case 'q':
		arguments->quiet = true;
		return true;
	case 'h':
		arguments->help = true;
		return true;
	case ':':
		fprintf(stderr, "tide-stress: %s: a value is missing\n", argument);
		return false;
	default:
		fprintf(stderr, "tide-stress: %s: no such option, or not used so; see --help\n",
		        argument);
		return false;
	}
}

bool arguments_read(struct arguments *arguments, int argc, char *argv[])
{
	*arguments = (struct arguments){ .seconds = 20, .threads = 4 };
	arguments->seed = seed_of_the_moment();
	opterr = 0;
	for (;;) {
		int at = optind;
		int option = getopt_long(argc, argv, "+:", known, NULL);

		if (option == -1)
			break;
		if (!option_read(arguments, option, argv[at]))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "tide-stress: %s: not an option; see --help\n", argv[optind]);
		return false;
	}
	return true;
}

void arguments_help(void)
{
	printf("Usage: tide-stress [OPTION]...\n"
	       "\n"
	       "Load the allocator from many threads: blocks of mixed sizes are made, resized,\n"
	       "handed to other threads and freed, in phases of growth, release and rest. The\n"
	       "contents of every block are checked on each of these ways.\n"
	       "\n"
	       "  --seconds N   run so long, 1 to %d (20)\n"
	       "  --threads N   use so many threads, 1 to %d (4); others come and go besides\n"
	       "  --seed N      use these random numbers (a new one each time; it is printed)\n"
	       "  --soak HOURS  run so long, and fail when resident memory keeps growing\n"
	       "  --report DIR  write report.json and report.html there (tide-stress-report)\n"
	       "  --quiet       no progress, only the report\n"
	       "  --help        print this\n"
	       "\n"
	       "Ctrl-C ends the run early, with the full report.\n"
	       "Exit status: 0 all was right; 1 a block was corrupt or lost, an allocation was\n"
	       "refused, or a thread hung; 2 the arguments can't be used.\n",
	       SECONDS_MAX, THREADS_MAX);
}
