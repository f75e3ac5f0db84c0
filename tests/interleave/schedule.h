/* Two or three threads in every order that matters.
 *
 * A scenario's threads are real threads, but only the one that has the baton runs; at a yield point
 * (lib/yield.h) it may pass to another. Which thread goes on at each point is a schedule, and the
 * schedules are searched as M. Musuvathi and S. Qadeer do it (iterative context bounding, PLDI
 * 2007; CHESS, OSDI 2008): first those that let each thread run until it ends or waits, then those
 * with one preemption, then with two. Every schedule is run in a process of its own, from the state
 * that set_up left.
 *
 * What that covers is sequential consistency, at the grain of the yield points. Orders that only a
 * processor or compiler makes are not seen here.
 *
 * A wait on a futex and its wake are the scheduler's, and so is the clock: it stands still until
 * nobody can run but who waits with a limit; then the first limit passes. That a limit passes
 * earlier counts as a preemption. A wait that nobody ends is a fault.
 *
 * Freezing: a thread is stopped at a point for ever, at any point of any schedule searched, one
 * thread in each; the others must come to their end all the same.
 *
 *   program [SCENARIO]    all scenarios, or one
 *   INTERLEAVE_BOUND      preemptions in a schedule (2)
 *   INTERLEAVE_LIMIT      schedules for each scenario (0: no limit)
 *   INTERLEAVE_REPLAY     the one schedule to run, as printed with a fault
 *   INTERLEAVE_POINTS     a file to add the names of the points to that were met
 */
#ifndef TIDE_TESTS_INTERLEAVE_SCHEDULE_H
#define TIDE_TESTS_INTERLEAVE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yield.h"

#define SCENARIO_THREADS 3
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct scenario {
	const char *name;
	void (*set_up)(void); /* once, before any schedule; may be NULL */
	void (*thread[SCENARIO_THREADS])(void);
	/* What is wrong, or NULL: at each point, and when all threads have ended. May be NULL. */
	const char *(*always)(void);
	const char *(*check)(void);
	/* Prefixes of the points that count, each with a blank after it; NULL: all. */
	const char *points;
	/* A point that some schedule has to come to, else the search went past its subject. */
	const char *must_meet;
	bool freezes;   /* search schedules in which one thread is frozen, too */
	bool exits;     /* threads run their destructors at the end */
	unsigned limit; /* schedules; 0: the default */
};

int scenarios_main(int argc, char **argv, const struct scenario *scenario, size_t count);

/* For the functions of a scenario. */

/* End this schedule as a fault. */
_Noreturn void schedule_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define schedule_must(condition)                                                                   \
	((condition) ? (void)0 : schedule_fail("line %d: not so: %s", __LINE__, #condition))
/* The calling thread; the frozen one (-1: none). */
int schedule_self(void);
int schedule_frozen(void);
/* Whether the thread has come to its end. */
bool schedule_has_ended(int thread);
/* The point at which it stands; "" while it runs. */
const char *schedule_point(int thread);
/* Waits that ended only because nobody else could run. */
unsigned schedule_idle_waits(void);
/* Let the clock run on. */
void schedule_pass_ns(uint64_t ns);

#endif
