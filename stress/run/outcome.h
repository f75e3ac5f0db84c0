/* What came of a run: for people, and as JSON for programs.
 *
 *   command[], status (as a shell has it), signal (0: none), error (null: it was started)
 *   wall_s, user_s, system_s, cpu_s, peak_rss_bytes
 *   served          true: malloc was Tide's; false: it can't have been; null: not known
 *   why_not         null, or why that is
 *   processes, returned_bytes, gc_cpu_s, gc_share    null without statistics
 *   gc_is_bound     true: the GC took no more than that
 *   statistics      of the process that mapped most, as TIDE_STATS writes it: all, classes
 *   advice[] */
#ifndef RUN_OUTCOME_H
#define RUN_OUTCOME_H

#include "advice.h"
#include "launch.h"
#include "program.h"

#include <stdio.h>

struct outcome {
	char *const *command;
	struct launched launched;
	struct program program;
	struct figures figures;
	bool stats_taken; /* TIDE_STATS was asked to do something else */
	bool no_folder;   /* there was none in which processes could tell theirs */
	struct advice advice;
};

/* Processor time of the command, and of GC threads, which is a part of it. */
double outcome_cpu_s(const struct outcome *outcome);
double outcome_gc_s(const struct outcome *outcome);
/* Fill in the advice. */
void outcome_judge(struct outcome *outcome);
/* Why there are no statistics, as a sentence; NULL: there are. */
const char *outcome_why_no_figures(const struct outcome *outcome, char text[512]);
void outcome_print(FILE *out, const struct outcome *outcome);
json_t *outcome_json(const struct outcome *outcome);

#endif
