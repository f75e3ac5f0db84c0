/* See measure.h. */
#include "measure.h"

#include "child.h"
#include "json.h"
#include "options_table.h"
#include "settings.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGUMENT_BYTES = 64, OWN_ARGUMENTS = 5 };

static double unit_at(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} unit[] = { { "ns", 1 },          { "us", 1e3 },   { "\xc2\xb5s", 1e3 },
		     { "\xce\xbcs", 1e3 }, { "usec", 1e3 }, { "ms", 1e6 },
		     { "msec", 1e6 },      { "s", 1e9 },    { "sec", 1e9 } };

	text += strspn(text, " ");
	for (size_t i = 0; i < sizeof unit / sizeof unit[0]; i++) {
		size_t length = strlen(unit[i].name);
		if (strncmp(text, unit[i].name, length) == 0 &&
		    !isalnum((unsigned char)text[length]))
			return unit[i].ns;
	}
	return 1;
}

/* The number after the metric's name and what stands between: blanks, punctuation, a unit. */
static double number_after(const char *text)
{
	double unit = 1;
	if (isalnum((unsigned char)*text) || (*text == '.' && isdigit((unsigned char)text[1])))
		return NAN; /* a longer name: p999, p99.9 */
	for (int i = 0; i < 16 && *text != '\0' && *text != '\n'; i++, text++) {
		char *end;
		if (*text == '(')
			unit = unit_at(text + 1);
		if (!isdigit((unsigned char)*text))
			continue;
		double number = strtod(text, &end);
		double behind = unit_at(end);
		return number * (behind != 1 ? behind : unit);
	}
	return NAN;
}

double measure_find(const char *text, const char *metric)
{
	double found = NAN;
	size_t length = strlen(metric);
	for (const char *at = text; (at = strcasestr(at, metric)) != NULL; at += length) {
		bool is_whole = at == text || !isalnum((unsigned char)at[-1]);
		double number = is_whole ? number_after(at + length) : NAN;
		if (isfinite(number))
			found = number;
	}
	return found;
}

static void set_faults(const struct measurer *measurer, const struct child *child,
                       const json_t *outcome, struct run *run)
{
	const char *error = json_text_of(outcome, "error");
	if (child->is_late)
		snprintf(run->fault, FAULT_BYTES, "not ended in %g s", measurer->limit_s);
	else if (*error != '\0')
		snprintf(run->fault, FAULT_BYTES, "%.100s: %.100s", measurer->command[0], error);
	else
		child_fault(child, run->fault, FAULT_BYTES);
}

/* Reading the trace and planning are not what is tuned. */
static void take_replay(const struct measurer *measurer, struct run *run)
{
	json_error_t error;
	json_t *document = json_load_file(measurer->replay_path, 0, &error);
	const json_t *replay = json_at(document, "peers.0.runs.0");

	if (replay == NULL)
		snprintf(run->fault, FAULT_BYTES, "tide-replay wrote no run");
	run->value[OBJECTIVE_WALL] = json_number_at(replay, "wall_s");
	run->value[OBJECTIVE_CPU] = json_number_at(replay, "cpu_s");
	run->value[OBJECTIVE_PEAK] = json_number_at(replay, "peak_rss_bytes");
	run->value[OBJECTIVE_P99] = NAN;
	json_decref(document);
}

static void take_values(struct measurer *measurer, const struct child *child, const json_t *outcome,
                        struct run *run)
{
	run->value[OBJECTIVE_WALL] = json_number_at(outcome, "wall_s");
	run->value[OBJECTIVE_CPU] = json_number_at(outcome, "cpu_s");
	run->value[OBJECTIVE_PEAK] = json_number_at(outcome, "peak_rss_bytes");
	double p99 = measure_find(child->output_end, measurer->metric);
	if (!isfinite(p99))
		p99 = measure_find(child->error_end, measurer->metric);
	run->value[OBJECTIVE_P99] = p99;
	if (*measurer->replay_path != '\0')
		take_replay(measurer, run);
	const json_t *served = json_at(outcome, "served");
	measurer->served = json_is_true(served) ? 1 : json_is_false(served) ? 0 : -1;
	snprintf(measurer->why_not, sizeof measurer->why_not, "%s",
	         json_text_of(outcome, "why_not"));
}

/* tide-run's own arguments, the options, the command. */
static const char **arguments_of(struct measurer *measurer, const struct space *space,
                                 const struct setting *setting,
                                 char option[SPACE_PARAMETERS_MAX][ARGUMENT_BYTES])
{
	size_t count = 0, words = 0;
	while (measurer->command[words] != NULL)
		words++;
	const char **argument =
	    calloc(OWN_ARGUMENTS + SPACE_PARAMETERS_MAX + words + 1, sizeof *argument);
	if (argument == NULL)
		abort();
	argument[count++] = measurer->run_path;
	argument[count++] = "--quiet";
	argument[count++] = "--json";
	argument[count++] = measurer->json_path;
	for (unsigned i = 0; i < space->count; i++) {
		const struct parameter *parameter = &space->parameter[i];
		snprintf(option[i], ARGUMENT_BYTES, "--%s=%" PRId64, settings_id(parameter->option),
		         parameter->level[setting->at[i]]);
		argument[count++] = option[i];
	}
	argument[count++] = "--";
	for (size_t i = 0; i < words; i++)
		argument[count++] = measurer->command[i];
	return argument;
}

bool measure_run(struct measurer *measurer, const struct space *space,
                 const struct setting *setting, struct run *run)
{
	static struct child child;
	char option[SPACE_PARAMETERS_MAX][ARGUMENT_BYTES];
	const char **argument = arguments_of(measurer, space, setting, option);
	json_error_t error;

	unlink(measurer->json_path);
	if (*measurer->replay_path != '\0')
		unlink(measurer->replay_path);
	child_start(&child, argument, "LD_PRELOAD", "");
	child_nudge(&child); /* its input is empty */
	bool good = child_end(&child, measurer->limit_s);
	free(argument);
	measurer->interrupted = child.is_interrupted;
	if (child.is_interrupted)
		return false;
	json_t *outcome = json_load_file(measurer->json_path, 0, &error);
	if (outcome != NULL)
		take_values(measurer, &child, outcome, run);
	if (!good || outcome == NULL)
		set_faults(measurer, &child, outcome, run);
	if (*run->fault != '\0') {
		for (int i = 0; i < OBJECTIVES; i++)
			run->value[i] = NAN;
	}
	json_decref(outcome);
	unlink(measurer->json_path);
	return true;
}
