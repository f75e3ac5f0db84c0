/* See verdict.h. */
#include "verdict.h"

#include <math.h>

/* Of one round; 0 for the default, NAN when it was not run or failed there. */
static double in_round(const struct tuner *tuner, unsigned from, unsigned candidate,
                       enum objective objective)
{
	for (unsigned i = from; i < tuner->runs && tuner->run[i].round == tuner->run[from].round;
	     i++) {
		if (tuner->run[i].candidate == candidate)
			return tuner_ratio(tuner, &tuner->run[i], objective);
	}
	return NAN;
}

/* The differences a - b over the final rounds. */
static size_t differences(const struct tuner *tuner, unsigned a, unsigned b,
                          enum objective objective, double difference[SIGNED_RANK_MAX])
{
	size_t count = 0;
	for (unsigned i = 0; i < tuner->runs && count < SIGNED_RANK_MAX; i++) {
		bool begins = i == 0 || tuner->run[i].round != tuner->run[i - 1].round;
		if (!begins || tuner->run[i].phase != PHASE_FINAL)
			continue;
		double apart = in_round(tuner, i, a, objective) - in_round(tuner, i, b, objective);
		if (isfinite(apart))
			difference[count++] = apart;
	}
	return count;
}

static void compare(struct comparison *comparison, const struct tuner *tuner, unsigned a,
                    unsigned b, double alpha)
{
	double difference[SIGNED_RANK_MAX];
	comparison->candidate = a;
	for (int o = 0; o <= OBJECTIVES; o++) {
		size_t count = differences(tuner, a, b, (enum objective)o, difference);
		comparison->of[o] = signed_rank_of(difference, count, alpha);
	}
	comparison->p = comparison->of[OBJECTIVES].p;
}

static bool is_better(const struct comparison *comparison, double alpha, double least)
{
	return comparison->p < alpha && comparison->of[OBJECTIVES].estimate <= log1p(-least);
}

void verdict_of(struct verdict *verdict, const struct tuner *tuner, double alpha, double least)
{
	double p[FINALISTS_MAX + 1];
	double best = INFINITY;

	*verdict = (struct verdict){ .alpha = alpha, .least = least };
	for (unsigned i = 0; i < tuner->finalists + tuner->has_start; i++) {
		unsigned candidate =
		    i < tuner->finalists ? tuner->finalist[i] : (unsigned)CANDIDATE_START;
		/* (Who failed has lost.) */
		if (tuner->candidate[candidate].faulty)
			continue;
		compare(&verdict->with_standard[verdict->compared++], tuner, candidate,
		        CANDIDATE_STANDARD, alpha);
	}
	for (unsigned i = 0; i < verdict->compared; i++)
		p[i] = verdict->with_standard[i].p;
	signed_rank_holm(p, verdict->compared);
	for (unsigned i = 0; i < verdict->compared; i++) {
		struct comparison *its = &verdict->with_standard[i];
		its->p = p[i];
		its->beats = is_better(its, alpha, least);
		if (its->beats && its->of[OBJECTIVES].estimate < best) {
			best = its->of[OBJECTIVES].estimate;
			verdict->chosen = its->candidate;
		}
	}
	verdict->has_start = tuner->has_start && verdict->chosen != CANDIDATE_START &&
	                     !tuner->candidate[CANDIDATE_START].faulty;
	if (verdict->has_start) {
		compare(&verdict->with_start, tuner, verdict->chosen, CANDIDATE_START, alpha);
		verdict->with_start.beats = is_better(&verdict->with_start, alpha, least);
	}
}

const struct comparison *verdict_best(const struct verdict *verdict)
{
	const struct comparison *best = NULL;
	for (unsigned i = 0; i < verdict->compared; i++) {
		const struct comparison *its = &verdict->with_standard[i];
		if (verdict_found(verdict)
		        ? its->candidate == verdict->chosen
		        : isfinite(its->of[OBJECTIVES].estimate) &&
		              (best == NULL ||
		               its->of[OBJECTIVES].estimate < best->of[OBJECTIVES].estimate))
			best = its;
	}
	return best;
}
