/* The search on made-up measurements, whose optimum and noise are known. */
#include "measure.h"
#include "options_table.h"
#include "tuner.h"
#include "verdict.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_RUNS = 300, SEARCHES = 200 };

/* How the command is to behave. */
struct world {
	double slope; /* each step away from the optimum costs so much of the whole */
	double noise; /* of a run */
	double drift; /* the machine gets slower: of the whole, from run to run */
	struct setting optimum;
	struct random random;
	unsigned standard_fails_from; /* run; 0: never */
	unsigned calls;
};

static double uniform(struct random *random)
{
	return (random_next(random) + 0.5) / 4294967296.0;
}

/* Skewed, as run times are. */
static double noise(struct random *random)
{
	return -log(uniform(random));
}

static bool measure(void *context, const struct tuner *tuner, struct run *run)
{
	struct world *world = context;
	const struct setting *setting = &tuner->candidate[run->candidate].setting;
	double cost = 1 + world->drift * world->calls;

	world->calls++;
	for (unsigned i = 0; i < tuner->space.count; i++)
		cost += world->slope * abs(setting->at[i] - world->optimum.at[i]);
	if (world->standard_fails_from != 0 && run->candidate == CANDIDATE_STANDARD &&
	    world->calls >= world->standard_fails_from)
		strcpy(run->fault, "broken");
	else
		run->value[OBJECTIVE_WALL] = cost * (1 + world->noise * noise(&world->random));
	return true;
}

static struct tuner *search(struct world *world, const char *parameters, uint64_t seed,
                            const struct setting *start, bool *done)
{
	static struct tuner tuner;
	memset(&tuner, 0, sizeof tuner);
	cr_assert(space_of(&tuner.space, parameters));
	tuner.wanted[OBJECTIVE_WALL] = true;
	tuner.seed = seed;
	tuner.measure = measure;
	tuner.context = world;
	world->calls = 0;
	random_seed(&world->random, seed, 99);
	tuner_begin(&tuner, start);
	cr_assert(tuner_warm_up(&tuner));
	tuner_plan(&tuner, ALL_RUNS);
	*done = tuner_search(&tuner);
	cr_assert_leq(tuner.runs, ALL_RUNS);
	return &tuner;
}

static struct setting far_corner(const struct space *space)
{
	struct setting corner = { { 0 } };
	for (unsigned i = 0; i < space->count; i++) {
		unsigned last = space->parameter[i].levels - 1;
		corner.at[i] = space->parameter[i].standard * 2 > last ? 1 : (uint8_t)(last - 1);
	}
	return corner;
}

static const char some[] = "wake-bytes,decay-ms,bin-max-blocks,queue-grow-bins";

static int steps_between(const struct space *space, const struct setting *a,
                         const struct setting *b)
{
	int steps = 0;
	for (unsigned i = 0; i < space->count; i++)
		steps += abs(a->at[i] - b->at[i]);
	return steps;
}

/* Of some 2000 settings, in 300 runs. */
Test(search, finds_a_known_optimum)
{
	struct space space;
	struct world world = { .slope = 0.05 };
	struct verdict verdict;
	unsigned exactly = 0;
	bool done;
	cr_assert(space_of(&space, some));
	world.optimum = far_corner(&space);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct tuner *tuner = search(&world, some, seed, NULL, &done);
		cr_assert(done);
		verdict_of(&verdict, tuner, 0.05, 0.01);
		cr_assert(verdict_found(&verdict));
		int steps = steps_between(&space, &tuner->candidate[verdict.chosen].setting,
		                          &world.optimum);
		cr_assert_leq(steps, 1, "seed %d: %d steps away", (int)seed, steps);
		exactly += steps == 0;
	}
	cr_assert_geq(exactly, 18, "%u of 20", exactly);
}

/* Of searches where nothing makes a difference, no more than alpha may find one; the machine gets
 * slower all the while. */
Test(search, says_that_nothing_beats_the_default)
{
	struct world world = { .noise = 0.1, .drift = 0.002 };
	struct verdict verdict;
	unsigned found = 0;
	bool done;
	for (uint64_t seed = 1; seed <= SEARCHES; seed++) {
		struct tuner *tuner = search(&world, NULL, seed, NULL, &done);
		cr_assert(done);
		verdict_of(&verdict, tuner, 0.05, 0);
		cr_assert_gt(verdict.compared, 0);
		/* Runs that had a part in choosing have none in judging. */
		for (unsigned i = 0; i < verdict.compared; i++)
			cr_assert_eq(verdict.with_standard[i].of[OBJECTIVES].pairs,
			             tuner->plan.final_rounds);
		found += verdict_found(&verdict);
	}
	/* 10 are expected at most; more than 22 has a chance below one in a thousand. */
	cr_assert_leq(found, 22, "%u of %d", found, SEARCHES);
}

Test(search, finds_an_effect_in_noise)
{
	struct world world = { .slope = 0.02, .noise = 0.05, .drift = 0.001 };
	struct space space;
	struct verdict verdict;
	unsigned found = 0;
	bool done;
	cr_assert(space_of(&space, some));
	world.optimum = far_corner(&space);
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct tuner *tuner = search(&world, some, seed, NULL, &done);
		verdict_of(&verdict, tuner, 0.05, 0.01);
		found += verdict_found(&verdict);
		const struct comparison *best = verdict_best(&verdict);
		cr_assert_leq(best->of[OBJECTIVES].low, best->of[OBJECTIVES].estimate);
		cr_assert_geq(best->of[OBJECTIVES].high, best->of[OBJECTIVES].estimate);
	}
	cr_assert_geq(found, 45, "%u of 50", found);
}

/* The default is the optimum; what the user came with is not. */
Test(search, undoes_a_bad_start)
{
	struct space space;
	struct world world = { .slope = 0.05, .noise = 0.02 };
	struct verdict verdict;
	bool done;
	cr_assert(space_of(&space, some));
	world.optimum = space_standard(&space);
	struct setting start = far_corner(&space);
	struct tuner *tuner = search(&world, some, 7, &start, &done);
	cr_assert(tuner->has_start);
	verdict_of(&verdict, tuner, 0.05, 0.01);
	cr_assert_not(verdict_found(&verdict));
	cr_assert(verdict.has_start);
	cr_assert(verdict.with_start.beats);
	/* Once in each round, and nobody else more often than the default. */
	unsigned standard = 0, begun = 0;
	for (unsigned i = 0; i < tuner->runs; i++) {
		standard += tuner->run[i].candidate == CANDIDATE_STANDARD;
		begun += tuner->run[i].candidate == CANDIDATE_START;
	}
	cr_assert_eq(standard, tuner->rounds);
	cr_assert_gt(begun, tuner->plan.final_rounds);
}

Test(search, is_repeatable)
{
	static struct run first[ALL_RUNS];
	struct world world = { .slope = 0.01, .noise = 0.1 };
	bool done;
	struct tuner *tuner = search(&world, NULL, 3, NULL, &done);
	unsigned runs = tuner->runs;
	memcpy(first, tuner->run, runs * sizeof *first);
	tuner = search(&world, NULL, 3, NULL, &done);
	cr_assert_eq(tuner->runs, runs);
	for (unsigned i = 0; i < runs; i++) {
		cr_assert_eq(tuner->run[i].candidate, first[i].candidate);
		cr_assert_eq(tuner->run[i].round, first[i].round);
	}
	tuner = search(&world, NULL, 4, NULL, &done);
	bool differs = tuner->runs != runs;
	for (unsigned i = 0; i < runs && !differs; i++)
		differs = tuner->run[i].candidate != first[i].candidate;
	cr_assert(differs);
}

Test(search, ends_when_the_default_fails)
{
	struct world world = { .slope = 0.01, .standard_fails_from = 50 };
	bool done;
	struct tuner *tuner = search(&world, NULL, 1, NULL, &done);
	cr_assert_not(done);
	cr_assert_lt(tuner->runs, ALL_RUNS);
	cr_assert_str_eq(tuner->run[tuner->runs - 1].fault, "broken");
}

/* Every level is one the option takes, and the default is among them. */
Test(space, has_valid_levels)
{
	struct space space;
	cr_assert(space_of(&space, NULL));
	cr_assert_geq(space.count, 10);
	for (unsigned i = 0; i < space.count; i++) {
		const struct parameter *parameter = &space.parameter[i];
		const struct options_row *row = &options_row[parameter->option];
		cr_assert_geq(parameter->levels, 4);
		cr_assert_eq(parameter->level[parameter->standard], row->standard);
		for (unsigned j = 0; j < parameter->levels; j++) {
			cr_assert_geq(parameter->level[j], row->min);
			cr_assert_leq(parameter->level[j], row->max);
			cr_assert(j == 0 || parameter->level[j - 1] < parameter->level[j]);
		}
	}
}

/* Of as many settings as a parameter has levels, each has another one. */
Test(space, is_filled)
{
	struct space space;
	struct random random;
	struct setting setting[64];
	cr_assert(space_of(&space, NULL));
	random_seed(&random, 1, 1);
	for (unsigned i = 0; i < space.count; i++) {
		const struct parameter *parameter = &space.parameter[i];
		unsigned seen = 0;
		space_fill(&space, &random, setting, parameter->levels);
		for (unsigned j = 0; j < parameter->levels; j++)
			seen |= 1u << setting[j].at[i];
		cr_assert_eq(seen, (1u << parameter->levels) - 1);
	}
}

Test(space, takes_a_value_in_between)
{
	struct space space;
	unsigned at;
	cr_assert(space_of(&space, "decay-ms"));
	struct parameter *parameter = &space.parameter[0];
	unsigned levels = parameter->levels;
	cr_assert(space_include(parameter, 77, &at));
	cr_assert_eq(parameter->levels, levels + 1);
	cr_assert_eq(parameter->level[at], 77);
	cr_assert_eq(parameter->level[parameter->standard], 500);
	cr_assert(space_include(parameter, 77, &at));
	cr_assert_eq(parameter->levels, levels + 1);
}

Test(metric, is_found_where_it_is_printed)
{
	cr_assert_float_eq(measure_find("p50: 3 us, p99: 12.5 us\n", "p99"), 12500, 1e-9);
	cr_assert_float_eq(measure_find("p99=1\np99=2\n", "p99"), 2, 1e-9);
	cr_assert_float_eq(measure_find("p99 (ms): 4\n", "p99"), 4e6, 1e-6);
	cr_assert_float_eq(measure_find("\"p99\": 7,", "p99"), 7, 1e-9);
	cr_assert_float_eq(measure_find("  99%    1.20ms\n", "99%"), 1.2e6, 1e-6);
	cr_assert_float_eq(measure_find("P99 latency 3s", "P99 latency"), 3e9, 1e-3);
	cr_assert(isnan(measure_find("p999: 3, p99.9: 4, xp99: 5", "p99")));
	cr_assert(isnan(measure_find("p99:\n5", "p99")));
	cr_assert(isnan(measure_find("", "p99")));
}
