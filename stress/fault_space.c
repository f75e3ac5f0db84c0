/* The address space ends: by its size (RLIMIT_AS), or by the number of mappings. Both hit every
 * mmap, munmap, mprotect and madvise of the process, so threads can't be started at times
 * either. */
#include "fault_kind.h"

#include "order.h"
#include "proc.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ROOM, AFTER, PERIOD };
/* The last two keys of both. */
#define SPACE_WHEN                                                                                 \
	{ "after", 0, 86400000, 100, "ms from the start", NULL },                                  \
	{                                                                                          \
		"period", 0, 86400000, 0, "ms, one half on and one off; 0: on to the end", NULL    \
	}

/* From `after` on; with a period, half of it on and half of it off. */
static bool is_on(const struct fault *fault, uint64_t elapsed_ms)
{
	uint64_t half_ms = fault->value[PERIOD] / 2;

	if (elapsed_ms < fault->value[AFTER])
		return false;
	return half_ms == 0 || (elapsed_ms - fault->value[AFTER]) / half_ms % 2 == 0;
}

static bool refuses(const struct fault *fault)
{
	(void)fault;
	return true;
}

/* RLIMIT_AS. */

static struct rlimit limit_before;
static bool limit_is_on;

static bool limit_start(struct fault *fault)
{
	if (getrlimit(RLIMIT_AS, &limit_before) == 0)
		return true;
	fault_say(fault, "the limit is not known: %s", strerror(errno));
	return false;
}

static void limit_off(void)
{
	setrlimit(RLIMIT_AS, &limit_before);
	limit_is_on = false;
}

static void limit_tick(struct fault *fault, uint64_t elapsed_ms)
{
	bool on = is_on(fault, elapsed_ms);

	if (on && !limit_is_on) {
		struct rlimit limit = limit_before;

		limit.rlim_cur = proc_mapped_bytes() + (fault->value[ROOM] << 20);
		limit_is_on = setrlimit(RLIMIT_AS, &limit) == 0;
	} else if (!on && limit_is_on) {
		limit_off();
	}
}

static bool limit_lift(struct fault *fault)
{
	(void)fault;
	limit_off();
	return true;
}

/* It was felt when something was refused. */
static uint64_t limit_struck(const struct fault *fault)
{
	uint64_t refused = 0;

	for (uint32_t i = 0; i < fault->run->actors; i++)
		refused += load_relaxed(&fault->run->actor[i].tally.refused);
	return refused;
}

const struct fault_kind fault_address_limit = {
	.name = "address-limit",
	.meaning = "the process may have no more address space (RLIMIT_AS) than at that moment",
	.key = { { "room", 0, 1 << 20, 16, "and so many MiB", NULL }, SPACE_WHEN },
	.start = limit_start,
	.tick = limit_tick,
	.lift = limit_lift,
	.may_refuse = refuses,
	.struck = limit_struck,
	.unit = "allocations refused",
};

/* The number of mappings, all but a few of which are taken by one reservation whose every other
 * page has other rights than its neighbours. */

enum { MAPPINGS_MAX = 2 << 20, PAGES_A_MAPPING = 2 };

static char *taken;
static size_t taken_bytes;
static bool map_is_full;
static uint64_t times_full;

static bool map_start(struct fault *fault)
{
	uint64_t mappings = proc_number("/proc/sys/vm/max_map_count", 0);

	if (mappings == 0 || mappings > MAPPINGS_MAX) {
		fault_say(fault, "a process may have %" PRIu64 " mappings: too many to use up",
		          mappings);
		return false;
	}
	taken_bytes = mappings * PAGES_A_MAPPING * (size_t)sysconf(_SC_PAGESIZE);
	return true;
}

static void map_empty(void)
{
	if (taken != NULL)
		munmap(taken, taken_bytes);
	taken = NULL;
	map_is_full = false;
}

/* Each turn makes two mappings more, or two less. */
static void map_fill(uint64_t room)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), at = page_bytes;

	taken =
	    mmap(NULL, taken_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (taken == MAP_FAILED) {
		taken = NULL;
		return;
	}
	while (at < taken_bytes && mprotect(taken + at, page_bytes, PROT_READ) == 0)
		at += 2 * page_bytes;
	map_is_full = at < taken_bytes;
	times_full += map_is_full;
	for (uint64_t given = 0; given < room && at > page_bytes; given += 2) {
		at -= 2 * page_bytes;
		mprotect(taken + at, page_bytes, PROT_NONE);
	}
}

static void map_tick(struct fault *fault, uint64_t elapsed_ms)
{
	bool on = is_on(fault, elapsed_ms);

	if (on && taken == NULL)
		map_fill(fault->value[ROOM]);
	else if (!on && taken != NULL)
		map_empty();
}

static bool map_lift(struct fault *fault)
{
	(void)fault;
	map_empty();
	return true;
}

static uint64_t map_struck(const struct fault *fault)
{
	(void)fault;
	return times_full;
}

const struct fault_kind fault_map_limit = {
	.name = "map-limit",
	.meaning = "the process may have no more mappings (vm.max_map_count)",
	.key = { { "room", 0, 1 << 20, 0, "but so many", NULL }, SPACE_WHEN },
	.start = map_start,
	.tick = map_tick,
	.lift = map_lift,
	.may_refuse = refuses,
	.struck = map_struck,
	.unit = "times all mappings were in use",
};
