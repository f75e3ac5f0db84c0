#include "statistics.h"

#include "histogram.h"
#include "peers.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static bool close_to(double a, double b)
{
	return fabs(a - b) < 1e-9 * fabs(b);
}

Test(statistics, median_of_odd_and_even_counts)
{
	double odd[] = { 5, 1, 3 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };

	cr_assert(statistics_median(odd, 3) == 3);
	cr_assert(statistics_median(even, 4) == 2.5);
	cr_assert(statistics_median(one, 1) == 7);
	cr_assert(isnan(statistics_median(one, 0)));
}

Test(statistics, quantiles_lie_on_lines_between_neighbours)
{
	double value[] = { 40, 10, 20, 30 };

	cr_assert(statistics_quantile(value, 4, 0) == 10);
	cr_assert(statistics_quantile(value, 4, 0.25) == 17.5);
	cr_assert(statistics_quantile(value, 4, 1) == 40);
}

Test(statistics, geometric_mean)
{
	double value[] = { 1, 2, 4 };

	cr_assert(close_to(statistics_geometric_mean(value, 3), 2));
	cr_assert(isnan(statistics_geometric_mean(value, 0)));
}

Test(statistics, least_of_what_there_is)
{
	double value[] = { NAN, 3, 2, NAN };

	cr_assert(statistics_least(value, 4) == 2);
	cr_assert(isnan(statistics_least(value, 1)));
}

Test(histogram, small_numbers_are_exact)
{
	static struct histogram histogram;

	for (uint64_t i = 0; i < 20; i++)
		histogram_add(&histogram, i);
	cr_assert(histogram.count == 20 && histogram.max == 19);
	cr_assert(histogram_quantile(&histogram, 0.5) == 10);
	cr_assert(histogram_quantile(&histogram, 1) == 19);
}

/* A quantile is never below the true one, and never more than a step above. */
Test(histogram, quantiles_are_right_to_a_step)
{
	for (uint64_t value = 1; value < UINT64_MAX / 3; value = value * 3 + 1) {
		static struct histogram histogram;

		memset(&histogram, 0, sizeof histogram);
		histogram_add(&histogram, value);
		histogram_add(&histogram, value);
		histogram_add(&histogram, UINT64_MAX);
		uint64_t median = histogram_quantile(&histogram, 0.5);
		cr_assert(median >= value && median - value <= value / HISTOGRAM_STEPS);
		cr_assert(histogram_quantile(&histogram, 1) == UINT64_MAX);
	}
}

Test(histogram, buckets_ascend_and_end_in_range)
{
	uint32_t last = 0;

	for (uint64_t value = 0; value < 1 << 20; value++) {
		uint32_t bucket = histogram_bucket(value);

		cr_assert(bucket == last || bucket == last + 1);
		last = bucket;
	}
	cr_assert(histogram_bucket(UINT64_MAX) == HISTOGRAM_BUCKETS - 1);
}

Test(histogram, merged_counts_add_up)
{
	static struct histogram a, b;

	histogram_add(&a, 5);
	histogram_add(&b, 7);
	histogram_add(&b, 1000);
	histogram_merge(&a, &b);
	cr_assert(a.count == 3 && a.max == 1000);
	cr_assert(histogram_quantile(&a, 0.5) == 7);
}

Test(peers, serves_only_what_it_is)
{
	struct peer glibc = { .name = "glibc" };
	struct peer library = { .name = "x", .path = "/somewhere/libx.so.2" };

	cr_assert(peer_serves(&glibc, "libc.so.6"));
	cr_assert(peer_serves(&glibc, "/lib/x86_64-linux-gnu/libc.so.6"));
	cr_assert(!peer_serves(&glibc, "libjemalloc.so.2"));
	cr_assert(!peer_serves(&glibc, "libcrypto.so.3"));
	cr_assert(!peer_serves(&glibc, "libc.so.6+libjemalloc.so.2"));
	cr_assert(peer_serves(&library, "libx.so.2"));
	cr_assert(!peer_serves(&library, "libc.so.6"));
	cr_assert(!peer_serves(&library, "libx.so.2 + libc.so.6"));
	cr_assert(!peer_serves(&library, "/elsewhere/libx.so.2"));
}
