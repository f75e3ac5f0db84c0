/* tide-latency: how long single calls of malloc and free take under each peer. The load is
 * latency_load.c, in a process of its own. */
#include "child.h"
#include "cli.h"
#include "json.h"
#include "latency_report.h"
#include "machine.h"
#include "trial.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char program[] = "tide-latency";

enum { ROUNDS_MAX = 100, THREADS_MAX = 1024 };

struct arguments {
	const char *report, *only;
	double rounds, threads, scale, limit_s;
	bool quiet, help;
	struct peers peers;
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
	    "  --scale F          do F times the work (1)\n"
	    "  --peer NAME=PATH   a library more to preload, or another one for a known name\n"
	    "  --only NAME,...    only these peers, in this order\n"
	    "  --limit S          kill a run that takes longer than so many seconds (300)\n"
	    "  --report DIR       where latency.json and latency.html go (tide-bench-report)\n"
	    "  --quiet            no progress\n"
	    "  --help             print this\n"
	    "\n"
	    "Exit status: 0 all runs count; 1 some don't, or the report can't be written;\n"
	    "2 the arguments can't be used.\n",
	    THREADS_MAX, ROUNDS_MAX);
}

static const struct option known[] = {
	{ "threads", required_argument, NULL, 'T' }, { "rounds", required_argument, NULL, 'r' },
	{ "scale", required_argument, NULL, 'f' },   { "peer", required_argument, NULL, 'p' },
	{ "only", required_argument, NULL, 'o' },    { "limit", required_argument, NULL, 't' },
	{ "report", required_argument, NULL, 'R' },  { "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

static bool option_read(void *into, int option, const char *written)
{
	struct arguments *arguments = into;

	switch (option) {
	case 'T':
		return cli_number(program, "threads", 1, THREADS_MAX, &arguments->threads);
	case 'r':
		return cli_number(program, "rounds", 1, ROUNDS_MAX, &arguments->rounds);
	case 'f':
		return cli_number(program, "scale", 0, 1000, &arguments->scale);
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
	*arguments = (struct arguments){
		.report = "tide-bench-report", .rounds = 3, .threads = 2, .scale = 1, .limit_s = 300
	};
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
	struct child child;
	char fault[TRIAL_FAULT_BYTES], threads[32], scale[32];

	snprintf(threads, sizeof threads, "%.0f", arguments->threads);
	snprintf(scale, sizeof scale, "%g", arguments->scale);
	trial_touch_memory(*most_bytes);
	child_run(&child,
	          (const char *const[]){ load, "--threads", threads, "--scale", scale, NULL },
	          "LD_PRELOAD", peer->path, arguments->limit_s);
	json_t *run = trial_result(&child, peer, fault);
	if (run != NULL) {
		trial_note_peak(run, most_bytes);
		json_array_append_new(json_object_get(of_peer, "runs"), run);
	} else if (*fault != '\0') {
		json_object_set_new(of_peer, "fault", json_string(fault));
	}
}

static void measure(const struct arguments *arguments, json_t *latency)
{
	char load[PATH_MAX];
	size_t peers = arguments->peers.count, rounds = (size_t)arguments->rounds;
	uint64_t most_bytes = 0;

	child_near_path(load, sizeof load, "tide-latency-load");
	child_handle_signals();
	for (size_t round = 0; round < rounds; round++) {
		for (size_t turn = 0; turn < peers && !child_interrupted(); turn++) {
			size_t number = trial_turn(round, turn, peers);
			json_t *of_peer = json_array_get(json_object_get(latency, "peers"), number);

			cli_progress(arguments->quiet, "round %zu of %zu, %s", round + 1, rounds,
			             arguments->peers.peer[number].name);
			if (json_is_null(json_object_get(of_peer, "fault")))
				run_once(arguments, load, number, of_peer, &most_bytes);
		}
	}
	cli_progress(arguments->quiet, "%s", "");
}

static int conclude(const struct arguments *arguments, json_t *latency)
{
	char json[PATH_MAX], page[PATH_MAX];

	bool right = latency_summarize(latency);
	latency_print(stdout, latency);
	if (!cli_file_in(program, arguments->report, "latency.json", json, sizeof json) ||
	    !cli_file_in(program, arguments->report, "latency.html", page, sizeof page) ||
	    !latency_page_write(latency, page) || !json_write_file(latency, json))
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
	json_t *latency = latency_make(&arguments.peers);
	json_object_set_new(latency, "machine", machine_json());
	json_object_set_new(latency, "settings",
	                    json_pack("{s:f, s:f, s:f}", "rounds", arguments.rounds, "threads",
	                              arguments.threads, "scale", arguments.scale));
	measure(&arguments, latency);
	int status = conclude(&arguments, latency);
	json_decref(latency);
	return status;
}
