/* See scenario.h. */
#include "scenario.h"

/* The second growth asks for other sizes than the first left behind: what was freed must be merged
 * and cut anew, or the heap grows with every cycle. */
static const struct phase mixed_phase[] = {
	{ "grow", PHASE_GROW, 2000, 80, 16, 32 << 10 },
	{ "drop", PHASE_DROP, 200, 90, 0, 0 },
	{ "idle", PHASE_IDLE, 500, 0, 0, 0 },
	{ "regrow", PHASE_GROW, 1600, 60, 320, 16 << 10 },
	{ "drop", PHASE_DROP, 200, 90, 0, 0 },
	{ "idle", PHASE_IDLE, 500, 0, 0, 0 },
};

const struct scenario scenario_mixed = {
	.name = "mixed",
	.phase = mixed_phase,
	.phases = sizeof mixed_phase / sizeof mixed_phase[0],
	.working_slots = 160000,
	.pair_every = 4,
	.life_steps = 300000,
	.large_one_in = 2000,
	.calloc_one_in = 10,
	.aligned_one_in = 25,
	.large_max_bytes = 4 << 20,
	.align_max_shift = 12,
	.resize_one_in = 12,
	.exchange_one_in = 8,
	.mayfly_one_in = 60000,
	.resize_chain_max = 8,
	.exchange_slots = 4096,
	.pair_slots = 1024,
	.burst_blocks = 64,
	.mayfly_blocks = 300,
};

uint32_t scenario_cycle_ms(const struct scenario *scenario)
{
	uint32_t sum_ms = 0;

	for (uint32_t i = 0; i < scenario->phases; i++)
		sum_ms += scenario->phase[i].duration_ms;
	return sum_ms;
}
