/* What the tests of the GC share. A test here is the GC: it has the only thread, so it touches the
 * GC's state directly, as the holder of the token would. */
#ifndef TIDE_TESTS_GC_SUPPORT_H
#define TIDE_TESTS_GC_SUPPORT_H

#include <criterion/criterion.h>

#include "../api/support.h"

#include "freeset.h"
#include "slabset.h"

#include "options.h"
#include "pagemap.h"
#include "queue.h"
#include "token.h"

static inline bool bit_of(const uint64_t *words, unsigned bit)
{
	return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

/* Options read, queues at their first levels. */
static inline void process_begins(void)
{
	tide_free(tide_malloc(1));
}

/* A region in which no frontier stands: one free chunk. */
static inline struct tide_region *free_region(void)
{
	struct tide_region *region = tide_region_map(&tide_heap_default);

	cr_assert_not_null(region);
	tide_gc_region_list(region);
	tide_gc_chunk_free(region, 0, tide_load_relaxed(&region->granules), false);
	return region;
}

/* Take and tag as a medium block is. */
static inline bool chunk_issue(unsigned granules, unsigned align, struct tide_region **region,
                               unsigned *first)
{
	if (!tide_gc_chunk_take(&tide_heap_default, granules, align, region, first))
		return false;
	tide_region_tag(*region, *first, granules, TIDE_TAG_ISSUED);
	return true;
}

static inline void assert_audit(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

/* The next tick of the decay clock is due, whatever the time. */
static inline void clock_is_due(void)
{
	tide_heap_default.gc.tick_start_ns = 0;
}

/* One whole tick: its start, and its sweep to the end. */
static inline void tick(void)
{
	clock_is_due();
	while (tide_gc_release_step(&tide_heap_default, UINT32_MAX) == GC_WORKED) {
	}
}

/* All garbage into the free sets. */
static inline void drain_everything(void)
{
	while (tide_gc_drain_strays(&tide_heap_default) == GC_WORKED ||
	       tide_gc_drain_all(&tide_heap_default, 64, UINT32_MAX) > 0) {
	}
}

#endif
