/* checked.c, and the bits of region.c that say which blocks live: what goes into the quarantine
 * comes out once, whoever is at the same place; of two who free a block one is told so. */
#include "support.h"

#include "checked.h"
#include "pagemap.h"
#include "region.h"

#include <fcntl.h>
#include <tide/tide.h>
#include <unistd.h>

/* As many places as the quarantine has for medium blocks, and one more that comes again to the
 * first. */
enum { KIB = 1024, BYTES = 40 * KIB, PLACES = 16, BLOCKS = PLACES + 1 };

#define POINTS "checked. test."

static char *block[BLOCKS];
static unsigned times_out[BLOCKS];
static unsigned cls;

static void blocks_are_made(void)
{
	int nowhere = open("/dev/null", O_WRONLY);

	schedule_must(nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0); /* reports */
	for (unsigned i = 0; i < BLOCKS; i++) {
		block[i] = tide_malloc(BYTES);
		schedule_must(block[i] != NULL);
	}
	cls = tide_pagemap_class((uintptr_t)block[0]);
	schedule_must(!tide_class_is_small(cls));
}

/* ---- The quarantine ---- */

static void came_out(const char *out, unsigned of_class)
{
	if (out == NULL)
		return;
	schedule_must(of_class == cls);
	for (unsigned i = 0; i < BLOCKS; i++)
		times_out[i] += block[i] == out;
}

static void park(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		unsigned of_class = 0;
		char *out = tide_checked_park(block[i], cls, &of_class);

		came_out(out, of_class);
	}
}

static void every_place_is_taken(void)
{
	blocks_are_made();
	park(0, PLACES);
}

static void park_one(void)
{
	park(PLACES, BLOCKS);
}

static void park_a_round(void)
{
	park(0, PLACES);
}

static void take_out_all(void)
{
	unsigned of_class = 0;
	char *out;

	while ((out = tide_checked_unpark(&of_class)) != NULL)
		came_out(out, of_class);
}

/* What is left comes out now. */
static const char *all_came_out_once(void)
{
	take_out_all();
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (times_out[i] > 1)
			return "a block came out twice";
		if (times_out[i] == 0)
			return "a block did not come out";
	}
	return NULL;
}

/* ---- Which blocks live ---- */

static unsigned frees;

static void all_live(void)
{
	blocks_are_made();
	tide_options_set(TIDE_OPTION_FATAL, 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		schedule_must(tide_region_set_live(block[i], cls, true));
}

static void free_first(void)
{
	TIDE_YIELD("test.free_first");
	frees += tide_checked_free(block[0], cls, "free");
}

static void free_second(void)
{
	TIDE_YIELD("test.free_second");
	frees += tide_checked_free(block[1], cls, "free");
}

static const char *freed_once(void)
{
	return frees != 1 ? "not one of two frees was right" : NULL;
}

static const char *only_both_are_dead(void)
{
	if (frees != 2)
		return "a free was not right";
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (tide_region_set_live(block[i], cls, true) != (i < 2))
			return "a bit is lost";
	}
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "two_at_one_place",
	  .set_up = blocks_are_made,
	  .thread = { park_one, park_a_round },
	  .check = all_came_out_once,
	  .points = POINTS },
	{ .name = "parked_and_taken_out",
	  .set_up = every_place_is_taken,
	  .thread = { park_one, take_out_all },
	  .check = all_came_out_once,
	  .points = POINTS,
	  .must_meet = "checked.unpark" },
	{ .name = "freed_by_two",
	  .set_up = all_live,
	  .thread = { free_first, free_first },
	  .check = freed_once },
	{ .name = "two_of_one_word",
	  .set_up = all_live,
	  .thread = { free_first, free_second },
	  .check = only_both_are_dead },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
