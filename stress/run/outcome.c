/* See outcome.h. */
#include "outcome.h"

#include "json.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>

double outcome_cpu_s(const struct outcome *outcome)
{
	return outcome->launched.user_s + outcome->launched.system_s;
}

double outcome_gc_s(const struct outcome *outcome)
{
	return fmin((double)outcome->figures.gc_cpu_ns * 1e-9, outcome_cpu_s(outcome));
}

static int signal_of(const struct outcome *outcome)
{
	const struct launched *launched = &outcome->launched;
	return launched->error == 0 && WIFSIGNALED(launched->status) ? WTERMSIG(launched->status)
	                                                             : 0;
}

void outcome_judge(struct outcome *outcome)
{
	const struct advice_run run = { .figures = &outcome->figures,
		                        .cpu_s = outcome_cpu_s(outcome),
		                        .gc_s = outcome->figures.gc_is_bound
		                                    ? 0
		                                    : outcome_gc_s(outcome),
		                        .peak_bytes = outcome->launched.peak_bytes };
	advice_give(&outcome->advice, &run);
}

const char *outcome_why_no_figures(const struct outcome *outcome, char text[512])
{
	const char *why_not = program_why_not(&outcome->program);

	if (figures_are_known(&outcome->figures))
		return NULL;
	if (why_not != NULL)
		snprintf(text, 512, "The preload had no effect: %.300s %s.",
		         outcome->program.loaded, why_not);
	else if (outcome->stats_taken)
		snprintf(text, 512,
		         "No statistics here: TIDE_STATS was set to something of its own.");
	else if (outcome->no_folder)
		snprintf(text, 512, "No statistics: there was no folder for them (TMPDIR).");
	else if (signal_of(outcome) != 0)
		snprintf(text, 512,
		         "No statistics: it ended by a signal, before its exit, and had no GC "
		         "thread whose page could be read (--gc 2 starts one).");
	else
		snprintf(
		    text, 512,
		    "No statistics: no process told any at its exit. It was left by _exit, as "
		    "some shells leave their scripts, or replaced LD_PRELOAD, or is too short "
		    "and small to have used malloc. Of what has a GC thread (--gc 2 starts one) "
		    "and lives for half a second, the page is read.");
	return text;
}

static json_t *all_json(const struct tide_stats *all)
{
	json_t *object = json_object();
#define FIELD(name, kind, meaning) json_object_set_new(object, #name, json_count(all->name));
	TIDE_STATS_TOTALS(FIELD)
#undef FIELD
	return object;
}

static json_t *class_json(const struct tide_stats_class *of_class)
{
	json_t *object = json_object();
#define FIELD(name, kind, meaning) json_object_set_new(object, #name, json_count(of_class->name));
	TIDE_STATS_CLASS(FIELD)
#undef FIELD
	return object;
}

static json_t *statistics_json(const struct tide_stats_snapshot *snapshot)
{
	json_t *classes = json_array();
	for (uint64_t i = 0; i < snapshot->class_count; i++)
		json_array_append_new(classes, class_json(&snapshot->of_class[i]));
	return json_pack("{s:I, s:o, s:o}", "process_id", (json_int_t)snapshot->process_id, "all",
	                 all_json(&snapshot->all), "classes", classes);
}

static void add_figures(json_t *root, const struct outcome *outcome)
{
	const struct figures *figures = &outcome->figures;
	bool known = figures_are_known(figures);
	double gc_s = outcome_gc_s(outcome);

	json_object_set_new(root, "complete", json_boolean(figures->source == FIGURES_EXIT));
	json_object_set_new(root, "processes", json_count(figures->processes));
	json_object_set_new(root, "returned_bytes",
	                    known ? json_count(figures->returned_bytes) : json_null());
	json_object_set_new(root, "gc_cpu_s", known ? json_number(gc_s) : json_null());
	json_object_set_new(root, "gc_is_bound", json_boolean(figures->gc_is_bound));
	json_object_set_new(root, "gc_share",
	                    known && outcome_cpu_s(outcome) > 0
	                        ? json_number(gc_s / outcome_cpu_s(outcome))
	                        : json_null());
	json_object_set_new(root, "statistics",
	                    known ? statistics_json(&figures->snapshot) : json_null());
}

json_t *outcome_json(const struct outcome *outcome)
{
	const struct launched *launched = &outcome->launched;
	char text[512];
	int number = signal_of(outcome);
	const char *why = outcome_why_no_figures(outcome, text);
	bool started = launched->error == 0;
	json_t *root = json_object(), *command = json_array(), *advice = json_array();
	json_t *served = figures_are_known(&outcome->figures)         ? json_true()
	                 : program_why_not(&outcome->program) != NULL ? json_false()
	                                                              : json_null();

	for (size_t i = 0; outcome->command[i] != NULL; i++)
		json_array_append_new(command, json_string(outcome->command[i]));
	for (unsigned i = 0; i < outcome->advice.count; i++)
		json_array_append_new(advice, json_string(outcome->advice.line[i]));
	json_object_set_new(root, "command", command);
	json_object_set_new(root, "error",
	                    started ? json_null() : json_string(strerror(launched->error)));
	json_object_set_new(root, "status",
	                    json_integer(!started      ? 127
	                                 : number != 0 ? 128 + number
	                                               : WEXITSTATUS(launched->status)));
	json_object_set_new(root, "signal", json_integer(number));
	json_object_set_new(root, "wall_s", json_number(launched->wall_s));
	json_object_set_new(root, "user_s", json_number(launched->user_s));
	json_object_set_new(root, "system_s", json_number(launched->system_s));
	json_object_set_new(root, "cpu_s", json_number(outcome_cpu_s(outcome)));
	json_object_set_new(root, "peak_rss_bytes", json_count(launched->peak_bytes));
	json_object_set_new(root, "served", served);
	json_object_set_new(root, "why_not", why != NULL ? json_string(why) : json_null());
	add_figures(root, outcome);
	json_object_set_new(root, "advice", advice);
	return root;
}
