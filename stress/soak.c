/* See soak.h. */
#include "soak.h"

bool soak_start(struct soak *soak, double hours)
{
	soak->hours = (uint64_t)hours;
	return true;
}

void soak_tick(struct soak *soak, const struct sampler *sampler)
{
	(void)soak;
	(void)sampler;
}

bool soak_verdict(const struct soak *soak)
{
	(void)soak;
	return true;
}
