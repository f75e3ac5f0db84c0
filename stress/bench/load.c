/* See load.h. */
#include "load.h"
#include "../cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "tide-bench-load";

enum { THREADS_MAX = 4096 };

static const struct load_scenario *const tables[] = {
	load_pairs, load_heaps,  load_handovers, load_exchanges, load_sharings,
	load_trees, load_larges, load_crowds,    load_processes,
};
enum { TABLES = sizeof tables / sizeof tables[0] };

static const struct load_scenario *find(const char *name)
{
	for (int t = 0; t < TABLES; t++) {
		for (const struct load_scenario *s = tables[t]; s->name != NULL; s++) {
			if (strcmp(s->name, name) == 0)
				return s;
		}
	}
	return NULL;
}

/* One line each, for people and for tide-bench: name, blank, what. */
static void list(void)
{
	for (int t = 0; t < TABLES; t++) {
		for (const struct load_scenario *s = tables[t]; s->name != NULL; s++)
			printf("%-20s %s\n", s->name, s->what);
	}
}

static void help(void)
{
	printf("Usage: tide-bench-load SCENARIO [OPTION]...\n"
	       "\n"
	       "Run one scenario on the malloc that this process has (LD_PRELOAD chooses it) and\n"
	       "print what it took, as one line of JSON.\n"
	       "\n"
	       "  --threads N   instead of the scenario's own number, 1 to %d\n"
	       "  --scale F     do F times the work, in F times the memory (1)\n"
	       "  --seed N      of the random numbers (1)\n"
	       "  --list        print the scenarios\n"
	       "  --help        print this\n",
	       THREADS_MAX);
}

static bool option_read(struct load_run *run, int option, const char *argument)
{
	double value = 0;

	switch (option) {
	case 't':
		if (!cli_number(program, "threads", 1, THREADS_MAX, &value))
			return false;
		run->threads = (uint32_t)value;
		return true;
	case 's':
		return cli_number(program, "scale", 0, 1000, &run->scale);
	case 'r':
		if (!cli_number(program, "seed", 0, UINT32_MAX, &value))
			return false;
		run->seed = (uint64_t)value;
		return true;
	default:
		cli_refuse(program, argument);
		return false;
	}
}

static void print(const struct load_scenario *scenario, const struct load_run *run)
{
	char allocator[1024];
	double operations = run->operations > 0 ? (double)run->operations : 1;
	uint64_t peak_bytes = run->peak_bytes > 0 ? run->peak_bytes : load_peak_bytes();

	/* After the peak was read: printf allocates. */
	load_allocator(allocator, sizeof allocator);
	printf("{\"scenario\": \"%s\", \"threads\": %" PRIu32 ", \"seed\": %" PRIu64
	       ", \"items\": %" PRIu64 ", \"unit\": \"operations\", \"wall_s\": %.9f, "
	       "\"cpu_s\": %.9f, \"ns_per_operation\": %.3f, ",
	       scenario->name, run->threads, run->seed, run->operations, run->wall_s, run->cpu_s,
	       run->wall_s * 1e9 / operations);
	for (size_t i = 0; i < sizeof run->part / sizeof run->part[0]; i++) {
		if (run->part[i].name != NULL)
			printf("\"%s\": %.3f, ", run->part[i].name, run->part[i].value);
	}
	printf("\"peak_rss_bytes\": %" PRIu64 ", \"allocator\": \"%s\"}\n", peak_bytes, allocator);
}

int main(int argc, char *argv[])
{
	static const struct option known[] = {
		{ "threads", required_argument, NULL, 't' },
		{ "scale", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct load_run run = { .scale = 1, .seed = 1 };

	if (argc == 2 && strcmp(argv[1], LOAD_TINY) == 0)
		return load_tiny();
	opterr = 0;
	for (;;) {
		int at = optind;
		int option = getopt_long(argc, argv, "", known, NULL);

		if (option == -1)
			break;
		if (option == 'l' || option == 'h') {
			option == 'l' ? list() : help();
			return CLI_RIGHT;
		}
		if (!option_read(&run, option, argv[at]))
			return CLI_USAGE;
	}
	const struct load_scenario *scenario = optind == argc - 1 ? find(argv[optind]) : NULL;
	if (scenario == NULL) {
		fprintf(stderr, "tide-bench-load: %s; see --list\n",
		        optind == argc - 1 ? "no such scenario" : "name one scenario");
		return CLI_USAGE;
	}
	if (run.threads == 0)
		run.threads = scenario->threads;
	scenario->run(&run);
	print(scenario, &run);
	return fflush(stdout) == 0 ? CLI_RIGHT : CLI_WRONG;
}
