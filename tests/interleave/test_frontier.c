/* frontier.c: fresh memory is handed out once, at the end of a slab and of a region as well; what
 * is left behind reaches the GC; and no region goes while memory is faulted in there. */
#include "support.h"

#include "frontier.h"
#include "gc.h"
#include "heap.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"

#include <string.h>
#include <tide/tide.h>

enum { KIB = 1024, CLS = 32, PIECES_MAX = 64, MOST_BYTES = 128 * KIB };

#define POINTS "frontier. test."

/* What was handed out. */
static struct piece {
	uintptr_t start;
	size_t bytes;
} piece[PIECES_MAX];
static unsigned pieces;

static void note(const void *block, size_t bytes)
{
	schedule_must(block != NULL && pieces < PIECES_MAX);
	piece[pieces].start = (uintptr_t)block;
	piece[pieces++].bytes = bytes;
}

static const char *none_overlap(void)
{
	for (unsigned i = 0; i < pieces; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (piece[i].start < piece[j].start + piece[j].bytes &&
			    piece[j].start < piece[i].start + piece[i].bytes)
				return "the same memory was handed out twice";
		}
	}
	return NULL;
}

static struct tide_region *region_of_first(void)
{
	return tide_pagemap_region(piece[0].start);
}

/* The end of a slab. */

static void carve(unsigned want)
{
	struct tide_bin *bin = tide_bin_new(CLS, TIDE_BIN_SLOTS);

	schedule_must(bin != NULL);
	unsigned taken = tide_frontier_carve(&tide_heap_default, bin, want);
	schedule_must(taken > 0 && taken <= want && bin->count == taken);
	while (bin->count > 0)
		note(tide_bin_take(bin), tide_class_bytes(CLS));
}

static void carve_all_but_two(void)
{
	tide_options_set(TIDE_OPTION_PREFAULT_BYTES, 0);
	while (pieces + 2 < tide_slab_shape[CLS].blocks)
		carve(1);
}

static void carve_two_twice(void)
{
	carve(2);
	carve(2);
}

static void carve_three(void)
{
	carve(3);
}

/* Every slab that was cut from the region is used up before another one is cut. */
static const char *no_slab_is_lost(void)
{
	struct tide_region *region = region_of_first();
	unsigned granules = tide_slab_shape[CLS].pages * TIDE_PAGE_GRANULES;
	unsigned blocks = tide_frontier_end(region) / granules * tide_slab_shape[CLS].blocks;

	if (tide_frontier_carved_racy(&tide_heap_default.frontier, CLS) != pieces)
		return "the count of carved blocks is wrong";
	if (schedule_frozen() >= 0)
		return none_overlap();
	while (pieces < blocks)
		carve(1);
	if (tide_frontier_end(region) / granules * tide_slab_shape[CLS].blocks != blocks)
		return "a slab was lost";
	return none_overlap();
}

/* A thread frozen after its exchange has what it carved, uncounted as yet. */
static const char *others_carve_on(void)
{
	return none_overlap();
}

/* The end of a region. */

static void get(size_t bytes)
{
	note(tide_malloc(bytes), bytes);
}

/* A region of 1 MiB, of which so much is left. */
static void small_region(size_t left_bytes)
{
	tide_options_set(TIDE_OPTION_GC, 0);
	get(64);
	tide_os_fault_plan(TIDE_OS_MMAP, 0, 2); /* twice half the size */
	get(MOST_BYTES);
	tide_os_fault_plan(0, 0, 0);
	struct tide_region *region = tide_pagemap_region(piece[1].start);
	schedule_must(tide_load_relaxed(&region->granules) == KIB);
	size_t bytes = KIB * (size_t)KIB - MOST_BYTES - left_bytes;
	for (; bytes >= MOST_BYTES; bytes -= MOST_BYTES)
		get(MOST_BYTES);
	if (bytes > 0)
		get(bytes);
}

static void room_for_one_more(void)
{
	small_region(96 * KIB);
}

static void get_one(void)
{
	get(64 * KIB);
}

static const char *books_are_right(void)
{
	const char *wrong = none_overlap();

	return wrong != NULL ? wrong : tide_gc_audit();
}

/* The frontier moved to a new region, the old one was unmapped, and its descriptor stands for
 * another one, in which the frontier stands where it did when a thread looked. */

static struct tide_region *first_region;
static unsigned look_granule;

static void old_region_with_room(void)
{
	small_region(MOST_BYTES);
	first_region = tide_pagemap_region(piece[1].start);
	look_granule = tide_frontier_end(first_region);
}

static void get_a_quarter(void)
{
	get(MOST_BYTES / 4);
}

/* So many large blocks, out of a small region if there must be a new one. Where there need not be,
 * the plan may hit a bin; then that block is got at the next try. */
static void get_most(unsigned times)
{
	tide_os_fault_plan(TIDE_OS_MMAP, 0, 2);
	for (; times > 0; times--) {
		void *block = tide_malloc(MOST_BYTES);
		if (block == NULL)
			tide_os_fault_plan(0, 0, 0);
		note(block != NULL ? block : tide_malloc(MOST_BYTES), MOST_BYTES);
	}
	tide_os_fault_plan(0, 0, 0);
}

static void move_on_and_come_back(void)
{
	unsigned old = pieces;
	uint64_t unmaps = tide_load_relaxed(&tide_heap_default.regions.unmaps);

	get_most(1); /* what was left in the old region */
	get_most(1); /* a second region */
	for (unsigned i = 1; i <= old; i++) {
		tide_free((void *)piece[i].start);
		piece[i].bytes = 0;
	}
	(void)tide_purge();
	get_most(7);
	TIDE_YIELD("test.full");
	get_most(7);
	/* What thread 0 looked at was true, was not, and is again. */
	if (schedule_point(0)[0] == 'f' &&
	    tide_load_relaxed(&tide_heap_default.regions.unmaps) == unmaps + 1 &&
	    tide_frontier_is_in(first_region) && tide_frontier_end(first_region) == look_granule)
		TIDE_YIELD("test.came_back");
}

/* As above; but the region that comes back is a quarter as long, so what a thread read of the
 * length is true no more. */

enum { LOOK_BYTES = 960 * KIB };

static void long_region_to_where_a_short_one_ends(void)
{
	tide_options_set(TIDE_OPTION_GC, 0);
	get(64);
	for (size_t bytes = LOOK_BYTES; bytes > LOOK_BYTES % MOST_BYTES; bytes -= MOST_BYTES)
		get(MOST_BYTES);
	get(LOOK_BYTES % MOST_BYTES);
	first_region = tide_pagemap_region(piece[1].start);
	look_granule = tide_frontier_end(first_region);
	schedule_must(look_granule == LOOK_BYTES / KIB &&
	              tide_load_relaxed(&first_region->granules) == TIDE_REGION_GRANULES);
}

static void get_what_is_too_long_for_the_rest(void)
{
	get(MOST_BYTES);
}

static void come_back_shorter(void)
{
	uint64_t unmaps = tide_load_relaxed(&tide_heap_default.regions.unmaps);

	/* The last of these is in a second region. */
	get_most((TIDE_REGION_BYTES - LOOK_BYTES) / MOST_BYTES + 1);
	for (unsigned i = 1; i < pieces; i++) {
		if (tide_pagemap_region(piece[i].start) == first_region) {
			tide_free((void *)piece[i].start);
			piece[i].bytes = 0;
		}
	}
	(void)tide_purge();
	get_most((KIB * KIB - MOST_BYTES) / MOST_BYTES); /* the rest of that */
	TIDE_YIELD("test.full");
	get_most(LOOK_BYTES / MOST_BYTES);
	get(LOOK_BYTES % MOST_BYTES);
	if (schedule_point(0)[0] == 'f' &&
	    tide_load_relaxed(&tide_heap_default.regions.unmaps) == unmaps + 1 &&
	    tide_load_relaxed(&first_region->granules) == KIB &&
	    tide_frontier_is_in(first_region) && tide_frontier_end(first_region) == look_granule)
		TIDE_YIELD("test.came_back");
}

static const char *none_ends_beyond_its_region(void)
{
	for (unsigned i = 0; i < pieces; i++) {
		struct tide_region *region = tide_pagemap_region(piece[i].start);
		if (piece[i].bytes == 0)
			continue;
		if (region == NULL || piece[i].start + piece[i].bytes >
		                          tide_load_relaxed(&region->base) +
		                              (uintptr_t)tide_load_relaxed(&region->granules) * KIB)
			return "memory beyond the end of a region was handed out";
	}
	return books_are_right();
}

/* A region goes while others look at it as the frontier. */

static void leave_and_purge(void)
{
	unsigned old = pieces;

	/* Without a plan of faults, which the other thread would run into. */
	get(MOST_BYTES);
	get(MOST_BYTES); /* does not fit any more, if nothing else was taken before */
	for (unsigned i = 1; i < old; i++) {
		tide_free((void *)piece[i].start);
		piece[i].bytes = 0;
	}
	(void)tide_purge();
}

static void get_two_quarters(void)
{
	get_a_quarter();
	get_a_quarter();
}

/* A block that grows at the frontier, and one that is taken there. */

static void last_block(void)
{
	note(tide_frontier_chunk(&tide_heap_default, tide_class_of(9 * KIB), TIDE_GRANULE_BYTES),
	     9 * KIB);
}

static void grow_last(void)
{
	if (tide_frontier_extend((void *)piece[0].start, tide_class_of(9 * KIB),
	                         tide_class_of(20 * KIB)))
		piece[0].bytes = 20 * KIB;
}

static void take_behind(void)
{
	note(tide_frontier_chunk(&tide_heap_default, tide_class_of(10 * KIB), TIDE_GRANULE_BYTES),
	     10 * KIB);
}

static const char *tags_tile(void)
{
	struct tide_region *region = region_of_first();

	if (!tide_region_is_valid(region, tide_frontier_end(region)))
		return "the tags do not tile the region";
	if (tide_pagemap_class(piece[0].start) != tide_class_of(piece[0].bytes))
		return "the block's class is not its size's";
	return none_overlap();
}

/* Faulting in beyond the frontier, in a region that goes. */

static struct tide_region *doomed;
static bool gone;

static void take_pages(size_t bytes)
{
	note(tide_frontier_chunk(&tide_heap_default, tide_class_of(bytes), TIDE_PAGE_BYTES), bytes);
}

static void slab_region_with_little_left(void)
{
	size_t bytes = TIDE_REGION_BYTES - 256 * KIB;

	for (; bytes > 0; bytes -= MOST_BYTES)
		take_pages(MOST_BYTES);
	doomed = region_of_first();
	schedule_must(!tide_frontier_prefault_ahead(&tide_heap_default.frontier));
	take_pages(64 * KIB);
}

static void fault_in_ahead(void)
{
	(void)tide_frontier_prefault_ahead(&tide_heap_default.frontier);
}

static void leave_region_and_unmap_it(void)
{
	take_pages(MOST_BYTES);
	take_pages(MOST_BYTES); /* does not fit */
	TIDE_YIELD("test.left");
	gone = !tide_frontier_is_in(doomed);
	if (gone)
		TIDE_YIELD("test.gone");
}

static const char *never_faulted_in_when_gone(void)
{
	if (gone && !schedule_has_ended(0) && strcmp(schedule_point(0), "frontier.populate") == 0)
		return "memory is faulted in where a region was";
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "the_end_of_a_slab",
	  .set_up = carve_all_but_two,
	  .thread = { carve_two_twice, carve_three },
	  .check = no_slab_is_lost,
	  .points = POINTS " stack." },
	{ .name = "three_at_the_end_of_a_slab",
	  .set_up = carve_all_but_two,
	  .thread = { carve_three, carve_three, carve_three },
	  .check = no_slab_is_lost,
	  .points = POINTS },
	{ .name = "frozen_at_the_end_of_a_slab",
	  .set_up = carve_all_but_two,
	  .thread = { carve_three, carve_two_twice, carve_three },
	  .check = others_carve_on,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "the_end_of_a_region",
	  .set_up = room_for_one_more,
	  .thread = { get_one, get_one, get_one },
	  .check = books_are_right,
	  .points = POINTS " region." },
	{ .name = "frozen_at_the_end_of_a_region",
	  .set_up = room_for_one_more,
	  .thread = { get_one, get_one, get_one },
	  .check = none_overlap,
	  .points = POINTS " region.",
	  .freezes = true },
	{ .name = "a_descriptor_comes_back",
	  .set_up = old_region_with_room,
	  .thread = { get_a_quarter, move_on_and_come_back },
	  .check = books_are_right,
	  .points = "frontier.take frontier.region test.",
	  .must_meet = "test.came_back" },
	{ .name = "a_descriptor_comes_back_for_less",
	  .set_up = long_region_to_where_a_short_one_ends,
	  .thread = { get_what_is_too_long_for_the_rest, come_back_shorter },
	  .check = none_ends_beyond_its_region,
	  .points = "frontier.take frontier.region test.",
	  .must_meet = "test.came_back" },
	{ .name = "a_region_goes",
	  .set_up = old_region_with_room,
	  .thread = { get_two_quarters, leave_and_purge },
	  .check = books_are_right,
	  .points = POINTS " region. gc. token. futex.",
	  .must_meet = "region.unmapped" },
	{ .name = "grow_at_the_frontier",
	  .set_up = last_block,
	  .thread = { grow_last, take_behind, take_behind },
	  .check = tags_tile,
	  .points = POINTS },
	{ .name = "fault_in_where_a_region_goes",
	  .set_up = slab_region_with_little_left,
	  .thread = { fault_in_ahead, leave_region_and_unmap_it },
	  .always = never_faulted_in_when_gone,
	  .points = POINTS,
	  .must_meet = "test.gone" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
