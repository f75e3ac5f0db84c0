/* The steps the search is made of. */
#ifndef TUNE_ROUND_H
#define TUNE_ROUND_H

#include "tuner.h"

enum { ROUND_MAX = 128, SCORED_MAX = 256 };

/* The candidate with this setting, a new one if need be. */
unsigned tuner_candidate(struct tuner *tuner, const struct setting *setting);
/* Run the default and each of these once. False: stop. */
bool tuner_round(struct tuner *tuner, enum phase phase, const unsigned *candidate, unsigned count);

#endif
