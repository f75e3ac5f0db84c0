/* See signed_rank.h. */
#include "signed_rank.h"

#include "statistics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Ranks are doubled: the mean rank of ties is then whole. */
enum { SUM_MAX = SIGNED_RANK_MAX * (SIGNED_RANK_MAX + 1) };

static int by_size(const void *a, const void *b)
{
	double left = fabs(*(const double *)a), right = fabs(*(const double *)b);
	return (left > right) - (left < right);
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

/* The doubled ranks of `value`, which is sorted by size. */
static void rank(const double *value, size_t count, unsigned *doubled)
{
	for (size_t i = 0; i < count;) {
		size_t end = i + 1;
		while (end < count && fabs(value[end]) == fabs(value[i]))
			end++;
		for (size_t j = i; j < end; j++)
			doubled[j] = (unsigned)(i + 1 + end);
		i = end;
	}
}

/* chance[s]: that the ranks with a plus sign sum up to s, when each sign is a coin's. */
static void distribute(const unsigned *doubled, size_t count, double *chance)
{
	unsigned sum = 0;
	memset(chance, 0, (SUM_MAX + 1) * sizeof *chance);
	chance[0] = 1;
	for (size_t i = 0; i < count; i++) {
		sum += doubled[i];
		for (unsigned s = sum;; s--) {
			double with = s >= doubled[i] ? chance[s - doubled[i]] : 0;
			chance[s] = (chance[s] + with) / 2;
			if (s == 0)
				break;
		}
	}
}

static double chance_up_to(const double *chance, unsigned sum)
{
	double all = 0;
	for (unsigned s = 0; s <= sum; s++)
		all += chance[s];
	return all < 1 ? all : 1;
}

/* The interval runs between two of the ordered Walsh averages: how many lie outside on each side
 * is what the sum of ranks passes with a chance of alpha / 2. */
static void interval(struct signed_rank *result, const double *difference, size_t count,
                     double alpha, double *chance)
{
	static double walsh[SIGNED_RANK_MAX * (SIGNED_RANK_MAX + 1) / 2];
	unsigned plain[SIGNED_RANK_MAX];
	size_t averages = 0, outside = 0;
	double all;

	for (size_t i = 0; i < count; i++) {
		plain[i] = 2 * (unsigned)(i + 1);
		for (size_t j = 0; j <= i; j++)
			walsh[averages++] = (difference[i] + difference[j]) / 2;
	}
	qsort(walsh, averages, sizeof *walsh, by_value);
	result->estimate = statistics_median(walsh, averages);
	distribute(plain, count, chance);
	all = chance[0];
	while (all <= alpha / 2 && outside < averages / 2) {
		outside++;
		all += chance[2 * outside];
	}
	result->low = outside > 0 ? walsh[outside - 1] : -INFINITY;
	result->high = outside > 0 ? walsh[averages - outside] : INFINITY;
}

struct signed_rank signed_rank_of(const double *difference, size_t count, double alpha)
{
	static double chance[SUM_MAX + 1];
	double nonzero[SIGNED_RANK_MAX];
	unsigned doubled[SIGNED_RANK_MAX], plus = 0;
	struct signed_rank result = { .p = 1, .estimate = NAN, .low = -INFINITY, .high = INFINITY };

	count = count < SIGNED_RANK_MAX ? count : SIGNED_RANK_MAX;
	for (size_t i = 0; i < count; i++) {
		if (difference[i] != 0)
			nonzero[result.pairs++] = difference[i];
	}
	if (count > 0)
		interval(&result, difference, count, alpha, chance);
	if (result.pairs == 0)
		return result;
	qsort(nonzero, result.pairs, sizeof *nonzero, by_size);
	rank(nonzero, result.pairs, doubled);
	for (size_t i = 0; i < result.pairs; i++)
		plus += nonzero[i] > 0 ? doubled[i] : 0;
	distribute(doubled, result.pairs, chance);
	result.p = chance_up_to(chance, plus);
	return result;
}

void signed_rank_holm(double *p, size_t count)
{
	bool done[SIGNED_RANK_MAX] = { false };
	double least = 0;

	for (size_t step = 0; step < count && step < SIGNED_RANK_MAX; step++) {
		size_t next = count;
		for (size_t i = 0; i < count; i++) {
			if (!done[i] && (next == count || p[i] < p[next]))
				next = i;
		}
		done[next] = true;
		least = fmax(least, fmin(1, p[next] * (double)(count - step)));
		p[next] = least;
	}
}
