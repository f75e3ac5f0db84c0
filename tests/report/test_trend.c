#include <criterion/criterion.h>

#include "trend.h"

#include <math.h>

enum { POINTS = 100 };

/* Repeatable noise in [-1, 1]. */
static double noise(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return (double)(*state >> 16 & 0x7fff) / 16384 - 1;
}

Test(trend, a_line_is_its_own_slope)
{
	double value[POINTS];

	for (int i = 0; i < POINTS; i++)
		value[i] = 1000 + 3 * i;
	struct trend trend = trend_of(value, POINTS);
	cr_assert_eq(trend.points, POINTS);
	cr_assert_float_eq(trend.slope, 3, 1e-9);
	cr_assert_float_eq(trend.growth, 3 * (POINTS - 1), 1e-6);
	cr_assert_float_eq(trend.median, 1000 + 3 * (POINTS - 1) / 2.0, 1e-9);
	cr_assert_gt(trend.sigma, 10);
}

Test(trend, noise_is_chance)
{
	double value[POINTS];
	unsigned state = 1;

	for (int i = 0; i < POINTS; i++)
		value[i] = 1000 + 100 * noise(&state);
	struct trend trend = trend_of(value, POINTS);
	cr_assert_lt(fabs(trend.sigma), 2.6, "%f", trend.sigma);
}

Test(trend, a_slow_rise_shows_through_noise)
{
	double value[POINTS];
	unsigned state = 1;

	for (int i = 0; i < POINTS; i++)
		value[i] = 1000 + 100 * noise(&state) + 2 * i;
	struct trend trend = trend_of(value, POINTS);
	cr_assert_gt(trend.sigma, 5, "%f", trend.sigma);
	cr_assert(trend.slope > 1 && trend.slope < 3, "%f", trend.slope);
}

Test(trend, falling_is_below_zero)
{
	double value[POINTS];

	for (int i = 0; i < POINTS; i++)
		value[i] = -i;
	struct trend trend = trend_of(value, POINTS);
	cr_assert_lt(trend.sigma, -10);
	cr_assert_lt(trend.growth, 0);
}

Test(trend, outliers_do_not_move_it)
{
	double value[POINTS];

	for (int i = 0; i < POINTS; i++)
		value[i] = i % 10 == 9 ? 1e9 : 1000;
	struct trend trend = trend_of(value, POINTS);
	cr_assert_float_eq(trend.median, 1000, 1e-9);
	cr_assert_float_eq(trend.slope, 0, 1e-9);
}

Test(trend, few_points_tell_nothing)
{
	double value[] = { 5, 9 };

	cr_assert_eq(trend_of(value, 0).points, 0);
	cr_assert_float_eq(trend_of(value, 1).slope, 0, 0);
	cr_assert_lt(trend_of(value, 2).sigma, 2);
}
