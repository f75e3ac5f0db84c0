#include "pinned_options.h"

#include "../number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: tide-pinned [OPTION...]\n"
    "Jobs come and go in a store, some stay and pin memory; then it is defragmented. All the\n"
    "while readers check the bodies. Sizes may end in K, M or G.\n"
    "  -n JOBS     how many are put in all (2000000)\n"
    "  -l LIVE     how many are there at a time, beside those that stay (200000)\n"
    "  -k N        one in N stays (100)\n"
    "  -s MIN-MAX  bytes of a body (16-4K)\n"
    "  -w THREADS  that put and remove (2)\n"
    "  -r THREADS  that read (2)\n"
    "  -t          wait for the store to start by itself, after 1 s; else on demand\n"
    "  -m BYTES    limit of the store (none)\n"
    "  -c WAY      what it counts: bodies, held (bodies)\n"
    "  -d          at the limit drop the oldest; else refuse\n"
    "  -h          this\n";

static void wrong(const char *option, const char *text, const char *want)
{
	fprintf(stderr, "tide-pinned: %s '%s': %s\n", option, text, want);
	exit(2);
}

static uint64_t number(char option, const char *text, uint64_t min, uint64_t max)
{
	char name[] = { '-', option, '\0' };
	char want[80];
	uint64_t value = 0;
	if (!number_parse(text, min, max, &value)) {
		snprintf(want, sizeof want, "a number from %llu to %llu is wanted",
		         (unsigned long long)min, (unsigned long long)max);
		wrong(name, text, want);
	}
	return value;
}

static void read_range(const char *text, struct pinned_options *options)
{
	char least[32];
	size_t bytes = strcspn(text, "-");
	(void)snprintf(least, sizeof least, "%.*s", (int)bytes, text);
	if (text[bytes] != '-' || bytes >= sizeof least ||
	    !number_parse(text + bytes + 1, 0, UINT64_C(1) << 32, &options->max_bytes) ||
	    !number_parse(least, 0, options->max_bytes, &options->min_bytes))
		wrong("-s", text, "MIN-MAX is wanted, of at most 4G");
}

static enum tide_store_counts read_way(const char *text)
{
	if (strcmp(text, "bodies") == 0)
		return TIDE_STORE_BODIES;
	if (strcmp(text, "held") != 0)
		wrong("-c", text, "bodies or held is wanted");
	return TIDE_STORE_HELD;
}

static void read_one(struct pinned_options *options, int option)
{
	switch (option) {
	case 'n':
		options->count = number('n', optarg, 1, UINT64_C(1) << 40);
		break;
	case 'l':
		options->live = number('l', optarg, 1, UINT64_C(1) << 32);
		break;
	case 'k':
		options->kept_one_in = number('k', optarg, 1, UINT64_C(1) << 40);
		break;
	case 's':
		read_range(optarg, options);
		break;
	case 'w':
		options->writers = number('w', optarg, 1, JOBS_MOST_THREADS / 2);
		break;
	case 'r':
		options->readers = number('r', optarg, 0, JOBS_MOST_THREADS / 2);
		break;
	case 't':
		options->by_timer = true;
		break;
	case 'm':
		options->store.limit_bytes = number('m', optarg, 1 << 20, INT64_MAX);
		break;
	case 'c':
		options->store.counts = read_way(optarg);
		break;
	case 'd':
		options->store.policy = TIDE_STORE_DROP_OLDEST;
		break;
	case 'h':
		(void)fputs(usage, stdout);
		exit(0);
	default:
		(void)fputs(usage, stderr);
		exit(2);
	}
}

void pinned_options_read(struct pinned_options *options, int argc, char **argv)
{
	int option;
	*options = (struct pinned_options){ .count = 2000000,
		                            .live = 200000,
		                            .kept_one_in = 100,
		                            .min_bytes = 16,
		                            .max_bytes = 4096,
		                            .writers = 2,
		                            .readers = 2 };
	while ((option = getopt(argc, argv, "n:l:k:s:w:r:tm:c:dh")) != -1)
		read_one(options, option);
	if (optind < argc)
		wrong("argument", argv[optind], "none is wanted; -h shows the options");
}
