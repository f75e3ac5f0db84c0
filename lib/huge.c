#include "huge.h"

#include "atomic.h"
#include "config.h"
#include "os.h"

#define DEAR_NS 1000000u
#define SKIPS_FIRST 4u
#define SKIPS_MAX 64u
#define DEAR_FOR_NS (2ull * 1000000000u)

/* Regions that do without until the next one is timed; how many they were at first; and when a page
 * was dear last.
 * writers  who maps or opens a region   readers  every thread   order  relaxed: advice
 * edges    none */
static _Atomic uint32_t skips_left;
static _Atomic uint32_t skips_last;
static _Atomic uint64_t dear_at_ns;

uint32_t tide_huge_skips_after(uint64_t ns, uint32_t before)
{
	if (ns < DEAR_NS)
		return 0;
	if (before == 0)
		return SKIPS_FIRST;
	return before < SKIPS_MAX ? 2 * before : SKIPS_MAX;
}

bool tide_huge_is_dear(void)
{
	uint64_t at_ns = tide_load_relaxed(&dear_at_ns);
	return at_ns != 0 && tide_os_clock_ns() - at_ns < DEAR_FOR_NS;
}

bool tide_huge_ask(void *start, size_t bytes)
{
	uint32_t left = tide_load_relaxed(&skips_left);
	if (left > 0)
		tide_store_relaxed(&skips_left, left - 1);
	if (left > 0 || bytes < TIDE_HUGE_PAGE_BYTES)
		return false;
	tide_os_huge(start, bytes, true);
	return true;
}

void tide_huge_time(void *start, size_t bytes)
{
	uint64_t begin_ns = tide_os_clock_fine_ns();
	tide_os_populate(start, TIDE_PAGE_BYTES);
	uint32_t skips = tide_huge_skips_after(tide_os_clock_fine_ns() - begin_ns,
	                                       tide_load_relaxed(&skips_last));
	tide_store_relaxed(&skips_last, skips);
	tide_store_relaxed(&skips_left, skips);
	if (skips == 0)
		return;
	tide_store_relaxed(&dear_at_ns, tide_os_clock_ns());
	tide_os_huge(start, bytes, false);
}
