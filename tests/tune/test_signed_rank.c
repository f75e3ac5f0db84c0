/* Wilcoxon's test against figures that can be counted by hand, or are in every table. */
#include "signed_rank.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect_close(double a, double b)
{
	cr_assert(fabs(a - b) < 1e-12, "%.15g is not %.15g", a, b);
}

/* Differences whose ranks are 1 to n, those in `plus` above 0. */
static struct signed_rank of_ranks(size_t n, const size_t *plus, size_t plusses)
{
	double difference[SIGNED_RANK_MAX];
	for (size_t i = 0; i < n; i++)
		difference[i] = -(double)(i + 1);
	for (size_t i = 0; i < plusses; i++)
		difference[plus[i] - 1] = (double)plus[i];
	return signed_rank_of(difference, n, 0.05);
}

Test(signed_rank, all_below)
{
	for (size_t n = 1; n <= 30; n++)
		expect_close(of_ranks(n, NULL, 0).p, ldexp(1, -(int)n));
}

/* The critical value of n = 10, two-sided 0.05, is 8: 25 of 1024 sets of ranks sum up to it. */
Test(signed_rank, table)
{
	expect_close(of_ranks(10, (const size_t[]){ 8 }, 1).p, 25.0 / 1024);
	expect_close(of_ranks(10, (const size_t[]){ 3, 5 }, 2).p, 25.0 / 1024);
	expect_close(of_ranks(3, (const size_t[]){ 3 }, 1).p, 5.0 / 8); /* {} {1} {2} {3} {1,2} */
	expect_close(of_ranks(3, (const size_t[]){ 1, 2, 3 }, 3).p, 1);
}

/* Ranks 1.5 1.5 3.5 3.5; the sums up to 1.5 are those of {}, {first}, {second}. */
Test(signed_rank, ties)
{
	struct signed_rank of = signed_rank_of((const double[]){ 1, -1, -2, -2, 0, 0 }, 6, 0.05);
	cr_assert_eq(of.pairs, 4);
	expect_close(of.p, 3.0 / 16);
}

Test(signed_rank, nothing)
{
	struct signed_rank of = signed_rank_of((const double[]){ 0, 0, 0 }, 3, 0.05);
	cr_assert_eq(of.pairs, 0);
	expect_close(of.p, 1);
	expect_close(of.estimate, 0);
	of = signed_rank_of(NULL, 0, 0.05);
	expect_close(of.p, 1);
	cr_assert(isnan(of.estimate));
}

/* For n = 10 it runs from the 9th Walsh average to the 9th from above (table: 8 outside). */
Test(signed_rank, interval)
{
	struct signed_rank of = of_ranks(10, NULL, 0);
	double walsh[55];
	size_t count = 0;
	for (int i = 1; i <= 10; i++) {
		for (int j = 1; j <= i; j++)
			walsh[count++] = -(i + j) / 2.0;
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i; j > 0 && walsh[j - 1] > walsh[j]; j--) {
			double kept = walsh[j];
			walsh[j] = walsh[j - 1];
			walsh[j - 1] = kept;
		}
	}
	expect_close(of.estimate, -5.5);
	expect_close(of.low, walsh[8]);
	expect_close(of.high, walsh[55 - 9]);
	/* Five can't have one at 0.05: the chance of all on one side is 1/32. */
	cr_assert(isinf(of_ranks(5, NULL, 0).low));
	cr_assert(isfinite(of_ranks(6, NULL, 0).low));
}

Test(signed_rank, holm)
{
	double p[] = { 0.04, 0.01, 0.03 };
	signed_rank_holm(p, 3);
	expect_close(p[1], 0.03);
	expect_close(p[2], 0.06);
	expect_close(p[0], 0.06); /* no smaller than the one before */
	double large[] = { 0.9, 0.6 };
	signed_rank_holm(large, 2);
	expect_close(large[0], 1);
}
