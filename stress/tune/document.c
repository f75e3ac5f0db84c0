/* See document.h. */
#include "document.h"

#include "json.h"
#include "options_table.h"
#include "round.h"
#include "settings.h"
#include "statistics.h"
#include "summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double document_ratio(const struct tuner *tuner, unsigned candidate, enum objective objective)
{
	double ratio[SCORED_MAX];
	if (candidate == CANDIDATE_STANDARD)
		return 1;
	size_t count =
	    tuner_ratios(tuner, candidate, objective, PHASE_START, PHASE_FINAL, ratio, SCORED_MAX);
	return exp(statistics_median(ratio, count));
}

void document_axes(const struct tuner *tuner, enum objective *x, enum objective *y)
{
	*x = OBJECTIVE_PEAK;
	for (int o = OBJECTIVES - 1; o >= 0; o--) {
		if (tuner->wanted[o] && o != OBJECTIVE_PEAK)
			*x = (enum objective)o;
	}
	*y = OBJECTIVE_PEAK;
	if (*x == OBJECTIVE_PEAK)
		*x = OBJECTIVE_WALL;
}

json_t *document_setting_text(const struct space *space, const struct setting *setting)
{
	char text[1024] = "";
	size_t used = 0;
	json_t *object = setting_json(space, setting, false), *value;
	const char *name;

	json_object_foreach(object, name, value)
	{
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s",
		                         used > 0 ? " " : "", name, json_string_value(value));
	}
	json_decref(object);
	return json_string(used > 0 ? text : "the default");
}

/* exp of a middle and its interval; null where it is not bounded. */
static json_t *ratio_json(const struct signed_rank *of)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "ratio", json_number(exp(of->estimate)), "low",
	                 json_number(isfinite(of->low) ? exp(of->low) : NAN), "high",
	                 json_number(isfinite(of->high) ? exp(of->high) : NAN), "pairs",
	                 json_count(of->pairs));
}

/* `nth` of those that are compared. */
static json_t *comparison_json(const struct tuner *tuner, const struct comparison *comparison,
                               unsigned nth)
{
	char name[32] = "what it began with";
	const struct setting *setting = &tuner->candidate[comparison->candidate].setting;
	if (comparison->candidate != CANDIDATE_START || !tuner->has_start)
		snprintf(name, sizeof name, "finalist %u", nth + 1);
	json_t *object = json_pack("{s:s, s:o, s:o, s:b, s:o, s:s}", "name", name, "setting",
	                           setting_json(&tuner->space, setting, false), "text",
	                           document_setting_text(&tuner->space, setting), "beats",
	                           comparison->beats, "p", json_number(comparison->p), "says",
	                           comparison->beats ? "better" : "not shown to be better");
	for (int o = 0; o < OBJECTIVES; o++)
		json_object_set_new(object, objective_row[o].name, ratio_json(&comparison->of[o]));
	json_object_set_new(object, "objective", ratio_json(&comparison->of[OBJECTIVES]));
	return object;
}

/* Smaller in one and not larger in the other than any: nobody is better in both. */
static bool is_on_front(const struct tuner *tuner, unsigned candidate)
{
	enum objective x, y;
	document_axes(tuner, &x, &y);
	double at_x = document_ratio(tuner, candidate, x),
	       at_y = document_ratio(tuner, candidate, y);

	if (!isfinite(at_x) || !isfinite(at_y) || tuner->candidate[candidate].faulty)
		return false;
	for (unsigned i = 0; i < tuner->candidates; i++) {
		double its_x = document_ratio(tuner, i, x), its_y = document_ratio(tuner, i, y);
		bool is_as_good = its_x <= at_x && its_y <= at_y;
		if (is_as_good && (its_x < at_x || its_y < at_y) && !tuner->candidate[i].faulty)
			return false;
	}
	return true;
}

static const char *fault_of(const struct tuner *tuner, unsigned candidate)
{
	for (unsigned i = 0; i < tuner->runs; i++) {
		if (tuner->run[i].candidate == candidate && *tuner->run[i].fault != '\0')
			return tuner->run[i].fault;
	}
	return NULL;
}

static json_t *candidate_json(const struct tuner *tuner, unsigned candidate)
{
	const struct setting *setting = &tuner->candidate[candidate].setting;
	const char *fault = fault_of(tuner, candidate);
	unsigned runs = 0;

	for (unsigned i = 0; i < tuner->runs; i++)
		runs += tuner->run[i].candidate == candidate;
	json_t *object = json_pack(
	    "{s:o, s:o, s:o, s:o, s:b}", "setting", setting_json(&tuner->space, setting, false),
	    "text", document_setting_text(&tuner->space, setting), "runs", json_count(runs),
	    "fault", fault != NULL ? json_string(fault) : json_null(), "front",
	    is_on_front(tuner, candidate));
	for (int o = 0; o < OBJECTIVES; o++)
		json_object_set_new(
		    object, objective_row[o].name,
		    json_number(document_ratio(tuner, candidate, (enum objective)o)));
	return object;
}

/* The median ratio of the runs that had a level; NAN: none. */
static double level_ratio(const struct tuner *tuner, unsigned parameter, unsigned level,
                          unsigned *runs)
{
	static double ratio[RUNS_MAX];
	size_t count = 0;
	for (unsigned i = 0; i < tuner->candidates; i++) {
		if (tuner->candidate[i].setting.at[parameter] == level)
			count += tuner_ratios(tuner, i, OBJECTIVES, PHASE_START, PHASE_LOCAL,
			                      ratio + count, RUNS_MAX - count);
	}
	*runs = (unsigned)count;
	return exp(statistics_median(ratio, count));
}

static json_t *parameter_json(const struct tuner *tuner, unsigned number, unsigned chosen)
{
	const struct parameter *parameter = &tuner->space.parameter[number];
	const char *unit = options_row[parameter->option].unit;
	char name[64], value[OPTIONS_VALUE_BYTES], standard[OPTIONS_VALUE_BYTES];
	json_t *levels = json_array();
	double least = INFINITY, most = -INFINITY;

	for (unsigned i = 0; i < parameter->levels; i++) {
		unsigned runs;
		double ratio = level_ratio(tuner, number, i, &runs);
		options_value(value, parameter->level[i], unit);
		json_array_append_new(levels,
		                      json_pack("{s:s, s:o, s:o}", "value", value, "runs",
		                                json_count(runs), "ratio", json_number(ratio)));
		least = fmin(least, ratio);
		most = fmax(most, ratio);
	}
	snprintf(name, sizeof name, "TIDE_%s", settings_id(parameter->option));
	options_value(standard, parameter->level[parameter->standard], unit);
	options_value(value, parameter->level[tuner->candidate[chosen].setting.at[number]], unit);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", name, "what", parameter->what,
	                 "standard", standard, "chosen", value, "range", json_number(most - least),
	                 "levels", levels);
}

/* How much the default differs from itself: the quartiles' distance, as a part of the median. */
static json_t *noise_json(const struct tuner *tuner)
{
	static double value[RUNS_MAX];
	json_t *object = json_object();
	for (int o = 0; o < OBJECTIVES; o++) {
		size_t count = 0;
		for (unsigned i = 0; i < tuner->runs; i++) {
			const struct run *run = &tuner->run[i];
			if (run->candidate == CANDIDATE_STANDARD && run->phase != PHASE_WARM_UP &&
			    isfinite(run->value[o]))
				value[count++] = run->value[o];
		}
		double middle = statistics_median(value, count);
		double apart = statistics_quantile(value, count, 0.75) -
		               statistics_quantile(value, count, 0.25);
		json_object_set_new(object, objective_row[o].name, json_number(apart / middle));
	}
	return object;
}

static void add_lists(json_t *root, const struct tuner *tuner, const struct verdict *verdict)
{
	json_t *compared = json_array(), *candidates = json_array(), *parameters = json_array();
	json_t *faults = json_array();

	for (unsigned i = 0; i < verdict->compared; i++)
		json_array_append_new(compared,
		                      comparison_json(tuner, &verdict->with_standard[i], i));
	for (unsigned i = 0; i < tuner->candidates; i++) {
		json_t *candidate = candidate_json(tuner, i);
		json_array_append_new(candidates, candidate);
		if (!json_is_null(json_object_get(candidate, "fault")))
			json_array_append(faults, candidate);
	}
	for (unsigned i = 0; i < tuner->space.count; i++)
		json_array_append_new(parameters, parameter_json(tuner, i, verdict->chosen));
	json_object_set_new(root, "compared", compared);
	json_object_set_new(root, "with_start",
	                    verdict->has_start ? comparison_json(tuner, &verdict->with_start, 0)
	                                       : json_null());
	json_object_set_new(root, "candidates", candidates);
	json_object_set_new(root, "parameters", parameters);
	json_object_set_new(root, "faults", faults);
}

json_t *document_make(const struct tuner *tuner, const struct verdict *verdict,
                      char *const *command)
{
	json_t *words = json_array(), *objectives = json_array();
	unsigned faults = 0;

	for (size_t i = 0; command[i] != NULL; i++)
		json_array_append_new(words, json_string(command[i]));
	for (int o = 0; o < OBJECTIVES; o++) {
		if (tuner->wanted[o])
			json_array_append_new(objectives, json_string(objective_row[o].name));
	}
	for (unsigned i = 0; i < tuner->runs; i++)
		faults += *tuner->run[i].fault != '\0';
	json_t *root =
	    json_pack("{s:s, s:i, s:o, s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:o}", "program",
	              "tide-tune", "format", 1, "command", words, "seed", json_count(tuner->seed),
	              "objectives", objectives, "alpha", verdict->alpha, "least", verdict->least,
	              "runs", json_count(tuner->runs), "failed_runs", json_count(faults),
	              "settings", json_count(tuner->candidates), "noise", noise_json(tuner));
	add_lists(root, tuner, verdict);
	summary_add(root, tuner, verdict, command);
	return root;
}
