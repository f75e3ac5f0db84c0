/* tide-latency: how long single calls of malloc and free take under each peer. The load is
 * latency_load.c, in a process of its own. */
#include "../cli.h"
#include "child.h"
#include "comparison.h"
#include "latency_report.h"
#include "machine.h"
#include "trial.h"

#include <stdio.h>

enum { THREADS_MAX = 1024 };

struct arguments {
	struct comparison of;
	double threads, scale;
};

static void help(void)
{
	printf(
	    "Usage: tide-latency [OPTION]...\n"
	    "\n"
	    "Time every single malloc and free under Tide and its peers, in four phases: slots\n"
	    "emptied and filled, blocks freed by other threads, growth, and bursts after\n"
	    "all threads slept. The medians over the rounds of p50 to p99.99 and of the maximum\n"
	    "are told, beside those of a timer around nothing: the machine's own share.\n"
	    "\n"
	    "  --threads N        of the load, 1 to %d (2)\n"
	    "  --rounds N         1 to %d (3)\n"
	    "  --scale F          do F times the work (1)\n" COMPARISON_HELP
	    "  --limit S          kill a run that takes longer than so many seconds (300)\n"
	    "  --report DIR       where latency.json and latency.html go (tide-bench-report)\n"
	    "  --quiet            no progress\n"
	    "  --help             print this\n"
	    "\n"
	    "Exit status: 0 all runs count; 1 some don't, or the report can't be written;\n"
	    "2 the arguments can't be used.\n",
	    THREADS_MAX, COMPARISON_ROUNDS_MAX);
}

static const struct option known[] = {
	{ "threads", required_argument, NULL, 'T' },
	{ "scale", required_argument, NULL, 'f' },
	COMPARISON_OPTIONS,
};

static bool option_read(void *into, int option)
{
	struct arguments *arguments = into;

	const char *program = arguments->of.program;

	switch (option) {
	case 'T':
		return cli_number(program, "threads", 1, THREADS_MAX, &arguments->threads);
	case 'f':
		return cli_number(program, "scale", 0, 1000, &arguments->scale);
	default:
		return comparison_option(&arguments->of, option);
	}
}

static json_t *run_once(const void *of, const char *load, const struct peer *peer, char *fault)
{
	const struct arguments *arguments = of;
	struct child child;
	char threads[32], scale[32];

	snprintf(threads, sizeof threads, "%.0f", arguments->threads);
	snprintf(scale, sizeof scale, "%g", arguments->scale);
	child_run(&child,
	          (const char *const[]){ load, "--threads", threads, "--scale", scale, NULL },
	          "LD_PRELOAD", peer->path, arguments->of.limit_s);
	return trial_result(&child, peer, fault);
}

int main(int argc, char *argv[])
{
	static struct arguments arguments = {
		.of = { .program = "tide-latency", .rounds = 3, .limit_s = 300 },
		.threads = 2,
		.scale = 1,
	};
	const struct comparison *of = &arguments.of;

	if (!comparison_read(&arguments.of, argc, argv, known, option_read, &arguments))
		return CLI_USAGE;
	if (of->help) {
		help();
		return CLI_RIGHT;
	}
	json_t *latency = comparison_document(of);
	json_object_set_new(latency, "machine", machine_json());
	json_object_set_new(latency, "settings",
	                    json_pack("{s:f, s:f, s:f}", "rounds", of->rounds, "threads",
	                              arguments.threads, "scale", arguments.scale));
	comparison_run(of, latency, "tide-latency-load", run_once, &arguments);
	bool right = latency_summarize(latency);
	latency_print(stdout, latency);
	right &= comparison_write(of, "latency", latency, latency_page_write);
	json_decref(latency);
	return right ? CLI_RIGHT : CLI_WRONG;
}
