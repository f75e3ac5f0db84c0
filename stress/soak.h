/* Runs of hours: does resident memory plateau? Placeholder: nothing is judged. */
#ifndef STRESS_SOAK_H
#define STRESS_SOAK_H

#include "sampler.h"

struct soak {
	uint64_t hours;
};

bool soak_start(struct soak *soak, double hours);
void soak_tick(struct soak *soak, const struct sampler *sampler);
bool soak_verdict(const struct soak *soak);

#endif
