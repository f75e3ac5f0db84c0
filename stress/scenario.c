/* See scenario.h. */
#include "scenario.h"

uint32_t scenario_cycle_ms(const struct scenario *scenario)
{
	uint32_t sum_ms = 0;

	for (uint32_t i = 0; i < scenario->phases; i++)
		sum_ms += scenario->phase[i].duration_ms;
	return sum_ms;
}

/* Within one cycle. */
static uint32_t phase_of(const struct scenario *scenario, uint64_t cycle_ms)
{
	uint32_t number = 0;

	while (number + 1 < scenario->phases && cycle_ms >= scenario->phase[number].duration_ms)
		cycle_ms -= scenario->phase[number++].duration_ms;
	return number;
}

uint32_t scenario_phase_within(const struct scenario *scenario, uint64_t moment, uint64_t length)
{
	double part = (double)moment / (double)length;

	return phase_of(scenario, (uint64_t)(part * scenario_cycle_ms(scenario)));
}

uint32_t scenario_phase_at(const struct scenario *scenario, uint64_t elapsed_ms, uint64_t run_ms)
{
	uint64_t cycle_ms = scenario_cycle_ms(scenario);

	if (run_ms < cycle_ms)
		return scenario_phase_within(scenario, elapsed_ms, run_ms);
	return (uint32_t)(elapsed_ms / cycle_ms) * scenario->phases +
	       phase_of(scenario, elapsed_ms % cycle_ms);
}
