/* See tuner.h: rounds, ratios and scores. */
#include "tuner.h"

#include "round.h"
#include "statistics.h"

#include <math.h>
#include <string.h>

const struct objective_row objective_row[OBJECTIVES] = {
	[OBJECTIVE_WALL] = { "wall", "wall-clock time" },
	[OBJECTIVE_CPU] = { "cpu", "processor time" },
	[OBJECTIVE_PEAK] = { "peak", "peak memory" },
	[OBJECTIVE_P99] = { "p99", "99th percentile" },
};
const char *const phase_name[PHASES] = { "warm-up", "start", "local", "final" };

enum { STANDARD_FAULTS_MAX = 3 };
/* A changed parameter has to pay for itself, by so much of the objective: else chance alone would
 * leave each of them changed. */
static const double price_of_change = 0.001;

void tuner_begin(struct tuner *tuner, const struct setting *start)
{
	tuner->candidates = tuner->runs = tuner->rounds = tuner->finalists = 0;
	tuner->standard_faults = 0;
	random_seed(&tuner->random, tuner->seed, 0);
	struct setting standard = space_standard(&tuner->space);
	(void)tuner_candidate(tuner, &standard);
	tuner->has_start = start != NULL && !setting_is(&tuner->space, start, &standard);
	if (tuner->has_start)
		(void)tuner_candidate(tuner, start);
}

unsigned tuner_candidate(struct tuner *tuner, const struct setting *setting)
{
	for (unsigned i = 0; i < tuner->candidates; i++) {
		if (setting_is(&tuner->space, &tuner->candidate[i].setting, setting))
			return i;
	}
	if (tuner->candidates == CANDIDATES_MAX)
		return CANDIDATE_STANDARD;
	tuner->candidate[tuner->candidates] = (struct candidate){ .setting = *setting };
	return tuner->candidates++;
}

/* False: stop. */
static bool run_one(struct tuner *tuner, enum phase phase, unsigned candidate)
{
	struct run *run = &tuner->run[tuner->runs];

	*run = (struct run){ .phase = phase, .round = tuner->rounds, .candidate = candidate };
	for (int i = 0; i < OBJECTIVES; i++)
		run->value[i] = run->ratio[i] = NAN;
	if (tuner->runs == RUNS_MAX || !tuner->measure(tuner->context, tuner, run))
		return false;
	tuner->runs++;
	if (*run->fault == '\0')
		return true;
	if (candidate != CANDIDATE_STANDARD) {
		tuner->candidate[candidate].faulty = true;
		return true;
	}
	return ++tuner->standard_faults < STANDARD_FAULTS_MAX;
}

/* What belongs to the round of the last run. */
static void compare(struct tuner *tuner, unsigned first)
{
	const struct run *standard = NULL;

	for (unsigned i = first; i < tuner->runs; i++) {
		if (tuner->run[i].candidate == CANDIDATE_STANDARD)
			standard = &tuner->run[i];
	}
	for (unsigned i = first; standard != NULL && i < tuner->runs; i++) {
		struct run *run = &tuner->run[i];
		for (int o = 0; o < OBJECTIVES; o++) {
			/* (Not known, failed, or 0: no ratio.) */
			if (run->value[o] > 0 && standard->value[o] > 0)
				run->ratio[o] = log(run->value[o] / standard->value[o]);
		}
	}
}

bool tuner_round(struct tuner *tuner, enum phase phase, const unsigned *candidate, unsigned count)
{
	unsigned order[ROUND_MAX], all = 0, first = tuner->runs;

	order[all++] = CANDIDATE_STANDARD;
	for (unsigned i = 0; i < count && all < ROUND_MAX; i++) {
		if (!tuner->candidate[candidate[i]].faulty)
			order[all++] = candidate[i];
	}
	for (unsigned i = all; i > 1; i--) {
		unsigned other = random_below(&tuner->random, i), kept = order[i - 1];
		order[i - 1] = order[other];
		order[other] = kept;
	}
	for (unsigned i = 0; i < all; i++) {
		if (!run_one(tuner, phase, order[i]))
			return false;
	}
	compare(tuner, first);
	tuner->rounds++;
	return true;
}

bool tuner_warm_up(struct tuner *tuner)
{
	if (!run_one(tuner, PHASE_WARM_UP, CANDIDATE_STANDARD))
		return false;
	tuner->rounds++;
	return *tuner->run[0].fault == '\0';
}

double tuner_ratio(const struct tuner *tuner, const struct run *run, enum objective objective)
{
	double sum = 0;
	unsigned count = 0;

	if (objective != OBJECTIVES)
		return run->ratio[objective];
	for (int o = 0; o < OBJECTIVES; o++) {
		if (tuner->wanted[o]) {
			sum += run->ratio[o];
			count++;
		}
	}
	return sum / count;
}

size_t tuner_ratios(const struct tuner *tuner, unsigned candidate, enum objective objective,
                    enum phase from, enum phase to, double *ratio, size_t room)
{
	size_t count = 0;
	for (unsigned i = 0; i < tuner->runs && count < room; i++) {
		const struct run *run = &tuner->run[i];
		if (run->candidate != candidate || run->phase < from || run->phase > to)
			continue;
		double of_run = tuner_ratio(tuner, run, objective);
		if (isfinite(of_run))
			ratio[count++] = of_run;
	}
	return count;
}

double tuner_score(const struct tuner *tuner, unsigned candidate)
{
	double ratio[SCORED_MAX];
	size_t count =
	    tuner_ratios(tuner, candidate, OBJECTIVES, PHASE_START, PHASE_LOCAL, ratio, SCORED_MAX);
	if (count == 0 || tuner->candidate[candidate].faulty)
		return INFINITY;
	return statistics_median(ratio, count) +
	       price_of_change *
	           setting_changes(&tuner->space, &tuner->candidate[candidate].setting);
}
