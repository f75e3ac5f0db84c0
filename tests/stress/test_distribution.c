/* Sizes and lives are drawn as they should be: in their range, and in their shares. */
#include "distribution.h"
#include "number.h"
#include "scenario.h"
#include "trace/sizes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

enum { DRAWS = 100000 };

static struct distribution parsed(const char *text)
{
	struct distribution distribution = { 0 };
	char fault[512] = "";

	cr_assert(distribution_parse(&distribution, text, fault, sizeof fault), "%s", fault);
	return distribution;
}

Test(number, takes_units_and_bounds)
{
	uint64_t value = 0;

	cr_assert(number_parse("64", 1, 64, &value) && value == 64);
	cr_assert(number_parse("3K", 1, 10000, &value) && value == 3072);
	cr_assert(number_parse("1G", 0, UINT64_MAX, &value) && value == 1u << 30);
	cr_assert(number_parse("18446744073709551615", 0, UINT64_MAX, &value));
	cr_assert_not(number_parse("18446744073709551616", 0, UINT64_MAX, &value));
	cr_assert_not(number_parse("17179869184G", 0, UINT64_MAX, &value));
	cr_assert_not(number_parse("65", 1, 64, &value));
	cr_assert_not(number_parse("0", 1, 64, &value));
	cr_assert_not(number_parse(" 5", 1, 64, &value));
	cr_assert_not(number_parse("5Kb", 1, 64, &value));
	cr_assert_not(number_parse("K", 0, 64, &value));
	cr_assert_not(number_parse("", 0, 64, &value));
}

Test(distribution, stays_in_its_range_and_reaches_its_ends)
{
	static const char *const text[] = { "fixed 77", "uniform 10 20", "power 16 64" };
	static const uint32_t min[] = { 77, 10, 16 }, max[] = { 77, 20, 64 };
	struct random random;
	uint32_t life = 5;

	random_seed(&random, 1, 2);
	for (int i = 0; i < 3; i++) {
		struct distribution distribution = parsed(text[i]);
		uint32_t least = UINT32_MAX, most = 0;

		for (int draw = 0; draw < DRAWS; draw++) {
			uint32_t bytes = distribution_draw(&distribution, &random, &life);

			least = bytes < least ? bytes : least;
			most = bytes > most ? bytes : most;
		}
		cr_assert_eq(least, min[i], "%s", text[i]);
		cr_assert_eq(most, max[i], "%s", text[i]);
	}
	cr_assert_eq(life, 5, "made-up sizes have no life of their own");
}

Test(distribution, draws_rows_and_lives_in_their_shares)
{
	char path[] = "/tmp/tide-distribution-XXXXXX", text[64];
	struct random random;
	uint32_t small = 0, short_lives = 0, endless = 0;
	int file = mkstemp(path);

	cr_assert(file >= 0);
	/* 3/4 small; of these half live for none, half for 7 to 14; the others never end. */
	dprintf(file, "size 1 8 300 0:150 3:150\nsize 1000 2000 100\n");
	close(file);
	snprintf(text, sizeof text, "recorded %s", path);
	struct distribution distribution = parsed(text);
	unlink(path);

	random_seed(&random, 3, 4);
	for (int draw = 0; draw < DRAWS; draw++) {
		uint32_t life = 0, bytes = distribution_draw(&distribution, &random, &life);

		if (bytes <= 8) {
			small++;
			short_lives += life == 0;
			cr_assert(life == 0 || (life >= 7 && life <= 14), "life %u", life);
		} else {
			cr_assert(bytes >= 1000 && bytes <= 2000);
			endless += life == LIFE_ENDLESS;
		}
	}
	cr_assert(small > DRAWS * 74 / 100 && small < DRAWS * 76 / 100, "%u", small);
	cr_assert(short_lives > small * 48 / 100 && short_lives < small * 52 / 100);
	cr_assert_eq(endless, DRAWS - small);
}

Test(distribution, built_in_ones_can_be_read)
{
	static const char *const name[] = { "redis", "python", "cxx", "sqlite" };
	char fault[512] = "";

	for (int i = 0; i < 4; i++) {
		const struct recorded *recorded = recorded_find(name[i], fault, sizeof fault);

		cr_assert_not_null(recorded, "%s", fault);
		cr_assert_gt(recorded->rows, 20);
		cr_assert_eq(recorded->row[recorded->rows - 1].below, UINT64_C(1) << 32);
		cr_assert_eq(recorded_find(name[i], fault, sizeof fault), recorded);
	}
}

Test(sizes, ranges_follow_one_another)
{
	for (uint32_t range = 0; range < SIZES_RANGES; range++) {
		size_t min = sizes_min_bytes(range), max = sizes_max_bytes(range);

		cr_assert_leq(min, max);
		cr_assert_eq(sizes_range(min), range, "%zu", min);
		cr_assert_eq(sizes_range(max), range, "%zu", max);
		cr_assert(min <= 1024 || max - min < min / 8 + 1, "%zu to %zu", min, max);
	}
	cr_assert_eq(sizes_max_bytes(SIZES_RANGES - 1), (size_t)1 << SIZES_TOP_SHIFT);
	cr_assert_eq(sizes_range(0), 0);
	cr_assert_eq(sizes_range(SIZE_MAX), SIZES_RANGES - 1);
}

static struct scenario three_phases(void)
{
	struct scenario scenario = { .phases = 3 };

	scenario.phase[0].duration_ms = 100;
	scenario.phase[1].duration_ms = 10;
	scenario.phase[2].duration_ms = 50;
	return scenario;
}

Test(scenario, phases_follow_the_clock)
{
	struct scenario scenario = three_phases();

	cr_assert_eq(scenario_cycle_ms(&scenario), 160);
	cr_assert_eq(scenario_phase_at(&scenario, 0, 1000), 0);
	cr_assert_eq(scenario_phase_at(&scenario, 99, 1000), 0);
	cr_assert_eq(scenario_phase_at(&scenario, 100, 1000), 1);
	cr_assert_eq(scenario_phase_at(&scenario, 110, 1000), 2);
	cr_assert_eq(scenario_phase_at(&scenario, 160, 1000), 3);
	cr_assert_eq(scenario_phase_at(&scenario, 160 * 5 + 105, 1000), 16);
	/* Shorter than a cycle: all have their turn. */
	cr_assert_eq(scenario_phase_at(&scenario, 9, 16), 0);
	cr_assert_eq(scenario_phase_at(&scenario, 10, 16), 1);
	cr_assert_eq(scenario_phase_at(&scenario, 15, 16), 2);
}

Test(scenario, phases_follow_the_steps)
{
	struct scenario scenario = three_phases();

	cr_assert_eq(scenario_phase_within(&scenario, 0, 1600), 0);
	cr_assert_eq(scenario_phase_within(&scenario, 1000, 1600), 1);
	cr_assert_eq(scenario_phase_within(&scenario, 1599, 1600), 2);
	cr_assert_eq(scenario_phase_within(&scenario, 5000, 1600), 2, "the last one goes on");
}
