/* large.c, large_keep.c: a byte is where it is once - live, kept, refused by the system or unmapped
 * - whoever takes, puts and drops at the same time; and a double free has one winner. */
#include "support.h"

#include "doorbell.h"
#include "heap.h"
#include "large.h"
#include "os.h"

#include <sys/mman.h>

enum { KIB = 1024, BLOCKS_MAX = 16 };

#define POINTS "large. test."

static struct block {
	void *start;
	size_t bytes;
	bool live;
} block[BLOCKS_MAX];
static unsigned blocks;
static unsigned frees_won;

static bool overlap(const struct block *a, const void *start, size_t bytes)
{
	return (char *)a->start < (const char *)start + bytes &&
	       (const char *)start < (char *)a->start + a->bytes;
}

static struct block *get(size_t bytes)
{
	bool zeroed;
	void *start = tide_large_alloc(&tide_heap_default, bytes, 1, &zeroed);

	schedule_must(start != NULL && blocks < BLOCKS_MAX);
	schedule_must(tide_large_bytes(start) >= bytes);
	bytes = tide_large_bytes(start);
	for (unsigned i = 0; i < blocks; i++)
		schedule_must(!block[i].live || !overlap(&block[i], start, bytes));
	block[blocks].start = start;
	block[blocks].bytes = bytes;
	block[blocks].live = true;
	return &block[blocks++];
}

static void give(struct block *given)
{
	given->live = false;
	schedule_must(tide_large_free(given->start));
}

static bool is_mapped(const struct block *wanted)
{
	unsigned char there;

	return mincore(wanted->start, 1, &there) == 0;
}

/* What is live is known as such; all the rest can be unmapped, and then is. */
static const char *all_is_accounted_for(void)
{
	uint64_t live_bytes = 0;

	tide_os_fault_plan(0, 0, 0);
	for (unsigned i = 0; i < blocks; i++)
		(void)tide_large_trim(0);
	/* What was refused is tried again with the next that nobody has a use for. */
	while (tide_os_discarded_bytes_racy() > 0)
		tide_os_discard_again();
	if (tide_large_cached_bytes_racy() != 0)
		return "the count of kept bytes is wrong";
	for (unsigned i = 0; i < blocks; i++) {
		bool live = false;
		for (unsigned j = 0; j < blocks; j++)
			live |= block[j].live && overlap(&block[j], block[i].start, 1);
		if (block[i].live && tide_large_bytes(block[i].start) != block[i].bytes)
			return "a live block's size is lost";
		if (is_mapped(&block[i]) != live)
			return live ? "a live block was unmapped" : "a free block was lost";
		if (block[i].live)
			live_bytes += block[i].bytes;
	}
	if (tide_large_live_bytes_racy() != live_bytes)
		return "the count of live bytes is wrong";
	return NULL;
}

/* One kept block is long enough for both. */

static void one_kept(void)
{
	give(get(700 * KIB));
}

static void take_280(void)
{
	(void)get(280 * KIB);
}

/* While one is at what is kept, another finds what was freed last, which is too short. */

static void one_kept_one_short(void)
{
	(void)get(260 * KIB);
	give(get(700 * KIB));
}

static void put_first(void)
{
	give(&block[0]);
}

static void take_600(void)
{
	(void)get(600 * KIB);
}

/* A block grows into what is kept behind it. */

static void one_with_kept_behind(void)
{
	give(get(800 * KIB));
	(void)get(280 * KIB);
	schedule_must(block[1].start == block[0].start);
}

static void grow(void)
{
	void *start = tide_large_resize(block[1].start, 400 * KIB);

	schedule_must(start != NULL);
	block[1].start = start;
	block[1].bytes = tide_large_bytes(start);
}

/* All at once. */

static void two_live_one_kept(void)
{
	(void)get(300 * KIB);
	(void)get(310 * KIB);
	(void)get(290 * KIB);
	give(&block[2]);
}

static void put_second(void)
{
	give(&block[1]);
}

static void take_one(void)
{
	(void)get(280 * KIB);
}

static void drop_all(void)
{
	(void)tide_large_trim(0);
}

/* Two free one block. */

static void one_live(void)
{
	(void)get(300 * KIB);
}

static void free_it_too(void)
{
	block[0].live = false;
	frees_won += tide_large_free(block[0].start);
}

static const char *one_has_freed_it(void)
{
	return frees_won != 1 ? "not one of two frees succeeded" : all_is_accounted_for();
}

/* The system refuses to unmap. */

static void three_live_and_no_unmapping(void)
{
	two_live_one_kept();
	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, UINT32_MAX);
}

static void drop_all_twice(void)
{
	drop_all();
	drop_all();
}

/* A sleeping GC hears that there is something to age. */

static void asleep_with_one_live(void)
{
	one_live();
	tide_doorbell_announce(TIDE_GC_ASLEEP);
}

static void fall_asleep(void)
{
	tide_doorbell_announce(TIDE_GC_ASLEEP);
	if (tide_large_cached_bytes_racy() > 0)
		tide_doorbell_retract();
	else
		tide_doorbell_sleep(TIDE_GC_ASLEEP, 0);
}

static const struct scenario scenario[] = {
	{ .name = "two_take_from_one",
	  .set_up = one_kept,
	  .thread = { take_280, take_280 },
	  .check = all_is_accounted_for,
	  .points = POINTS,
	  .must_meet = "large.entered" },
	{ .name = "a_short_one_in_the_inbox",
	  .set_up = one_kept_one_short,
	  .thread = { take_280, put_first, take_600 },
	  .check = all_is_accounted_for,
	  .points = POINTS,
	  .must_meet = "large.inbox" },
	{ .name = "grow_and_take",
	  .set_up = one_with_kept_behind,
	  .thread = { grow, take_280 },
	  .check = all_is_accounted_for,
	  .points = POINTS },
	{ .name = "put_put_and_take",
	  .set_up = two_live_one_kept,
	  .thread = { put_first, put_second, take_one },
	  .check = all_is_accounted_for,
	  .points = POINTS },
	{ .name = "put_take_and_drop",
	  .set_up = two_live_one_kept,
	  .thread = { put_first, take_one, drop_all },
	  .check = all_is_accounted_for,
	  .points = POINTS },
	{ .name = "put_and_take_at_every_step",
	  .set_up = two_live_one_kept,
	  .thread = { put_first, take_one },
	  .check = all_is_accounted_for },
	{ .name = "freed_by_two",
	  .set_up = one_live,
	  .thread = { free_it_too, free_it_too },
	  .check = one_has_freed_it,
	  .points = POINTS },
	{ .name = "the_system_refuses",
	  .set_up = three_live_and_no_unmapping,
	  .thread = { put_first, take_one, drop_all_twice },
	  .check = all_is_accounted_for,
	  .points = POINTS,
	  .must_meet = "large.refused" },
	{ .name = "one_of_them_is_frozen",
	  .set_up = two_live_one_kept,
	  .thread = { put_first, take_one, drop_all },
	  .points = POINTS,
	  .freezes = true },
	{ .name = "kept_while_the_GC_falls_asleep",
	  .set_up = asleep_with_one_live,
	  .thread = { fall_asleep, put_first },
	  .points = POINTS " doorbell. futex." },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
