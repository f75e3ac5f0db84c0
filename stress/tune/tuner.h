/* The search. It is a function of the seed, the plan and what the runs measure, in their order: the
 * same measurements lead to the same runs, which is how a search that was broken off goes on.
 *
 *   start   settings that fill the space; in each rung the worse half is left out (successive
 *           halving: Jamieson, Talwalkar 2016), and the others run more often
 *   local   neighbours of the best by one step of one parameter, or with one parameter back at its
 *           default, and all steps together that were better; likewise halved
 *   final   the best few, the default and the setting the user came with, in runs that had no part
 *           in choosing them
 *
 * All of it goes in rounds. A round runs each of its settings and the default once, in random
 * order, and only ratios to the default within a round are looked at, so what changes on the
 * machine from one round to the next meets all alike.
 *
 * Touched by  one thread. */
#ifndef TUNE_TUNER_H
#define TUNE_TUNER_H

#include "space.h"

enum objective { OBJECTIVE_WALL, OBJECTIVE_CPU, OBJECTIVE_PEAK, OBJECTIVE_P99, OBJECTIVES };
extern const struct objective_row {
	const char *name, *label;
} objective_row[OBJECTIVES];

enum phase { PHASE_WARM_UP, PHASE_START, PHASE_LOCAL, PHASE_FINAL, PHASES };
extern const char *const phase_name[PHASES];

enum { FAULT_BYTES = 256, CANDIDATES_MAX = 1024, RUNS_MAX = 5000, FINALISTS_MAX = 3 };

struct run {
	enum phase phase;
	unsigned round; /* of the whole search */
	unsigned candidate;
	double value[OBJECTIVES]; /* NAN: none */
	double ratio[OBJECTIVES]; /* the logarithm of it to the default's of the round; NAN: none */
	char fault[FAULT_BYTES];  /* "": none */
};

struct candidate {
	struct setting setting;
	bool faulty;
};

/* The default is candidate 0; what the user came with, if it is another, candidate 1. */
enum { CANDIDATE_STANDARD, CANDIDATE_START };

struct plan {
	unsigned runs;         /* at most */
	unsigned start;        /* settings that fill the space */
	unsigned final_rounds; /* and so many are kept for `final` */
	unsigned final_runs;
};

struct tuner {
	struct space space;
	bool wanted[OBJECTIVES]; /* what is to be small: the geometric mean of these */
	bool has_start;
	uint64_t seed;
	struct plan plan;
	struct random random;
	/* Fill in `value` or `fault`. False: stop here. */
	bool (*measure)(void *context, const struct tuner *tuner, struct run *run);
	void *context;

	unsigned candidates, runs, rounds, standard_faults;
	struct candidate candidate[CANDIDATES_MAX];
	struct run run[RUNS_MAX];
	unsigned finalist[FINALISTS_MAX], finalists;
};

/* Candidates 0 and 1, nothing run. `start` may be NULL. */
void tuner_begin(struct tuner *tuner, const struct setting *start);
/* The default alone, once: whether the command works and how long it takes. False: stop. */
bool tuner_warm_up(struct tuner *tuner);
/* How to use `runs` runs. */
void tuner_plan(struct tuner *tuner, unsigned runs);
/* Start, local, final. False: `measure` said stop, or the default kept failing. */
bool tuner_search(struct tuner *tuner);

/* The logarithm of a run's ratio in `objective`, or, with OBJECTIVES, the mean of those that are
 * wanted; NAN: there is none. */
double tuner_ratio(const struct tuner *tuner, const struct run *run, enum objective objective);
/* Those of a candidate's runs in phases `from` to `to`. Returns how many, `room` at most. */
size_t tuner_ratios(const struct tuner *tuner, unsigned candidate, enum objective objective,
                    enum phase from, enum phase to, double *ratio, size_t room);
/* The median of all of them; infinite when there are none. */
double tuner_score(const struct tuner *tuner, unsigned candidate);

#endif
