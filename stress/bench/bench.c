/* tide-bench: scenarios under several allocators, compared.
 *
 * Reading order: catalogue.h (what is measured), peers.h (under what), rounds.h (in which order),
 * results.h (what is made of it). */
#include "bench_page.h"
#include "catalogue.h"
#include "child.h"
#include "cli.h"
#include "json.h"
#include "machine.h"
#include "peers.h"
#include "results.h"
#include "rounds.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BENCH_PROGRAMS
#error "BENCH_PROGRAMS must be the folder of the scripts that run real programs"
#endif

static const char program[] = "tide-bench";

enum { PATTERNS_MAX = 64, ROUNDS_MAX = 100 };

struct arguments {
	const char *programs, *work, *report, *from_json, *only;
	const char *pattern[PATTERNS_MAX];
	size_t patterns;
	double rounds, warmups, scale, limit_s;
	bool list, quiet, help;
	struct peers peers;
};

static void help(void)
{
	printf("Usage: tide-bench [OPTION]...\n"
	       "\n"
	       "Run scenarios under Tide and its peers, each run in a fresh process, and compare\n"
	       "wall time, CPU time and peak resident memory. The peers are what is installed\n"
	       "of glibc, jemalloc, mimalloc, tcmalloc and tbbmalloc.\n"
	       "\n"
	       "  --scenario GLOB    only these; may be given several times\n"
	       "  --list             print the scenarios\n"
	       "  --peer NAME=PATH   a library more to preload, or another one for a known name\n"
	       "  --only NAME,...    only these peers, in this order\n"
	       "  --rounds N         that count, 1 to %d (5)\n"
	       "  --warmup N         rounds before them that don't, 0 to %d (1)\n"
	       "  --scale F          do F times the work in the micro scenarios (1)\n"
	       "  --limit S          kill a run that takes longer than so many seconds (300)\n"
	       "  --programs DIR     the scripts that run real programs\n"
	       "  --work DIR         where these keep their inputs (tide-bench-work)\n"
	       "  --report DIR       where bench.json and bench.html go (tide-bench-report)\n"
	       "  --from-json FILE   measure nothing: report on the runs of that bench.json\n"
	       "  --quiet            no progress\n"
	       "  --help             print this\n"
	       "\n"
	       "Ctrl-C ends the measuring early, with a report on what is there.\n"
	       "Exit status: 0 all runs count; 1 some don't, or the report can't be written;\n"
	       "2 the arguments can't be used.\n",
	       ROUNDS_MAX, ROUNDS_MAX);
}

static const struct option known[] = {
	{ "scenario", required_argument, NULL, 's' },
	{ "list", no_argument, NULL, 'l' },
	{ "peer", required_argument, NULL, 'p' },
	{ "only", required_argument, NULL, 'o' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "warmup", required_argument, NULL, 'w' },
	{ "scale", required_argument, NULL, 'f' },
	{ "limit", required_argument, NULL, 't' },
	{ "programs", required_argument, NULL, 'P' },
	{ "work", required_argument, NULL, 'W' },
	{ "report", required_argument, NULL, 'R' },
	{ "from-json", required_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool add_pattern(struct arguments *arguments, const char *pattern)
{
	if (arguments->patterns == PATTERNS_MAX) {
		fprintf(stderr, "%s: --scenario: more than %d\n", program, PATTERNS_MAX);
		return false;
	}
	arguments->pattern[arguments->patterns++] = pattern;
	return true;
}

static bool option_read(void *into, int option, const char *written)
{
	struct arguments *arguments = into;

	switch (option) {
	case 's':
		return add_pattern(arguments, optarg);
	case 'l':
		arguments->list = true;
		return true;
	case 'p':
		return peers_add(&arguments->peers, program, optarg);
	case 'o':
		arguments->only = optarg;
		return true;
	case 'r':
		return cli_number(program, "rounds", 1, ROUNDS_MAX, &arguments->rounds);
	case 'w':
		return cli_number(program, "warmup", 0, ROUNDS_MAX, &arguments->warmups);
	case 'f':
		return cli_number(program, "scale", 0, 1000, &arguments->scale);
	case 't':
		return cli_number(program, "limit", 0.1, 86400, &arguments->limit_s);
	case 'P':
		arguments->programs = optarg;
		return true;
	case 'W':
		arguments->work = optarg;
		return true;
	case 'R':
		arguments->report = optarg;
		return true;
	case 'j':
		arguments->from_json = optarg;
		return true;
	case 'q':
		arguments->quiet = true;
		return true;
	case 'h':
		arguments->help = true;
		return true;
	default:
		cli_refuse(program, written);
		return false;
	}
}

static bool arguments_read(struct arguments *arguments, int argc, char *argv[])
{
	*arguments = (struct arguments){ .programs = BENCH_PROGRAMS,
		                         .work = "tide-bench-work",
		                         .report = "tide-bench-report",
		                         .rounds = 5,
		                         .warmups = 1,
		                         .scale = 1,
		                         .limit_s = 300 };
	peers_find(&arguments->peers);
	if (!cli_options(program, argc, argv, known, option_read, arguments))
		return false;
	return arguments->only == NULL ||
	       peers_keep_only(&arguments->peers, program, arguments->only);
}

static bool choose(struct catalogue *catalogue, const struct arguments *arguments)
{
	if (arguments->patterns == 0)
		return catalogue_choose(catalogue, "*");
	for (size_t i = 0; i < arguments->patterns; i++) {
		if (!catalogue_choose(catalogue, arguments->pattern[i])) {
			fprintf(stderr, "%s: --scenario %s: there is none; see --list\n", program,
			        arguments->pattern[i]);
			return false;
		}
	}
	return true;
}

static void list(const struct catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->count; i++)
		printf("%-28s %s\n", catalogue->scenario[i].name, catalogue->scenario[i].what);
}

/* The page first: it adds to the document what it quotes. */
static bool write_report(const char *folder, json_t *results)
{
	char json[PATH_MAX], page[PATH_MAX];

	if (!cli_file_in(program, folder, "bench.json", json, sizeof json) ||
	    !cli_file_in(program, folder, "bench.html", page, sizeof page) ||
	    !bench_page_write(results, page) || !json_write_file(results, json))
		return false;
	printf("\n%s\n%s\n", json, page);
	return true;
}

static bool has_fault(const json_t *results)
{
	const json_t *scenario, *cell;
	size_t i, j;

	json_array_foreach(json_object_get(results, "scenarios"), i, scenario)
	{
		json_array_foreach(json_object_get(scenario, "peers"), j, cell)
		{
			if (results_fault(cell) != NULL)
				return true;
		}
	}
	return json_array_size(json_object_get(results, "scenarios")) == 0;
}

static int conclude(const struct arguments *arguments, json_t *results)
{
	results_summarize(results);
	table_print(stdout, results);
	bool written = write_report(arguments->report, results);
	bool right = written && !has_fault(results);
	json_decref(results);
	return right ? CLI_RIGHT : CLI_WRONG;
}

static int measure(const struct arguments *arguments, const struct catalogue *catalogue)
{
	struct rounds rounds = { .peers = &arguments->peers,
		                 .rounds = (size_t)arguments->rounds,
		                 .warmups = (size_t)arguments->warmups,
		                 .scale = arguments->scale,
		                 .limit_s = arguments->limit_s,
		                 .work = arguments->work,
		                 .quiet = arguments->quiet };
	json_t *results = results_make(rounds.peers);

	json_object_set_new(results, "machine", machine_json());
	json_object_set_new(results, "settings",
	                    json_pack("{s:I, s:I, s:f}", "rounds", (json_int_t)rounds.rounds,
	                              "warmup", (json_int_t)rounds.warmups, "scale", rounds.scale));
	child_handle_signals();
	for (size_t i = 0; i < catalogue->count && !child_interrupted(); i++) {
		if (catalogue->scenario[i].is_chosen)
			rounds_run(&rounds, &catalogue->scenario[i], results);
	}
	cli_progress(rounds.quiet, "%s", "");
	return conclude(arguments, results);
}

int main(int argc, char *argv[])
{
	static struct arguments arguments;
	static struct catalogue catalogue;

	if (!arguments_read(&arguments, argc, argv))
		return CLI_USAGE;
	if (arguments.help) {
		help();
		return CLI_RIGHT;
	}
	if (arguments.from_json != NULL) {
		json_t *results = results_load(program, arguments.from_json);

		return results != NULL ? conclude(&arguments, results) : CLI_USAGE;
	}
	if (!catalogue_read(&catalogue, program, arguments.programs))
		return CLI_WRONG;
	if (arguments.list) {
		list(&catalogue);
		return CLI_RIGHT;
	}
	return choose(&catalogue, &arguments) ? measure(&arguments, &catalogue) : CLI_USAGE;
}
