/* tide-footprint: how much memory stays resident when blocks are freed, under each peer. The load
 * is footprint_load.c, in a process of its own that makes no call while it idles; it is looked at
 * from outside. */
#include "footprint.h"

#include "../cli.h"
#include "child.h"
#include "comparison.h"
#include "footprint_report.h"
#include "footprint_watch.h"
#include "machine.h"
#include "trial.h"

#include <stdio.h>

struct arguments {
	struct comparison of;
	double threads, live_mib, idle_s;
};

static void help(void)
{
	printf(
	    "Usage: tide-footprint [OPTION]...\n"
	    "\n"
	    "Grow a heap, free a random 90 %% of its blocks, idle, make blocks of other sizes,\n"
	    "free, idle, free all, idle; under Tide and its peers. Resident memory is compared\n"
	    "with live memory all the time. Idle means that the process makes no call at all.\n"
	    "\n"
	    "  --live MIB         grow to so much, 1 to 1048576 (1024)\n"
	    "  --idle S           idle for so many seconds each time (5)\n"
	    "  --threads N        of the load, 1 to %d (2); one: the process is single-threaded\n"
	    "  --rounds N         1 to %d (1)\n" COMPARISON_HELP
	    "  --limit S          kill a run that takes longer than so many seconds (600)\n"
	    "  --report DIR       where footprint.json and footprint.html go (tide-bench-report)\n"
	    "  --quiet            no progress\n"
	    "  --help             print this\n"
	    "\n"
	    "Exit status: 0 all runs count; 1 some don't, or the report can't be written;\n"
	    "2 the arguments can't be used.\n",
	    FOOTPRINT_THREADS_MAX, COMPARISON_ROUNDS_MAX);
}

static const struct option known[] = {
	{ "live", required_argument, NULL, 'l' },
	{ "idle", required_argument, NULL, 'i' },
	{ "threads", required_argument, NULL, 'T' },
	COMPARISON_OPTIONS,
};

static bool option_read(void *into, int option)
{
	struct arguments *arguments = into;
	const char *program = arguments->of.program;

	switch (option) {
	case 'l':
		return cli_number(program, "live", 1, 1 << 20, &arguments->live_mib);
	case 'i':
		return cli_number(program, "idle", 0.1, 3600, &arguments->idle_s);
	case 'T':
		return cli_number(program, "threads", 1, FOOTPRINT_THREADS_MAX,
		                  &arguments->threads);
	default:
		return comparison_option(&arguments->of, option);
	}
}

static json_t *run_once(const void *of, const char *load, const struct peer *peer, char *fault)
{
	const struct arguments *arguments = of;
	static struct footprint_watch watch;
	struct child child;
	char threads[32], live[32], idle[32], page[32];

	footprint_watch_begin(&watch);
	snprintf(threads, sizeof threads, "%.0f", arguments->threads);
	snprintf(live, sizeof live, "%.0f", arguments->live_mib * (1 << 20));
	snprintf(idle, sizeof idle, "%g", arguments->idle_s);
	snprintf(page, sizeof page, "%d", watch.file);
	child_start(&child,
	            (const char *const[]){ load, "--threads", threads, "--live", live, "--idle",
	                                   idle, "--page", page, NULL },
	            "LD_PRELOAD", peer->path);
	footprint_watch(&watch, &child, arguments->of.limit_s);
	child_end(&child, arguments->of.limit_s);
	json_t *run = trial_result(&child, peer, fault);
	if (run != NULL)
		footprint_watch_tell(&watch, run);
	footprint_watch_end(&watch);
	return run;
}

int main(int argc, char *argv[])
{
	static struct arguments arguments = {
		.of = { .program = "tide-footprint", .rounds = 1, .limit_s = 600 },
		.live_mib = 1024,
		.idle_s = 5,
		.threads = 2,
	};
	const struct comparison *of = &arguments.of;

	if (!comparison_read(&arguments.of, argc, argv, known, option_read, &arguments))
		return CLI_USAGE;
	if (of->help) {
		help();
		return CLI_RIGHT;
	}
	json_t *footprint = comparison_document(of);
	json_object_set_new(footprint, "machine", machine_json());
	json_object_set_new(footprint, "settings",
	                    json_pack("{s:f, s:f, s:f, s:f}", "rounds", of->rounds, "threads",
	                              arguments.threads, "live_bytes",
	                              arguments.live_mib * (1 << 20), "idle_s", arguments.idle_s));
	comparison_run(of, footprint, "tide-footprint-load", run_once, &arguments);
	bool right = footprint_summarize(footprint);
	footprint_print(stdout, footprint);
	right &= comparison_write(of, "footprint", footprint, footprint_page_write);
	json_decref(footprint);
	return right ? CLI_RIGHT : CLI_WRONG;
}
