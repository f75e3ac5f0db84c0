/* What shows that a run is alive: on a terminal a small panel, redrawn in place; elsewhere one
 * plain line every 2 s.
 *
 * Touched by  the main thread only.
 */
#ifndef STRESS_PROGRESS_H
#define STRESS_PROGRESS_H

#include "sampler.h"

enum { PROGRESS_CURVES = 4, PROGRESS_CURVE_POINTS = 24 };

struct progress {
	bool quiet, terminal;
	bool pretty; /* the terminal shows more than ASCII */
	bool colour;
	double run_seconds;  /* how long it should take */
	unsigned lines;      /* of the panel that is on the terminal; the cursor is below them */
	struct sample shown; /* what the last line or panel showed */
	size_t points;       /* of the curves, so far */
	double curve[PROGRESS_CURVES][PROGRESS_CURVE_POINTS]; /* rings */
};

void progress_start(struct progress *progress, bool quiet, double run_seconds);
/* Show the sampler's last sample, if it is time. */
void progress_show(struct progress *progress, const struct sampler *sampler,
                   const char *phase_name);
/* A line that stays, above the panel; also when quiet. */
void progress_say(const char *line);
/* Before other output. The last panel stays. */
void progress_end(struct progress *progress);

#endif
