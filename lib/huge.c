#include "huge.h"

#include "atomic.h"
#include "os.h"

#define DEAR_NS 1000000u
#define SKIPS_FIRST 4u
#define SKIPS_MAX 64u

/* Regions that do without until the next one is tried, and how many they were at first.
 * writers  who maps a region   readers  the same   order  relaxed: advice   edges  none */
static _Atomic uint32_t skips_left;
static _Atomic uint32_t skips_last;

uint32_t tide_huge_skips_after(uint64_t ns, uint32_t before)
{
	if (ns < DEAR_NS)
		return 0;
	if (before == 0)
		return SKIPS_FIRST;
	return before < SKIPS_MAX ? 2 * before : SKIPS_MAX;
}

bool tide_huge_is_dear_racy(void)
{
	return tide_load_relaxed(&skips_last) != 0;
}

bool tide_huge_ask(void *start, size_t bytes, bool used_now)
{
	uint32_t left = tide_load_relaxed(&skips_left);
	if (left > 0) {
		tide_store_relaxed(&skips_left, left - 1);
		return true; /* as it is: small ones, or what the system gives to all */
	}
	if (bytes < TIDE_HUGE_PAGE_BYTES)
		return true;
	tide_os_huge(start, bytes, true);
	if (!used_now)
		return true;
	uint64_t begin_ns = tide_os_clock_ns();
	tide_os_populate(start, TIDE_HUGE_PAGE_BYTES);
	uint32_t skips =
	    tide_huge_skips_after(tide_os_clock_ns() - begin_ns, tide_load_relaxed(&skips_last));
	tide_store_relaxed(&skips_last, skips);
	tide_store_relaxed(&skips_left, skips);
	if (skips > 0)
		tide_os_huge(start, bytes, false);
	return skips == 0;
}
