#include "regret.h"

#include "atomic.h"

/* More of what may be retained than that is never held, whatever comes and goes. */
#define REGRET_PARTS 7
/* Times over that it counts: a sweep begins at about half of what may be retained, and what is
 * needed in each round is to stay in the next one. */
#define REGRET_COUNTS 2

/* Bytes given back and not needed again yet, and bytes that were needed again.
 * writers every thread  readers every thread
 * order   relaxed, and one that is lost to a race is advice lost   edges   none */
static _Atomic uint64_t given_bytes, regretted_bytes;

void tide_regret_gave(uint64_t bytes)
{
	tide_store_relaxed(&given_bytes, tide_load_relaxed(&given_bytes) + bytes);
}

TIDE_USUAL void tide_regret_need(uint64_t bytes)
{
	uint64_t given = tide_load_relaxed(&given_bytes);
	uint64_t again = bytes < given ? bytes : given;
	if (again == 0)
		return;
	tide_store_relaxed(&given_bytes, given - again);
	tide_store_relaxed(&regretted_bytes, tide_load_relaxed(&regretted_bytes) + again);
}

TIDE_USUAL uint64_t tide_regret_base(uint64_t live_bytes, uint64_t floor_bytes, uint32_t percent)
{
	uint64_t part = live_bytes / 100 * percent;
	return part > floor_bytes ? part : floor_bytes;
}

uint64_t tide_regret_retain(uint64_t base_bytes)
{
	uint64_t regretted = REGRET_COUNTS * tide_load_relaxed(&regretted_bytes);
	uint64_t most = base_bytes * REGRET_PARTS;
	return base_bytes + (regretted < most ? regretted : most);
}

void tide_regret_age(uint64_t base_bytes)
{
	tide_store_relaxed(&given_bytes, tide_load_relaxed(&given_bytes) / 2);
	uint64_t counts = tide_regret_retain(base_bytes) - base_bytes;
	tide_store_relaxed(&regretted_bytes, counts / REGRET_COUNTS / 2);
}
