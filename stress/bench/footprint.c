/* tide-footprint: how much memory stays resident when blocks are freed, under each peer. The load
 * is footprint_load.c, in a process of its own that makes no call while it idles; it is looked at
 * from outside. */
#include "footprint.h"

#include "child.h"
#include "cli.h"
#include "footprint_report.h"
#include "footprint_watch.h"
#include "json.h"
#include "machine.h"
#include "trial.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char program[] = "tide-footprint";

enum { ROUNDS_MAX = 20 };

struct arguments {
	const char *report, *only;
	double rounds, threads, live_mib, idle_s, limit_s;
	bool quiet, help;
	struct peers peers;
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
	    "  --rounds N         1 to %d (1)\n"
	    "  --peer NAME=PATH   a library more to preload, or another one for a known name\n"
	    "  --only NAME,...    only these peers, in this order\n"
	    "  --limit S          kill a run that takes longer than so many seconds (600)\n"
	    "  --report DIR       where footprint.json and footprint.html go (tide-bench-report)\n"
	    "  --quiet            no progress\n"
	    "  --help             print this\n"
	    "\n"
	    "Exit status: 0 all runs count; 1 some don't, or the report can't be written;\n"
	    "2 the arguments can't be used.\n",
	    FOOTPRINT_THREADS_MAX, ROUNDS_MAX);
}

static const struct option known[] = {
	{ "live", required_argument, NULL, 'l' },
	{ "idle", required_argument, NULL, 'i' },
	{ "threads", required_argument, NULL, 'T' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "peer", required_argument, NULL, 'p' },
	{ "only", required_argument, NULL, 'o' },
	{ "limit", required_argument, NULL, 't' },
	{ "report", required_argument, NULL, 'R' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool option_read(void *into, int option, const char *written)
{
	struct arguments *arguments = into;

	switch (option) {
	case 'l':
		return cli_number(program, "live", 1, 1 << 20, &arguments->live_mib);
	case 'i':
		return cli_number(program, "idle", 0.1, 3600, &arguments->idle_s);
	case 'T':
		return cli_number(program, "threads", 1, FOOTPRINT_THREADS_MAX,
		                  &arguments->threads);
	case 'r':
		return cli_number(program, "rounds", 1, ROUNDS_MAX, &arguments->rounds);
	case 'p':
		return peers_add(&arguments->peers, program, optarg);
	case 'o':
		arguments->only = optarg;
		return true;
	case 't':
		return cli_number(program, "limit", 0.1, 86400, &arguments->limit_s);
	case 'R':
		arguments->report = optarg;
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
	*arguments = (struct arguments){ .report = "tide-bench-report",
		                         .live_mib = 1024,
		                         .idle_s = 5,
		                         .threads = 2,
		                         .rounds = 1,
		                         .limit_s = 600 };
	peers_find(&arguments->peers);
	if (!cli_options(program, argc, argv, known, option_read, arguments))
		return false;
	return arguments->only == NULL ||
	       peers_keep_only(&arguments->peers, program, arguments->only);
}

static void run_once(const struct arguments *arguments, const char *load, size_t number,
                     json_t *of_peer, uint64_t *most_bytes)
{
	const struct peer *peer = &arguments->peers.peer[number];
	static struct footprint_watch watch;
	struct child child;
	char fault[TRIAL_FAULT_BYTES], threads[32], live[32], idle[32], page[32];

	footprint_watch_begin(&watch);
	snprintf(threads, sizeof threads, "%.0f", arguments->threads);
	snprintf(live, sizeof live, "%.0f", arguments->live_mib * (1 << 20));
	snprintf(idle, sizeof idle, "%g", arguments->idle_s);
	snprintf(page, sizeof page, "%d", watch.file);
	trial_touch_memory(*most_bytes);
	child_start(&child,
	            (const char *const[]){ load, "--threads", threads, "--live", live, "--idle",
	                                   idle, "--page", page, NULL },
	            "LD_PRELOAD", peer->path);
	footprint_watch(&watch, &child, arguments->limit_s);
	child_end(&child, arguments->limit_s);
	json_t *run = trial_result(&child, peer, fault);
	if (run != NULL) {
		trial_note_peak(run, most_bytes);
		footprint_watch_tell(&watch, run);
		json_array_append_new(json_object_get(of_peer, "runs"), run);
	} else if (*fault != '\0') {
		json_object_set_new(of_peer, "fault", json_string(fault));
	}
	footprint_watch_end(&watch);
}

static void measure(const struct arguments *arguments, json_t *footprint)
{
	char load[PATH_MAX];
	size_t peers = arguments->peers.count, rounds = (size_t)arguments->rounds;
	uint64_t most_bytes = 0;

	child_near_path(load, sizeof load, "tide-footprint-load");
	child_handle_signals();
	for (size_t round = 0; round < rounds; round++) {
		for (size_t turn = 0; turn < peers && !child_interrupted(); turn++) {
			size_t number = trial_turn(round, turn, peers);
			json_t *of_peer =
			    json_array_get(json_object_get(footprint, "peers"), number);

			cli_progress(arguments->quiet, "round %zu of %zu, %s", round + 1, rounds,
			             arguments->peers.peer[number].name);
			if (json_is_null(json_object_get(of_peer, "fault")))
				run_once(arguments, load, number, of_peer, &most_bytes);
		}
	}
	cli_progress(arguments->quiet, "%s", "");
}

static int conclude(const struct arguments *arguments, json_t *footprint)
{
	char json[PATH_MAX], page[PATH_MAX];
	bool right = footprint_summarize(footprint);

	footprint_print(stdout, footprint);
	if (!cli_file_in(program, arguments->report, "footprint.json", json, sizeof json) ||
	    !cli_file_in(program, arguments->report, "footprint.html", page, sizeof page) ||
	    !footprint_page_write(footprint, page) || !json_write_file(footprint, json))
		return CLI_WRONG;
	printf("\n%s\n%s\n", json, page);
	return right ? CLI_RIGHT : CLI_WRONG;
}

int main(int argc, char *argv[])
{
	static struct arguments arguments;

	if (!arguments_read(&arguments, argc, argv))
		return CLI_USAGE;
	if (arguments.help) {
		help();
		return CLI_RIGHT;
	}
	json_t *footprint = footprint_make(&arguments.peers);
	json_object_set_new(footprint, "machine", machine_json());
	json_object_set_new(footprint, "settings",
	                    json_pack("{s:f, s:f, s:f, s:f}", "rounds", arguments.rounds, "threads",
	                              arguments.threads, "live_bytes",
	                              arguments.live_mib * (1 << 20), "idle_s", arguments.idle_s));
	measure(&arguments, footprint);
	int status = conclude(&arguments, footprint);
	json_decref(footprint);
	return status;
}
