/* Whether the differences of pairs lean to one side: Wilcoxon's signed-rank test (1945), and the
 * estimate and interval that belong to it (Hodges and Lehmann 1963; Walsh averages).
 *
 * Why this one: the two of a pair ran in the same round in random order, so if their settings make
 * no difference each difference has either sign with the same chance, whatever the noise looks
 * like; that is all the test needs. Its distribution is counted out, not approximated, and so are
 * ties (their mean rank); differences of 0 are left out. */
#ifndef TUNE_SIGNED_RANK_H
#define TUNE_SIGNED_RANK_H

#include <stddef.h>

enum { SIGNED_RANK_MAX = 200 };

struct signed_rank {
	size_t pairs;     /* with a difference */
	double p;         /* one-sided: the chance of being as far below 0 as this, or farther */
	double estimate;  /* the middle of the differences; NAN of none */
	double low, high; /* its two-sided interval; infinite when there are too few pairs for it */
};

/* Of the first SIGNED_RANK_MAX differences. `alpha`: the interval holds with 1 - alpha. */
struct signed_rank signed_rank_of(const double *difference, size_t count, double alpha);

/* Holm (1979): of several tests made at once, so that the chance that any of those without an
 * effect passes stays below the bound p is compared with. In place. */
void signed_rank_holm(double *p, size_t count);

#endif
