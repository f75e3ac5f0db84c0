/* What the process that searches and the process that runs one schedule share. */
#ifndef TIDE_TESTS_INTERLEAVE_RECORD_H
#define TIDE_TESTS_INTERLEAVE_RECORD_H

#include "schedule.h"

/* A scenario's threads, and those the library starts. */
enum { THREADS_MAX = 5, STEPS_MAX = 4000, NOBODY = 7 };

/* A choice: the thread that goes on, and whether the one that stopped is frozen. */
enum { CHOICE_THREAD = 0x0f, CHOICE_FREEZES = 0x80 };

struct step {
	const char *point; /* where the chosen thread stood */
	uint8_t choice;
	uint8_t current; /* who came to this point, NOBODY at first */
	uint8_t ready;   /* threads that could go on, as bits */
	uint8_t limited; /* threads that wait with a limit */
};

struct record {
	/* In: the first so many choices; then no thread is preempted. */
	unsigned forced;
	uint8_t forced_choice[STEPS_MAX];
	/* Out. */
	unsigned steps;
	struct step step[STEPS_MAX];
	bool ended;
	char fault[512];
};

/* The calling thread's points are no steps any more. */
void schedule_leave(void);
/* Run one schedule, in a process that is there for nothing else. */
_Noreturn void schedule_run(const struct scenario *scenario, struct record *record);

#endif
