/* See summary.h. */
#include "summary.h"

#include "document.h"
#include "json.h"
#include "options_table.h"
#include "settings.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_BYTES = 256 };
struct sentence {
	char text[SENTENCE_BYTES];
};

/* "wall-clock time", or "the mean of wall-clock time and peak memory". */
static struct sentence objective_text(const struct tuner *tuner)
{
	struct sentence sentence = { "" };
	unsigned count = 0, used = 0;

	for (int o = 0; o < OBJECTIVES; o++)
		count += tuner->wanted[o];
	if (count > 1)
		used = (unsigned)snprintf(sentence.text, SENTENCE_BYTES, "the geometric mean of ");
	for (int o = 0, nth = 0; o < OBJECTIVES; o++) {
		if (!tuner->wanted[o])
			continue;
		used += (unsigned)snprintf(sentence.text + used, SENTENCE_BYTES - used, "%s%s",
		                           nth++ > 0 ? " and " : "", objective_row[o].label);
	}
	return sentence;
}

/* "0.93 (95 % interval 0.91 to 0.95)" */
static struct sentence ratio_text(const struct signed_rank *of, double alpha)
{
	struct sentence sentence;
	if (isfinite(of->low))
		snprintf(sentence.text, SENTENCE_BYTES, "%.3f (%g %% interval %.3f to %.3f)",
		         exp(of->estimate), 100 * (1 - alpha), exp(of->low), exp(of->high));
	else
		snprintf(sentence.text, SENTENCE_BYTES, "%.3f (too few rounds for an interval)",
		         exp(of->estimate));
	return sentence;
}

static struct sentence p_text(double p)
{
	struct sentence sentence;
	snprintf(sentence.text, SENTENCE_BYTES, p < 0.0001 ? "p < 0.0001" : "p = %.4f", p);
	return sentence;
}

static void print_headline(struct text *text, const struct tuner *tuner,
                           const struct verdict *verdict)
{
	const struct comparison *best = verdict_best(verdict);
	bool is_start = tuner->has_start && verdict->chosen == CANDIDATE_START;

	if (verdict_found(verdict))
		text_print(text, "%s beats the default: %.1f %% less of %s",
		           is_start ? "The setting it began with" : "A setting",
		           100 * (1 - exp(best->of[OBJECTIVES].estimate)),
		           objective_text(tuner).text);
	else
		text_print(text, "Nothing beats the default");
}

static void print_reason(struct text *text, const struct tuner *tuner,
                         const struct verdict *verdict)
{
	const struct comparison *best = verdict_best(verdict);
	const struct signed_rank *of = best != NULL ? &best->of[OBJECTIVES] : NULL;

	text_print(text, "%u settings in %u runs, seed %" PRIu64 ". ", tuner->candidates,
	           tuner->runs, tuner->seed);
	if (best == NULL) {
		text_print(text, "No setting but the default ran to its end.");
		return;
	}
	text_print(text,
	           "%s ratio of %s to the default's is %s, in %u final rounds that had no part in "
	           "choosing it; Wilcoxon's signed-rank test, one-sided, %s after Holm's "
	           "correction over %u.",
	           verdict_found(verdict) ? "Its" : "The best one's", objective_text(tuner).text,
	           ratio_text(of, verdict->alpha).text, tuner->plan.final_rounds,
	           p_text(best->p).text, verdict->compared);
	if (verdict_found(verdict))
		return;
	if (best->p < verdict->alpha)
		text_print(text, " That is less than the %g %% that count (--least).",
		           100 * verdict->least);
	else
		text_print(text, " That is no evidence; more runs could tell smaller differences.");
}

static void print_start(struct text *text, const struct tuner *tuner, const struct verdict *verdict)
{
	json_t *begun =
	    document_setting_text(&tuner->space, &tuner->candidate[CANDIDATE_START].setting);
	const struct comparison *with = &verdict->with_start;

	if (verdict->has_start)
		text_print(
		    text, "%s is %sbetter than the setting it began with (%s): ratio %s, %s.",
		    verdict_found(verdict) ? "The chosen setting" : "The default",
		    with->beats ? "" : "not shown to be ", json_string_value(begun),
		    ratio_text(&with->of[OBJECTIVES], verdict->alpha).text, p_text(with->p).text);
	json_decref(begun);
}

/* What differs from the default, and what has to undo the setting the user came with. */
static void print_env(struct text *text, const struct tuner *tuner, const struct verdict *verdict,
                      const char *headline)
{
	const struct setting *chosen = &tuner->candidate[verdict->chosen].setting;

	text_print(text, "# tide-tune, seed %" PRIu64 ", %u runs\n# %s\n", tuner->seed, tuner->runs,
	           headline);
	for (unsigned i = 0; i < tuner->space.count; i++) {
		const struct parameter *parameter = &tuner->space.parameter[i];
		char value[OPTIONS_VALUE_BYTES];
		bool was_set =
		    tuner->has_start &&
		    tuner->candidate[CANDIDATE_START].setting.at[i] != parameter->standard;
		if (chosen->at[i] == parameter->standard && !was_set)
			continue;
		text_print(text, "TIDE_%s=%s\n", settings_id(parameter->option),
		           options_value(value, parameter->level[chosen->at[i]],
		                         options_row[parameter->option].unit));
	}
}

static void add_text(json_t *object, const char *name, struct text *text)
{
	json_object_set_new(object, name,
	                    text->used > 0 ? json_stringn(text->bytes, text->used) : json_null());
	text_end(text);
}

void summary_add(json_t *document, const struct tuner *tuner, const struct verdict *verdict,
                 char *const *command)
{
	json_t *summary = json_object();
	struct text text = { 0 };

	for (size_t i = 0; command[i] != NULL; i++)
		text_print(&text, "%s%s", i > 0 ? " " : "", command[i]);
	add_text(summary, "command", &text);
	print_headline(&text, tuner, verdict);
	add_text(summary, "headline", &text);
	print_reason(&text, tuner, verdict);
	add_text(summary, "reason", &text);
	print_start(&text, tuner, verdict);
	add_text(summary, "start", &text);
	print_env(&text, tuner, verdict, json_text_of(summary, "headline"));
	add_text(document, "env", &text);
	json_object_set_new(summary, "objective", json_string(objective_text(tuner).text));
	json_object_set_new(summary, "beats", json_boolean(verdict_found(verdict)));
	json_object_set_new(
	    summary, "chosen",
	    setting_json(&tuner->space, &tuner->candidate[verdict->chosen].setting, false));
	json_object_set_new(document, "summary", summary);
}
