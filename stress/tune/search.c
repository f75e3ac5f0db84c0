/* See tuner.h: the plan, and which settings are run. */
#include "round.h"

#include <math.h>

enum {
	START_MIN = 4,
	START_MAX = 64,
	FINAL_ROUNDS_MIN = 6, /* fewer can't pass Holm's bound for three */
	FINAL_ROUNDS_MAX = 24,
	RUNG_ROUNDS = 2,
	LEFT_OF_START = 3, /* no more halving */
	BATCH = 8,
	LEFT_OF_BATCH = 4,
	ORIGINS = 3, /* local search goes on from the next best, when one has no neighbour left */
};

static unsigned rung_runs(unsigned settings)
{
	return RUNG_ROUNDS * (settings + 1);
}

/* What halving `settings` costs. */
static unsigned start_runs(unsigned settings, unsigned more)
{
	unsigned runs = 0;
	for (;; settings = (settings + 1) / 2) {
		runs += rung_runs(settings + more);
		if (settings <= LEFT_OF_START)
			return runs;
	}
}

void tuner_plan(struct tuner *tuner, unsigned runs)
{
	struct plan *plan = &tuner->plan;
	unsigned more = tuner->has_start ? 1 : 0, settings = FINALISTS_MAX + 1 + more;
	unsigned rounds = runs * 3 / 10 / settings;

	rounds = rounds < FINAL_ROUNDS_MIN ? FINAL_ROUNDS_MIN : rounds;
	rounds = rounds > FINAL_ROUNDS_MAX ? FINAL_ROUNDS_MAX : rounds;
	plan->runs = runs;
	plan->final_rounds = rounds;
	plan->final_runs = rounds * settings;
	plan->start = START_MIN;
	unsigned rest = runs > plan->final_runs + 1 ? runs - plan->final_runs - 1 : 0;
	/* About half of it for the start. */
	while (plan->start < START_MAX && 2 * start_runs(plan->start + 1, more) <= rest)
		plan->start++;
}

/* Sort by score, the best first; equals stay in their order. */
static void sort(const struct tuner *tuner, unsigned *candidate, unsigned count)
{
	double score[CANDIDATES_MAX];
	for (unsigned i = 0; i < count; i++) {
		unsigned moved = candidate[i], at = i;
		double its = tuner_score(tuner, moved);
		for (; at > 0 && score[at - 1] > its; at--) {
			score[at] = score[at - 1];
			candidate[at] = candidate[at - 1];
		}
		score[at] = its;
		candidate[at] = moved;
	}
}

/* Whether a round of so many and the default still leaves what the end needs. */
static bool has_room(const struct tuner *tuner, unsigned settings)
{
	return tuner->runs + settings + 1 + tuner->plan.final_runs <= tuner->plan.runs;
}

enum step { STEP_ON, STEP_FULL, STEP_STOP };

static enum step rung(struct tuner *tuner, enum phase phase, const unsigned *candidate,
                      unsigned count)
{
	for (int i = 0; i < RUNG_ROUNDS; i++) {
		if (!has_room(tuner, count))
			return STEP_FULL;
		if (!tuner_round(tuner, phase, candidate, count))
			return STEP_STOP;
	}
	return STEP_ON;
}

/* Halve until `left` are; `kept` of them, which come first, stay whatever they do. */
static enum step halve(struct tuner *tuner, enum phase phase, unsigned *candidate, unsigned count,
                       unsigned kept, unsigned left)
{
	for (;;) {
		enum step step = rung(tuner, phase, candidate, count);
		if (step != STEP_ON || count - kept <= left)
			return step;
		sort(tuner, candidate + kept, count - kept);
		count = kept + (count - kept + 1) / 2;
	}
}

static enum step start(struct tuner *tuner)
{
	struct setting setting[START_MAX];
	unsigned candidate[START_MAX + 1], count = 0, kept = 0;

	if (tuner->has_start) {
		candidate[count++] = CANDIDATE_START;
		kept = 1;
	}
	space_fill(&tuner->space, &tuner->random, setting, tuner->plan.start);
	for (unsigned i = 0; i < tuner->plan.start; i++) {
		unsigned next = tuner_candidate(tuner, &setting[i]);
		bool known = next == CANDIDATE_STANDARD;
		for (unsigned j = 0; j < count; j++)
			known |= candidate[j] == next;
		if (!known)
			candidate[count++] = next;
	}
	return halve(tuner, PHASE_START, candidate, count, kept, LEFT_OF_START);
}

/* All candidates, the best first. */
static unsigned ranked(const struct tuner *tuner, unsigned *candidate)
{
	for (unsigned i = 0; i < tuner->candidates; i++)
		candidate[i] = i;
	sort(tuner, candidate, tuner->candidates);
	return tuner->candidates;
}

static bool was_run(const struct tuner *tuner, const struct setting *setting)
{
	for (unsigned i = 0; i < tuner->candidates; i++) {
		if (setting_is(&tuner->space, &tuner->candidate[i].setting, setting))
			return true;
	}
	return false;
}

enum { NEIGHBOURS_MAX = 3 * SPACE_PARAMETERS_MAX };

/* The neighbours of a setting that were never run, in random order. */
static unsigned neighbours(struct tuner *tuner, const struct setting *of, struct setting *to)
{
	unsigned count = 0;
	for (unsigned p = 0; p < tuner->space.count; p++) {
		const struct parameter *parameter = &tuner->space.parameter[p];
		const int level[] = { of->at[p] - 1, of->at[p] + 1, (int)parameter->standard };
		for (int i = 0; i < 3; i++) {
			struct setting near = *of;
			bool is_step = i < 2 && level[i] == (int)parameter->standard;
			if (level[i] < 0 || level[i] >= (int)parameter->levels || is_step)
				continue; /* (The step to the default comes third.) */
			near.at[p] = (uint8_t)level[i];
			if (!was_run(tuner, &near))
				to[count++] = near;
		}
	}
	for (unsigned i = count; i > 1; i--) {
		unsigned other = random_below(&tuner->random, i);
		struct setting kept = to[i - 1];
		to[i - 1] = to[other];
		to[other] = kept;
	}
	return count;
}

/* The one parameter in which `setting` differs from `of`; -1: none, or several. */
static int difference(const struct space *space, const struct setting *setting,
                      const struct setting *of)
{
	int found = -1;
	for (unsigned p = 0; p < space->count; p++) {
		if (setting->at[p] == of->at[p])
			continue;
		if (found >= 0)
			return -1;
		found = (int)p;
	}
	return found;
}

/* All single changes that made `origin` better, at once (Hooke, Jeeves 1961). */
static struct setting pattern(const struct tuner *tuner, unsigned origin)
{
	const struct setting *of = &tuner->candidate[origin].setting;
	struct setting all = *of;
	double best[SPACE_PARAMETERS_MAX], its = tuner_score(tuner, origin);

	for (unsigned p = 0; p < tuner->space.count; p++)
		best[p] = its;
	for (unsigned i = 0; i < tuner->candidates; i++) {
		const struct setting *setting = &tuner->candidate[i].setting;
		int p = difference(&tuner->space, setting, of);
		double score = p >= 0 ? tuner_score(tuner, i) : its;
		if (p >= 0 && score < best[p]) {
			best[p] = score;
			all.at[p] = setting->at[p];
		}
	}
	return all;
}

/* A batch of neighbours of the best candidate that has some, and the pattern of the batch before,
 * whose origin was *origin. STEP_FULL: there are none. */
static enum step batch(struct tuner *tuner, unsigned *origin)
{
	const struct setting jump = pattern(tuner, *origin);
	unsigned order[CANDIDATES_MAX], candidate[BATCH + 1];

	if (tuner->candidates + BATCH > CANDIDATES_MAX)
		return STEP_FULL;
	unsigned all = ranked(tuner, order);

	for (unsigned i = 0; i < all && i < ORIGINS; i++) {
		struct setting near[NEIGHBOURS_MAX];
		const struct setting of = tuner->candidate[order[i]].setting;
		unsigned count = neighbours(tuner, &of, near);

		if (count == 0)
			continue;
		count = count < BATCH ? count : BATCH;
		if (!was_run(tuner, &jump)) {
			bool among = false;
			for (unsigned j = 0; j < count; j++)
				among |= setting_is(&tuner->space, &near[j], &jump);
			near[0] = among ? near[0] : jump;
		}
		*origin = order[i];
		candidate[0] = order[i];
		for (unsigned j = 0; j < count; j++)
			candidate[1 + j] = tuner_candidate(tuner, &near[j]);
		/* The default runs anyway. */
		unsigned first = order[i] == CANDIDATE_STANDARD ? 1 : 0;
		return halve(tuner, PHASE_LOCAL, candidate + first, 1 + count - first, 1 - first,
		             LEFT_OF_BATCH);
	}
	return STEP_FULL;
}

static void choose_finalists(struct tuner *tuner)
{
	unsigned order[CANDIDATES_MAX], all = ranked(tuner, order);

	tuner->finalists = 0;
	for (unsigned i = 0; i < all && tuner->finalists < FINALISTS_MAX; i++) {
		bool runs_anyway = order[i] == CANDIDATE_STANDARD ||
		                   (tuner->has_start && order[i] == CANDIDATE_START);
		if (!runs_anyway && isfinite(tuner_score(tuner, order[i])))
			tuner->finalist[tuner->finalists++] = order[i];
	}
}

static bool final(struct tuner *tuner)
{
	unsigned candidate[FINALISTS_MAX + 1], count = 0;

	choose_finalists(tuner);
	for (unsigned i = 0; i < tuner->finalists; i++)
		candidate[count++] = tuner->finalist[i];
	if (tuner->has_start)
		candidate[count++] = CANDIDATE_START;
	for (unsigned i = 0; i < tuner->plan.final_rounds; i++) {
		if (!tuner_round(tuner, PHASE_FINAL, candidate, count))
			return false;
	}
	return true;
}

bool tuner_search(struct tuner *tuner)
{
	enum step step = start(tuner);
	unsigned origin = CANDIDATE_STANDARD;

	while (step == STEP_ON)
		step = batch(tuner, &origin);
	return step != STEP_STOP && final(tuner);
}
