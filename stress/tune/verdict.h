/* What the final rounds say. Pure.
 *
 * The finalists, and the setting the user came with, are each compared with the default in what the
 * search was to make small, by Wilcoxon's signed-rank test over the final rounds; Holm's correction
 * keeps the chance that any of them passes by luck below alpha. Who passes and is better by `least`
 * beats the default; of several the best is chosen. Else the default is. */
#ifndef TUNE_VERDICT_H
#define TUNE_VERDICT_H

#include "signed_rank.h"
#include "tuner.h"

/* One setting against another. [OBJECTIVES]: what was to be small. */
struct comparison {
	unsigned candidate;
	struct signed_rank of[OBJECTIVES + 1]; /* of logarithms of ratios */
	double p;                              /* of of[OBJECTIVES], corrected */
	bool beats;
};

struct verdict {
	double alpha, least; /* 0.05; 0.01: a hundredth */
	unsigned compared;
	struct comparison with_standard[FINALISTS_MAX + 1];
	unsigned chosen; /* candidate */
	/* The chosen one against the one the user came with, where that is another one. */
	bool has_start;
	struct comparison with_start;
};

void verdict_of(struct verdict *verdict, const struct tuner *tuner, double alpha, double least);
/* That of the chosen setting, or of the best that did not beat the default; NULL: none. */
const struct comparison *verdict_best(const struct verdict *verdict);
static inline bool verdict_found(const struct verdict *verdict)
{
	return verdict->chosen != CANDIDATE_STANDARD;
}

#endif
