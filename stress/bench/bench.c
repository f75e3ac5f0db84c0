/* tide-bench: scenarios under several allocators, compared.
 *
 * Reading order: catalogue.h (what is measured), peers.h (under what), rounds.h (in which order),
 * results.h (what is made of it). */
#include "../cli.h"
#include "bench_page.h"
#include "catalogue.h"
#include "child.h"
#include "companion.h"
#include "comparison.h"
#include "json.h"
#include "machine.h"
#include "results.h"
#include "rounds.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "tide-bench";

enum { PATTERNS_MAX = 64 };

struct arguments {
	struct comparison of;
	const char *programs, *work, *from_json;
	const char *pattern[PATTERNS_MAX];
	size_t patterns;
	double warmups, scale;
	bool list;
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
	       "  --list             print the scenarios\n" COMPARISON_HELP
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
	       COMPARISON_ROUNDS_MAX, COMPARISON_ROUNDS_MAX);
}

static const struct option known[] = {
	{ "scenario", required_argument, NULL, 's' },  { "list", no_argument, NULL, 'l' },
	{ "warmup", required_argument, NULL, 'w' },    { "scale", required_argument, NULL, 'f' },
	{ "programs", required_argument, NULL, 'P' },  { "work", required_argument, NULL, 'W' },
	{ "from-json", required_argument, NULL, 'j' }, COMPARISON_OPTIONS,
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

static bool option_read(void *into, int option)
{
	struct arguments *arguments = into;

	switch (option) {
	case 's':
		return add_pattern(arguments, optarg);
	case 'l':
		arguments->list = true;
		return true;
	case 'w':
		return cli_number(program, "warmup", 0, COMPARISON_ROUNDS_MAX, &arguments->warmups);
	case 'f':
		return cli_number(program, "scale", 0, 1000, &arguments->scale);
	case 'P':
		arguments->programs = optarg;
		return true;
	case 'W':
		arguments->work = optarg;
		return true;
	case 'j':
		arguments->from_json = optarg;
		return true;
	default:
		return comparison_option(&arguments->of, option);
	}
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
	bool written = write_report(arguments->of.report, results);
	bool right = written && !has_fault(results);
	json_decref(results);
	return right ? CLI_RIGHT : CLI_WRONG;
}

static int measure(const struct arguments *arguments, const struct catalogue *catalogue)
{
	struct rounds rounds = { .peers = &arguments->of.peers,
		                 .rounds = (size_t)arguments->of.rounds,
		                 .warmups = (size_t)arguments->warmups,
		                 .scale = arguments->scale,
		                 .limit_s = arguments->of.limit_s,
		                 .work = arguments->work,
		                 .quiet = arguments->of.quiet };
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
	static struct arguments arguments = {
		.of = { .program = program, .rounds = 5, .limit_s = 300 },
		.work = "tide-bench-work",
		.warmups = 1,
		.scale = 1,
	};
	static struct catalogue catalogue;

	if (!comparison_read(&arguments.of, argc, argv, known, option_read, &arguments))
		return CLI_USAGE;
	if (arguments.of.help) {
		help();
		return CLI_RIGHT;
	}
	if (arguments.from_json != NULL) {
		json_t *results = results_load(program, arguments.from_json);

		return results != NULL ? conclude(&arguments, results) : CLI_USAGE;
	}
	char programs[PATH_MAX];
	if (arguments.programs == NULL) {
		companion_path(programs, sizeof programs, "bench/programs");
		arguments.programs = programs;
	}
	if (!catalogue_read(&catalogue, program, arguments.programs))
		return CLI_WRONG;
	if (arguments.list) {
		list(&catalogue);
		return CLI_RIGHT;
	}
	return choose(&catalogue, &arguments) ? measure(&arguments, &catalogue) : CLI_USAGE;
}
