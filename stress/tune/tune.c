/* tide-tune -- COMMAND: search for the settings of Tide that serve COMMAND best. */
#include "../cli.h"
#include "child.h"
#include "companion.h"
#include "document.h"
#include "format.h"
#include "json.h"
#include "machine.h"
#include "measure.h"
#include "options_table.h"
#include "settings.h"
#include "state.h"
#include "tune_arguments.h"
#include "tune_page.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "tide-tune"
enum { EXIT_INTERRUPTED = 130 };

/* What the search's `measure` needs. */
struct session {
	const struct arguments *arguments;
	struct measurer measurer;
	struct state state;
	enum phase told; /* of the progress */
	bool explained;  /* why it stopped was said */
	json_t *machine; /* as it was at the start */
};

static void list(const struct space *space)
{
	for (unsigned i = 0; i < space->count; i++) {
		const struct parameter *parameter = &space->parameter[i];
		const char *unit = options_row[parameter->option].unit;
		char value[OPTIONS_VALUE_BYTES];

		printf("TIDE_%-22s %-32s", settings_id(parameter->option), parameter->what);
		for (unsigned j = 0; j < parameter->levels; j++)
			printf(" %s%s", options_value(value, parameter->level[j], unit),
			       j == parameter->standard ? "*" : "");
		printf("\n");
	}
}

/* ---- where it begins: the environment, and --start */

static bool read_environment(struct settings *settings)
{
	char name[64], where[128];
	for (int i = 0; i < TIDE_OPTION_COUNT; i++) {
		snprintf(name, sizeof name, "TIDE_%s", settings_id(i));
		snprintf(where, sizeof where, PROGRAM ": %s in the environment", name);
		const char *value = getenv(name);
		if (value != NULL && !settings_set(settings, where, i, value))
			return false;
	}
	return true;
}

/* What is searched into `start`; the rest is the same in all runs and goes into `fixed`. */
static bool take_settings(struct space *space, const struct settings *settings, int64_t *begun,
                          json_t *fixed)
{
	for (int i = 0; i < SETTINGS_MAX; i++) {
		char name[64];
		unsigned at;
		int parameter = i < TIDE_OPTION_COUNT ? space_find(space, i) : -1;

		if (settings->value[i] == NULL)
			continue;
		snprintf(name, sizeof name, "TIDE_%s", settings_id(i));
		if (parameter < 0) {
			setenv(name, settings->value[i], 1);
			json_object_set_new(fixed, name, json_string(settings->value[i]));
			continue;
		}
		(void)settings_number(i, settings->value[i], &begun[parameter]);
		if (!space_include(&space->parameter[parameter], begun[parameter], &at)) {
			fprintf(stderr, PROGRAM ": %s: too many values\n", name);
			return false;
		}
	}
	return true;
}

static bool set_start(struct tuner *tuner, const struct arguments *arguments, json_t *fixed)
{
	static struct settings settings;
	int64_t begun[SPACE_PARAMETERS_MAX];
	struct setting start = { { 0 } };

	for (unsigned i = 0; i < tuner->space.count; i++)
		begun[i] = options_row[tuner->space.parameter[i].option].standard;
	if (!read_environment(&settings) ||
	    (arguments->start != NULL &&
	     !settings_read_file(&settings, PROGRAM, arguments->start)) ||
	    !take_settings(&tuner->space, &settings, begun, fixed))
		return false;
	for (unsigned i = 0; i < tuner->space.count; i++) {
		unsigned at;
		(void)space_include(&tuner->space.parameter[i], begun[i], &at);
		start.at[i] = (uint8_t)at;
	}
	tuner_begin(tuner, &start);
	return true;
}

/* ---- runs */

static void progress(struct session *session, const struct tuner *tuner, const struct run *run)
{
	double wall_s = 0;
	unsigned timed = 0;

	for (unsigned i = 0; i < tuner->runs; i++) {
		if (isfinite(tuner->run[i].value[OBJECTIVE_WALL])) {
			wall_s += tuner->run[i].value[OBJECTIVE_WALL];
			timed++;
		}
	}
	if (session->arguments->quiet || timed == 0)
		return;
	struct figure left =
	    format_seconds(wall_s / timed * (double)(tuner->plan.runs - tuner->runs));
	cli_progress(false, "%s: run %u of at most %u, %u settings, about %s left",
	             phase_name[run->phase], tuner->runs + 1, tuner->plan.runs, tuner->candidates,
	             left.text);
	if (!isatty(STDERR_FILENO) && session->told != run->phase)
		fprintf(stderr, PROGRAM ": %s: run %u of at most %u, about %s left\n",
		        phase_name[run->phase], tuner->runs + 1, tuner->plan.runs, left.text);
	session->told = run->phase;
}

static bool stop(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool stop(struct session *session, const char *format, ...)
{
	va_list list;
	cli_progress(session->arguments->quiet, "%s", "");
	fprintf(stderr, PROGRAM ": ");
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\n");
	session->explained = true;
	return false;
}

/* What the first run shows to be in vain. */
static bool is_worth_it(struct session *session, const struct tuner *tuner, const struct run *run)
{
	const struct measurer *measurer = &session->measurer;

	if (*run->fault != '\0')
		return stop(session, "the command fails under the default setting: %s", run->fault);
	if (measurer->served == 0)
		return stop(session, "there is nothing to tune: %s", measurer->why_not);
	if (measurer->served < 0)
		fprintf(stderr,
		        PROGRAM
		        ": warning: it is not known whether the command runs with Tide. %s\n",
		        measurer->why_not);
	for (int o = 0; o < OBJECTIVES; o++) {
		if (tuner->wanted[o] && !(run->value[o] > 0))
			return stop(session, "%s is not known: no number above 0%s%s%s",
			            objective_row[o].label, o == OBJECTIVE_P99 ? " after \"" : "",
			            o == OBJECTIVE_P99 ? measurer->metric : "",
			            o == OBJECTIVE_P99 ? "\" in the last 4 KiB it prints" : "");
	}
	return true;
}

static bool measure(void *context, const struct tuner *tuner, struct run *run)
{
	struct session *session = context;
	const struct setting *setting = &tuner->candidate[run->candidate].setting;
	int there = state_next(&session->state, &tuner->space, setting, run);

	if (there != 0) {
		session->explained |= there < 0;
		return there > 0;
	}
	progress(session, tuner, run);
	if (!measure_run(&session->measurer, &tuner->space, setting, run))
		return false;
	if (run->phase == PHASE_WARM_UP && !is_worth_it(session, tuner, run))
		return false;
	session->explained |= !state_add(&session->state, &tuner->space, setting, run);
	return !session->explained;
}

/* ---- all of it */

static json_t *head_of(const struct tuner *tuner, const struct arguments *arguments,
                       char *const *command, json_t *fixed)
{
	json_t *words = json_array(), *space = json_object(), *begun;

	for (size_t i = 0; command[i] != NULL; i++)
		json_array_append_new(words, json_string(command[i]));
	for (unsigned i = 0; i < tuner->space.count; i++) {
		const struct parameter *parameter = &tuner->space.parameter[i];
		json_t *levels = json_array();
		for (unsigned j = 0; j < parameter->levels; j++)
			json_array_append_new(levels, json_integer(parameter->level[j]));
		json_object_set_new(space, settings_id(parameter->option), levels);
	}
	begun = tuner->has_start
	            ? setting_json(&tuner->space, &tuner->candidate[CANDIDATE_START].setting, true)
	            : json_null();
	return json_pack("{s:i, s:o, s:I, s:o, s:o, s:o, s:s, s:s, s:f, s:f, s:f}", "tide-tune", 1,
	                 "command", words, "seed", (json_int_t)tuner->seed, "parameters", space,
	                 "start", begun, "environment", fixed, "objectives", arguments->objectives,
	                 "metric", arguments->metric, "runs", arguments->runs, "minutes",
	                 isfinite(arguments->minutes) ? arguments->minutes : 0.0, "limit",
	                 arguments->limit_s);
}

static bool write_report(const struct arguments *arguments, json_t *document,
                         const struct tuner *tuner, const struct verdict *verdict)
{
	char page[PATH_MAX], json[PATH_MAX], env[PATH_MAX];
	struct text text = { 0 };

	text_print(&text, "%s", json_text_of(document, "env"));
	bool good = cli_file_in(PROGRAM, arguments->out, "tide-tune.html", page, sizeof page) &&
	            cli_file_in(PROGRAM, arguments->out, "tide-tune.json", json, sizeof json) &&
	            cli_file_in(PROGRAM, arguments->out, "tide-tune.env", env, sizeof env) &&
	            tune_page_write(document, tuner, verdict, page) &&
	            json_write_file(document, json) && text_write_file(&text, env);
	text_end(&text);
	if (good)
		printf("\n%s\n%s\n%s\n", env, page, json);
	return good;
}

static unsigned affordable_runs(const struct tuner *tuner, const struct arguments *arguments)
{
	double one_s = tuner->run[0].value[OBJECTIVE_WALL];
	double fit = floor(60 * arguments->minutes / fmax(one_s, 0.001));
	double runs = fmin(arguments->runs, fit);
	return runs < ARGUMENTS_RUNS_MIN ? (unsigned)ARGUMENTS_RUNS_MIN : (unsigned)runs;
}

static int conclude(const struct session *session, const struct tuner *tuner)
{
	static struct verdict verdict;
	const struct arguments *arguments = session->arguments;

	cli_progress(arguments->quiet, "%s", "");
	verdict_of(&verdict, tuner, arguments->alpha, arguments->least_percent / 100);
	json_t *document = document_make(tuner, &verdict, session->measurer.command);
	json_object_set(document, "machine", session->machine);
	document_print(document);
	bool good = write_report(arguments, document, tuner, &verdict);
	json_decref(document);
	return good ? CLI_RIGHT : CLI_WRONG;
}

static int search(struct session *session, struct tuner *tuner, const json_t *head)
{
	const struct arguments *arguments = session->arguments;
	char path[PATH_MAX];

	if (!cli_file_in(PROGRAM, arguments->out, "tide-tune.state", path, sizeof path) ||
	    !cli_file_in(PROGRAM, arguments->out, "run.json", session->measurer.json_path,
	                 sizeof session->measurer.json_path))
		return CLI_WRONG;
	if (arguments->restart)
		unlink(path);
	if (!state_open(&session->state, path, head)) {
		state_close(&session->state);
		return CLI_WRONG;
	}
	if (session->state.known > 0 && !arguments->quiet)
		fprintf(stderr, PROGRAM ": goes on after %u runs in %s\n", session->state.known,
		        path);
	session->machine = machine_json();
	child_handle_signals();
	bool good = tuner_warm_up(tuner);
	if (good) {
		tuner_plan(tuner, affordable_runs(tuner, arguments));
		good = tuner_search(tuner);
	}
	state_close(&session->state);
	if (good)
		return conclude(session, tuner);
	if (session->measurer.interrupted) {
		stop(session, "interrupted after %u runs; the same command goes on from there",
		     tuner->runs);
		return EXIT_INTERRUPTED;
	}
	if (!session->explained)
		stop(session, "the command fails under the default setting as well: %s",
		     tuner->run[tuner->runs - 1].fault);
	return CLI_WRONG;
}

/* One replay of the trace, by tide-replay. False, after a message. */
static bool replay_of(struct measurer *measurer, const struct arguments *arguments, char *command[])
{
	static char program[PATH_MAX], folder[PATH_MAX];
	static const char *const replay[] = { program,   "--allocator", "tide", "--rounds",
		                              "1",       "--idle",      "0",    "--cold",
		                              "--quiet", "--report",    folder };
	size_t words = sizeof replay / sizeof replay[0];

	companion_path(program, sizeof program, "tide-replay");
	if (access(program, X_OK) != 0 || access(arguments->trace, R_OK) != 0) {
		fprintf(stderr, PROGRAM ": --trace: %s: %s\n",
		        access(program, X_OK) != 0 ? program : arguments->trace, strerror(errno));
		return false;
	}
	if (!cli_file_in(PROGRAM, arguments->out, "replay", folder, sizeof folder) ||
	    !cli_file_in(PROGRAM, folder, "replay.json", measurer->replay_path,
	                 sizeof measurer->replay_path))
		return false;
	for (size_t i = 0; i < words; i++)
		command[i] = (char *)(uintptr_t)replay[i];
	command[words] = (char *)(uintptr_t)arguments->trace;
	return true;
}

/* What follows "--", or what replays a trace. NULL, after a message. */
static char **command_of(struct measurer *measurer, const struct arguments *arguments, char *argv[])
{
	static char *replay[16];
	while (*argv != NULL && strcmp(*argv, "--") != 0)
		argv++;
	if (arguments->trace != NULL && *argv != NULL) {
		fprintf(stderr, PROGRAM ": a command or --trace, not both; see --help\n");
		return NULL;
	}
	if (arguments->trace != NULL)
		return replay_of(measurer, arguments, replay) ? replay : NULL;
	if (*argv != NULL && argv[1] != NULL)
		return argv + 1;
	fprintf(stderr, PROGRAM ": a command is missing, after --; see --help\n");
	return NULL;
}

int main(int argc, char *argv[])
{
	static struct tuner tuner;
	static struct session session;
	struct arguments arguments;
	json_t *fixed = json_object();

	if (!arguments_read(&arguments, argc, argv) ||
	    !space_of(&tuner.space, arguments.parameters) ||
	    !arguments_read_objectives(tuner.wanted, arguments.objectives))
		return CLI_USAGE;
	if (arguments.help || arguments.list) {
		if (arguments.help)
			arguments_help();
		else
			list(&tuner.space);
		return CLI_RIGHT;
	}
	char **command = command_of(&session.measurer, &arguments, argv);
	tuner.seed = (uint64_t)arguments.seed;
	tuner.measure = measure;
	tuner.context = &session;
	if (command == NULL || !set_start(&tuner, &arguments, fixed))
		return CLI_USAGE;
	session.arguments = &arguments;
	session.measurer.command = command;
	session.measurer.limit_s = arguments.limit_s;
	snprintf(session.measurer.metric, METRIC_BYTES, "%s", arguments.metric);
	companion_path(session.measurer.run_path, sizeof session.measurer.run_path, "tide-run");
	if (access(session.measurer.run_path, X_OK) != 0) {
		fprintf(stderr, PROGRAM ": %s: %s\n", session.measurer.run_path, strerror(errno));
		return CLI_WRONG;
	}
	json_t *head = head_of(&tuner, &arguments, command, fixed);
	int status = search(&session, &tuner, head);
	json_decref(head);
	return status;
}
