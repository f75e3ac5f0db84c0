/* Free sets: chunks of one region are taken and freed in any order; which granules are free is
 * known from a plain table, and so is how long each free chunk must be, since no two may be
 * neighbours. */
#include "input.h"

#include "freeset.h"
#include "gc.h"
#include "heap.h"
#include "region.h"

#include <tide/tide.h>

static struct tide_region *region;
static uint16_t issued[TIDE_REGION_GRANULES]; /* at its first granule, how long a taken chunk is */
static bool taken[TIDE_REGION_GRANULES];

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	tide_free(tide_malloc(1));
	(void)tide_gc_stop();
	region = tide_region_map(&tide_heap_default);
	HOLDS(region != NULL);
	tide_gc_region_list(region);
	tide_gc_chunk_free(region, 0, tide_load_relaxed(&region->granules), false);
	return 0;
}

static unsigned free_run(unsigned at)
{
	unsigned run = 0;
	while (at + run < TIDE_REGION_GRANULES && !taken[at + run])
		run++;
	return run;
}

static void compare(void)
{
	HOLDS(tide_region_is_valid(region, TIDE_REGION_GRANULES));
	HOLDS(tide_gc_freeset_is_valid(region, TIDE_REGION_GRANULES));
	for (unsigned at = 0; at < TIDE_REGION_GRANULES;) {
		unsigned granules = taken[at] ? issued[at] : free_run(at);
		unsigned kind = taken[at] ? TIDE_TAG_ISSUED : TIDE_TAG_FREE;
		HOLDS(tide_load_relaxed(&region->tag[at]) == (kind | granules));
		at += granules;
	}
}

static void give(unsigned first, bool dirty)
{
	unsigned granules = issued[first];

	tide_gc_chunk_free(region, first, granules, dirty);
	memset(&taken[first], 0, granules);
	issued[first] = 0;
}

static void take(unsigned granules, unsigned align)
{
	struct tide_region *from;
	unsigned first;

	if (!tide_gc_chunk_take(&tide_heap_default, granules, align, &from, &first)) {
		/* Chunks of a set above 128 granules may be too short; else none is long enough. */
		for (unsigned at = 0; at < TIDE_REGION_GRANULES; at++)
			HOLDS(taken[at] || granules + align > 128 ||
			      free_run(at) < granules + align);
		return;
	}
	HOLDS(from == region && first % align == 0);
	HOLDS(free_run(first) >= granules);
	tide_region_tag(region, first, granules, TIDE_TAG_ISSUED);
	memset(&taken[first], 1, granules);
	issued[first] = (uint16_t)granules;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };

	for (int calls = 0; input.left > 0 && calls < 200; calls++) {
		unsigned call = input_byte(&input), number = input_word(&input);

		if (call % 8 < 4) {
			unsigned at = number % TIDE_REGION_GRANULES;
			while (at < TIDE_REGION_GRANULES && issued[at] == 0)
				at++;
			if (at < TIDE_REGION_GRANULES)
				give(at, call & 64);
		} else {
			take(number % (call & 8 ? 1024 : 96) + 1, 1u << (call / 16 % 3));
		}
		if (calls % 8 == 0)
			compare();
	}
	compare();
	for (unsigned at = 0; at < TIDE_REGION_GRANULES; at++) {
		if (issued[at] != 0)
			give(at, true);
	}
	HOLDS(tide_gc_region_is_free(region));
	return 0;
}
