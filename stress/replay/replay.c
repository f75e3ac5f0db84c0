/* tide-replay TRACE: what a program did, done again on one allocator after the other, and what that
 * took. The replays are by tide-replay-load, in processes of their own, each with an allocator
 * under it; which one serves there is looked at there. */
#include "replay_report.h"

#include "../cli.h"
#include "child.h"
#include "comparison.h"
#include "json.h"
#include "machine.h"
#include "trial.h"

#include <string.h>
#include <unistd.h>

enum { NAMES_BYTES = PEERS_MAX * (PEER_NAME_BYTES + 1) };

struct arguments {
	struct comparison of;
	struct plan_settings settings;
	char names[NAMES_BYTES]; /* of the allocators, with commas; "": all */
	int plan_file;
	const struct plan *plan;
};

static void help(void)
{
	printf(
	    "Usage: tide-replay [OPTION]... TRACE\n"
	    "\n"
	    "Replay a trace of tide-record's under Tide, glibc and what other allocators there "
	    "are:\n"
	    "a thread for each of its threads, with the sizes, the functions and the order of the\n"
	    "trace. Compared are time, peak and final resident memory, and resident to live "
	    "memory.\n"
	    "\n"
	    "  --allocator A      only this one, or these: one that is known (tide, glibc, "
	    "jemalloc,\n"
	    "                     mimalloc, tcmalloc, tbbmalloc), or NAME=PATH of a library\n"
	    "  --rounds N         1 to %d (3), in turns; the table has the medians\n"
	    "  --speed S          full, or as-recorded: each call no earlier than in the trace "
	    "(full)\n"
	    "  --touch T          of each block, write to: none, ends, pages, all (pages)\n"
	    "  --apart N          how many calls threads may be out of the trace's order, 0 to\n"
	    "                     %d (1000)\n"
	    "  --idle S           look at resident memory again after so many seconds (1)\n"
	    "  --cold             don't write to memory before each run; on a virtual machine, who "
	    "does\n"
	    "                     so first may have to wait for the host\n"
	    "  --limit S          kill a run that takes longer than so many seconds (600)\n"
	    "  --report DIR       where replay.json goes (tide-bench-report)\n"
	    "  --quiet            no progress\n"
	    "  --help             print this\n"
	    "\n"
	    "A plan of 32 bytes a call is held in memory. What the trace has for failed is not\n"
	    "replayed, nor is the free of a block that is not in it: a forked child's "
	    "inheritance.\n"
	    "\n"
	    "Exit status: 0 all runs count; 1 some don't, or the trace can't be used;\n"
	    "2 the arguments can't be used.\n",
	    COMPARISON_ROUNDS_MAX, PLAN_APART_MAX);
}

static const struct option known[] = {
	{ "allocator", required_argument, NULL, 'a' },
	{ "speed", required_argument, NULL, 's' },
	{ "touch", required_argument, NULL, 'T' },
	{ "apart", required_argument, NULL, 'A' },
	{ "idle", required_argument, NULL, 'i' },
	{ "cold", no_argument, NULL, 'c' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "limit", required_argument, NULL, 't' },
	{ "report", required_argument, NULL, 'R' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* The number of `word` among `words`. */
static bool choose(const char *option, const char *word, const char *const words[], int count,
                   int *chosen)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0) {
			*chosen = i;
			return true;
		}
	}
	fprintf(stderr, "tide-replay: --%s %s: not one of:", option, word);
	for (int i = 0; i < count; i++)
		fprintf(stderr, " %s", words[i]);
	fprintf(stderr, "\n");
	return false;
}

static bool add_allocator(struct arguments *arguments, const char *text)
{
	size_t used = strlen(arguments->names), length = strcspn(text, "=");

	if (text[length] == '=' && !peers_add(&arguments->of.peers, "tide-replay", text))
		return false;
	if (used + length + 2 > sizeof arguments->names) {
		fprintf(stderr, "tide-replay: --allocator %s: more than %d\n", text, PEERS_MAX);
		return false;
	}
	snprintf(arguments->names + used, sizeof arguments->names - used, "%s%.*s",
	         used > 0 ? "," : "", (int)length, text);
	return true;
}

static bool option_read(struct arguments *arguments, int option)
{
	static const char *const speeds[] = { "full", "as-recorded" };
	static const char *const touches[] = { "none", "ends", "pages", "all" };
	double number = 0;
	int chosen = 0;

	switch (option) {
	case 'a':
		return add_allocator(arguments, optarg);
	case 's':
		if (!choose("speed", optarg, speeds, 2, &chosen))
			return false;
		arguments->settings.as_recorded = chosen == 1;
		return true;
	case 'T':
		if (!choose("touch", optarg, touches, 4, &chosen))
			return false;
		arguments->settings.touch = (enum plan_touch)chosen;
		return true;
	case 'A':
		if (!cli_number("tide-replay", "apart", 0, PLAN_APART_MAX, &number))
			return false;
		arguments->settings.apart = (uint64_t)number;
		return true;
	case 'i':
		return cli_number("tide-replay", "idle", 0, 3600, &arguments->settings.idle_s);
	case 'c':
		return arguments->of.is_cold = true;
	default:
		return comparison_option(&arguments->of, option);
	}
}

/* The trace's path may stand before, between or behind the options. NULL, after a message. */
static const char *arguments_read(struct arguments *arguments, int argc, char *argv[])
{
	arguments->of.report = "tide-bench-report";
	peers_find(&arguments->of.peers);
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, ":", known, NULL)) != -1;) {
		if (option == '?' || option == ':') {
			cli_refuse("tide-replay", argv[optind - 1]);
			return NULL;
		}
		if (!option_read(arguments, option))
			return NULL;
	}
	if (arguments->of.help)
		return "";
	if (optind + 1 != argc) {
		fprintf(stderr, "tide-replay: one trace is wanted; see --help\n");
		return NULL;
	}
	if (arguments->names[0] != '\0' &&
	    !peers_keep_only(&arguments->of.peers, "tide-replay", arguments->names))
		return NULL;
	return argv[optind];
}

/* A replay that did something else than the trace counts as none. */
static bool did_all(const json_t *run, const struct plan *plan, char *fault)
{
	double calls = json_number_value(json_object_get(run, "calls")),
	       bytes = json_number_value(json_object_get(run, "bytes"));

	if (calls == (double)plan->calls && bytes == (double)plan->call_bytes)
		return true;
	snprintf(fault, TRIAL_FAULT_BYTES,
	         "replayed %.0f calls with %.0f bytes instead of %llu with %llu", calls, bytes,
	         (unsigned long long)plan->calls, (unsigned long long)plan->call_bytes);
	return false;
}

static json_t *run_once(const void *of, const char *load, const struct peer *peer, char *fault)
{
	const struct arguments *arguments = of;
	static struct child child;
	char file[16];

	snprintf(file, sizeof file, "%d", arguments->plan_file);
	child_run(&child, (const char *const[]){ load, "--plan", file, NULL }, "LD_PRELOAD",
	          peer->path, arguments->of.limit_s);
	json_t *run = trial_result(&child, peer, fault);
	if (run != NULL && !did_all(run, arguments->plan, fault)) {
		json_decref(run);
		return NULL;
	}
	return run;
}

static bool replay(struct arguments *arguments, struct trace *trace, const struct summary *summary)
{
	const struct comparison *of = &arguments->of;
	char path[4096];

	/* Before the work: not to have it for nothing. */
	if (!cli_file_in(of->program, of->report, "replay.json", path, sizeof path))
		return false;
	arguments->plan_file = plan_make(&arguments->plan, trace, summary, &arguments->settings);
	if (arguments->plan_file < 0)
		return false;
	json_t *document = comparison_document(of);
	json_object_set_new(document, "machine", machine_json());
	replay_describe(document, trace, summary, arguments->plan);
	comparison_run(of, document, "tide-replay-load", run_once, arguments);
	bool right = replay_summarize(document);
	replay_print(stdout, document);
	if (json_write_file(document, path))
		printf("\n%s\n", path);
	else
		right = false;
	json_decref(document);
	close(arguments->plan_file);
	return right;
}

int main(int argc, char *argv[])
{
	static struct arguments arguments = {
		.of = { .program = "tide-replay", .rounds = 3, .limit_s = 600 },
		.settings = { .apart = 1000, .touch = PLAN_TOUCH_PAGES, .idle_s = 1 },
	};
	static struct trace trace;
	static struct summary summary;
	const char *path = arguments_read(&arguments, argc, argv);

	if (path == NULL)
		return CLI_USAGE;
	if (arguments.of.help) {
		help();
		return CLI_RIGHT;
	}
	bool right = trace_open(&trace, path) && summary_make(&summary, &trace) &&
	             replay(&arguments, &trace, &summary);
	if (trace.fault[0] != '\0')
		fprintf(stderr, "tide-replay: %s\n", trace.fault);
	trace_close(&trace);
	return right ? CLI_RIGHT : CLI_WRONG;
}
