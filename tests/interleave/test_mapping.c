/* meta.c, pagemap.c, region.c and orphan.h: what is made at its first use is made once, whoever
 * comes at the same time, and what the loser made is unmapped. */
#include "support.h"

#include "heap.h"
#include "large.h"
#include "meta.h"
#include "orphan.h"
#include "os.h"
#include "pagemap.h"
#include "region.h"

#include <string.h>

enum { KIB = 1024, PIECE_BYTES = 20 * KIB, PIECES_MAX = 32 };

/* Metadata: blocks side by side, at the end of an arena too. */

static struct piece {
	char *start;
	int owner;
} piece[PIECES_MAX];
static unsigned pieces;
static size_t bytes_before;

static void take_piece(void)
{
	char *start = tide_meta_alloc(PIECE_BYTES);

	schedule_must(start != NULL && pieces < PIECES_MAX);
	memset(start, 1 + schedule_self(), PIECE_BYTES);
	piece[pieces].owner = 1 + schedule_self();
	piece[pieces++].start = start;
}

static void arena_with_room_for_one(void)
{
	size_t bytes = tide_meta_bytes_racy();

	while (tide_meta_bytes_racy() == bytes)
		(void)tide_meta_alloc(PIECE_BYTES); /* the first of a new arena */
	bytes_before = tide_meta_bytes_racy();
	for (unsigned i = 1; i < TIDE_META_ARENA_BYTES / PIECE_BYTES - 1; i++)
		(void)tide_meta_alloc(PIECE_BYTES);
	schedule_must(tide_meta_bytes_racy() == bytes_before);
}

static void take_two_pieces(void)
{
	take_piece();
	take_piece();
}

static const char *pieces_are_apart(void)
{
	for (unsigned i = 0; i < pieces; i++) {
		for (unsigned at = 0; at < PIECE_BYTES; at++) {
			if (piece[i].start[at] != piece[i].owner)
				return "two pieces of metadata overlap";
		}
	}
	return NULL;
}

static const char *one_arena_more(void)
{
	size_t arena_bytes = TIDE_META_ARENA_BYTES + 2 * TIDE_PAGE_BYTES;

	if (schedule_frozen() < 0 && tide_meta_bytes_racy() != bytes_before + arena_bytes)
		return "not one arena more";
	return pieces_are_apart();
}

/* The page map: one leaf, one window. */

static const uintptr_t far_away = 5ul << 40;

static void set_own_page(void)
{
	uintptr_t page = far_away + (uintptr_t)schedule_self() * TIDE_PAGE_BYTES;
	unsigned cls = 1 + (unsigned)schedule_self();

	schedule_must(tide_pagemap_prepare(page, TIDE_PAGE_BYTES));
	tide_pagemap_set(page, 1, cls);
	TIDE_YIELD("test.set");
	schedule_must(tide_pagemap_class(page) == cls);
}

static const char *all_are_set(void)
{
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		if (schedule_has_ended((int)i) &&
		    tide_pagemap_class(far_away + (uintptr_t)i * TIDE_PAGE_BYTES) != 1 + i)
			return "a page's class is lost";
	}
	return NULL;
}

static const struct tide_pagemap_window *window_seen[SCENARIO_THREADS];

static void choose_window(void)
{
	int self = schedule_self();
	char *probe = tide_meta_alloc(TIDE_CACHE_LINE_BYTES);

	schedule_must(probe != NULL);
	tide_pagemap_init((uintptr_t)probe);
	window_seen[self] = tide_pagemap_near();
	TIDE_YIELD("test.chosen");
	schedule_must(tide_pagemap_prepare((uintptr_t)probe, 1));
	tide_pagemap_set((uintptr_t)probe, 1, TIDE_CLASS_INSIDE);
	schedule_must(tide_pagemap_class((uintptr_t)probe) == TIDE_CLASS_INSIDE);
}

static const char *one_window(void)
{
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		if (schedule_has_ended((int)i) &&
		    (window_seen[i] != tide_pagemap_near() || window_seen[i]->pages == 0))
			return "two windows";
	}
	return NULL;
}

/* Regions: numbered, in the table, and in the page map as long as they are there. */

static struct tide_region *region[SCENARIO_THREADS + 1];
static uint64_t unmaps_wanted;

static void regions_up_to_a_group(void)
{
	while (tide_region_count(&tide_heap_default.regions) < 62)
		schedule_must(tide_region_map(&tide_heap_default) != NULL);
	region[SCENARIO_THREADS] = tide_region_at(&tide_heap_default.regions, 61);
}

static void map_region(void)
{
	region[schedule_self()] = tide_region_map(&tide_heap_default);
	schedule_must(region[schedule_self()] != NULL);
}

static void unmap_region(void)
{
	struct tide_region *own = region[SCENARIO_THREADS];

	region[SCENARIO_THREADS] = NULL;
	schedule_must(tide_region_unmap(own));
	unmaps_wanted = 1;
}

static void unmap_and_map_region(void)
{
	unmap_region();
	map_region();
}

static const char *regions_are_known(void)
{
	for (unsigned i = 0; i <= SCENARIO_THREADS; i++) {
		struct tide_region *own = region[i];
		if (own == NULL)
			continue;
		uintptr_t base = tide_load_relaxed(&own->base);
		for (unsigned j = 0; j < i; j++) {
			if (own == region[j] ||
			    (region[j] != NULL && base == tide_load_relaxed(&region[j]->base)))
				return "two regions are one";
		}
		if (tide_region_at(&tide_heap_default.regions, own->index) != own)
			return "a region is not in the table";
		if (tide_region_group_of(&tide_heap_default.regions, own->index) == NULL)
			return "a region has no group";
		if (tide_pagemap_region(base) != own)
			return "a region is not in the page map";
		for (unsigned page = 0; page < TIDE_REGION_PAGES; page++) {
			if (tide_pagemap_class(base + page * TIDE_PAGE_BYTES) != TIDE_CLASS_INSIDE)
				return "a page of a region is not in the page map";
		}
	}
	return tide_load_relaxed(&tide_heap_default.regions.unmaps) < unmaps_wanted
	           ? "a region was not unmapped"
	           : NULL;
}

/* A region goes, and a large block takes its place. */

enum { LARGE_BYTES = 1024 * KIB }; /* below what the system aligns as huge pages */
static uintptr_t old_base;
static void *large_block;

static void last_region_to_go(void)
{
	regions_up_to_a_group();
	old_base = tide_load_relaxed(&region[SCENARIO_THREADS]->base);
	/* The system maps downwards. Holes above the region are filled, up to where the next
	 * mapping lies below it: then one starts in its place when it is gone. */
	for (unsigned tries = 0; tries < 1000; tries++) {
		void *probe = tide_os_map(0, LARGE_BYTES);
		schedule_must(probe != NULL);
		if ((uintptr_t)probe < old_base) {
			(void)tide_os_unmap(probe, LARGE_BYTES);
			return;
		}
	}
}

static void map_large(void)
{
	bool zeroed;

	large_block = tide_large_alloc(&tide_heap_default, LARGE_BYTES, 1, &zeroed);
	schedule_must(large_block != NULL);
	if ((uintptr_t)large_block - old_base < TIDE_REGION_BYTES)
		TIDE_YIELD("test.same_place");
}

static const char *large_block_is_known(void)
{
	if (tide_pagemap_class((uintptr_t)large_block) != TIDE_CLASS_LARGE ||
	    tide_large_bytes(large_block) != LARGE_BYTES)
		return "a large block is not in the page map";
	return regions_are_known();
}

/* Orphans: all come out, once. */

static char orphan[SCENARIO_THREADS][2][16] __attribute__((aligned(16)));
static unsigned times_out[SCENARIO_THREADS][2];

static void push_two(void)
{
	tide_orphan_push(&tide_heap_default.orphans, orphan[schedule_self()][0]);
	tide_orphan_push(&tide_heap_default.orphans, orphan[schedule_self()][1]);
}

static void take_orphans(void)
{
	struct tide_orphan *taken = tide_orphan_take_all(&tide_heap_default.orphans);

	while (taken != NULL) {
		size_t offset = (size_t)((char *)taken - &orphan[0][0][0]);
		taken = taken->next;
		times_out[offset / 32][offset / 16 % 2]++;
	}
}

static void take_orphans_twice(void)
{
	take_orphans();
	take_orphans();
}

static const char *all_orphans_came_out(void)
{
	take_orphans();
	for (int t = 0; t < 2; t++) {
		for (unsigned i = 0; i < 2; i++) {
			unsigned most = times_out[t][i];
			if (most > 1)
				return "an orphan came out twice";
			if (most == 0 && schedule_has_ended(t) && schedule_frozen() != 2)
				return "an orphan was lost";
		}
	}
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "the_end_of_an_arena",
	  .set_up = arena_with_room_for_one,
	  .thread = { take_two_pieces, take_two_pieces, take_two_pieces },
	  .check = one_arena_more,
	  .points = "meta. ",
	  .must_meet = "meta.arena" },
	{ .name = "frozen_at_the_end_of_an_arena",
	  .set_up = arena_with_room_for_one,
	  .thread = { take_two_pieces, take_two_pieces, take_two_pieces },
	  .check = pieces_are_apart,
	  .points = "meta. ",
	  .freezes = true },
	{ .name = "the_first_use_of_a_leaf",
	  .thread = { set_own_page, set_own_page, set_own_page },
	  .always = all_are_set,
	  .check = all_are_set,
	  .points = "pagemap. test.",
	  .freezes = true },
	{ .name = "the_choice_of_a_window",
	  .thread = { choose_window, choose_window, choose_window },
	  .check = one_window,
	  .points = "pagemap. test.",
	  .freezes = true },
	{ .name = "regions_at_the_end_of_a_group",
	  .set_up = regions_up_to_a_group,
	  .thread = { map_region, map_region, map_region },
	  .check = regions_are_known,
	  .points = "region. ",
	  .freezes = true },
	{ .name = "regions_come_and_go",
	  .set_up = regions_up_to_a_group,
	  .thread = { map_region, unmap_and_map_region, map_region },
	  .check = regions_are_known,
	  .points = "region. " },
	{ .name = "another_mapping_in_its_place",
	  .set_up = last_region_to_go,
	  .thread = { map_large, unmap_region },
	  .check = large_block_is_known,
	  .points = "region. large. test.",
	  .must_meet = "test.same_place" },
	{ .name = "orphans",
	  .thread = { push_two, push_two, take_orphans_twice },
	  .check = all_orphans_came_out,
	  .points = "orphan. ",
	  .freezes = true },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
