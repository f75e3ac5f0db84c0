/* stack.h and queue.h: bins change hands whole, each has one owner at a time, whoever is stopped
 * where; and the count of blocks is never too low. */
#include "support.h"

#include "heap.h"
#include "queue.h"

#include "../lib/lane_support.h"

enum { CLS = 4, BINS = 4 };

#define POINTS "stack. queue. test."

static struct tide_bin *bin[BINS];
/* What each thread has in hand; a thread may lose sight of one only while it is in a call. */
static struct tide_bin *hand[SCENARIO_THREADS][BINS];
static unsigned in_hand[SCENARIO_THREADS];

static void start_with(unsigned bins)
{
	for (unsigned i = 0; i < BINS; i++)
		bin[i] = bin_number(CLS, i);
	for (unsigned i = 0; i < bins; i++)
		tide_queue_push(&tide_heap_default.queues, bin[i]);
}

static void start_with_two(void)
{
	start_with(2);
}

static void start_with_three(void)
{
	start_with(3);
}

static void start_empty(void)
{
	start_with(0);
}

static void take(void)
{
	int self = schedule_self();
	struct tide_bin *taken = tide_queue_pop(&tide_heap_default.queues, CLS);

	if (taken != NULL)
		hand[self][in_hand[self]++] = taken;
}

static void give(struct tide_bin *given)
{
	tide_queue_push(&tide_heap_default.queues, given);
}

/* The bin that was taken last. */
static void give_back(void)
{
	int self = schedule_self();

	if (in_hand[self] > 0)
		give(hand[self][--in_hand[self]]);
}

static void take_and_give_back(void)
{
	take();
	give_back();
}

static struct tide_node *first_of(unsigned lane)
{
	return tide_load_relaxed(&tide_heap_default.queues.of[lane][CLS].bins.head.pointer);
}

static uint32_t blocks_said(unsigned lane)
{
	return tide_load_relaxed(&tide_heap_default.queues.of[lane][CLS].blocks);
}

/* How often the bin is in the queues and in the threads' hands. */
static unsigned times_there(const struct tide_bin *wanted)
{
	unsigned times = 0;
	unsigned walked = 0;

	for (unsigned lane = 0; lane < TIDE_LANES; lane++) {
		struct tide_node *node = first_of(lane);
		for (; node != NULL; node = tide_load_relaxed(&node->next)) {
			times += node == &wanted->node;
			if (++walked > BINS)
				return walked; /* a circle */
		}
	}
	for (unsigned t = 0; t < SCENARIO_THREADS; t++) {
		for (unsigned i = 0; i < in_hand[t]; i++)
			times += hand[t][i] == wanted;
	}
	return times;
}

static uint32_t blocks_queued(unsigned lane)
{
	uint32_t blocks = 0;
	unsigned walked = 0;
	struct tide_node *node = first_of(lane);

	for (; node != NULL && walked < BINS; node = tide_load_relaxed(&node->next), walked++)
		blocks += ((struct tide_bin *)node)->count;
	return blocks;
}

static const char *none_is_there_twice(void)
{
	for (unsigned i = 0; i < BINS; i++) {
		if (times_there(bin[i]) > 1)
			return "a bin is there twice";
	}
	for (unsigned lane = 0; lane < TIDE_LANES; lane++) {
		if (blocks_said(lane) < blocks_queued(lane))
			return "the count of blocks is too low";
	}
	return NULL;
}

/* A frozen thread may have one bin with it. */
static const char *all_are_there(unsigned bins)
{
	unsigned there = 0;
	unsigned missing_at_most = schedule_frozen() >= 0;
	const char *wrong = none_is_there_twice();

	for (unsigned i = 0; i < bins; i++)
		there += times_there(bin[i]);
	if (wrong != NULL)
		return wrong;
	if (there + missing_at_most < bins)
		return "a bin was lost";
	for (unsigned lane = 0; lane < TIDE_LANES && schedule_frozen() < 0; lane++) {
		if (blocks_said(lane) != blocks_queued(lane))
			return "the count of blocks is wrong";
	}
	return NULL;
}

static const char *two_are_there(void)
{
	return all_are_there(2);
}

static const char *three_are_there(void)
{
	return all_are_there(3);
}

/* Each thread in a lane of its own, and all bins in one. */

static void start_in_one_lane(void)
{
	in_lane(SCENARIO_THREADS - 1);
	start_with(2);
	in_lane(0);
}

static void take_and_give_to_own(void)
{
	tide_lane = (uint8_t)schedule_self();
	take_and_give_back();
	take_and_give_back();
	tide_lane = 0;
}

/* The bin that a pop looked at is taken and comes back: on another one, or under another one. */

static void take_two_and_give_back_the_first(void)
{
	take();
	take();
	if (in_hand[1] == 2) {
		struct tide_bin *first = hand[1][0];
		hand[1][0] = hand[1][1];
		in_hand[1] = 1;
		give(first);
	}
}

static void take_one_and_give_two(void)
{
	take();
	give(bin[2]);
	give_back();
}

static void give_third(void)
{
	give(bin[2]);
}

static void give_first_and_second(void)
{
	give(bin[0]);
	give(bin[1]);
}

static void take_until_three(void)
{
	for (unsigned tries = 0; tries < 3; tries++)
		take();
}

/* A note of a miss or a full queue reaches who clears the notes. */

static uint32_t seen_misses;

static void note_misses(void)
{
	tide_queue_note(&tide_heap_default.queues, &tide_heap_default.queues.of[0][CLS].misses,
	                CLS);
	tide_queue_note(&tide_heap_default.queues, &tide_heap_default.queues.of[0][CLS].misses,
	                CLS);
}

static void look_at_notes(void)
{
	uint64_t word =
	    tide_swap_acq_rel(&tide_heap_default.queues.attention[CLS / 64], (uint64_t)0);

	TIDE_YIELD("test.cleared");
	if (word >> CLS & 1)
		seen_misses = tide_load_relaxed(&tide_heap_default.queues.of[0][CLS].misses);
}

static void look_at_notes_twice(void)
{
	look_at_notes();
	TIDE_YIELD("test.visited");
	look_at_notes();
}

static const char *no_note_is_lost(void)
{
	bool noted = tide_load_relaxed(&tide_heap_default.queues.attention[CLS / 64]) >> CLS & 1;

	if (tide_load_relaxed(&tide_heap_default.queues.of[0][CLS].misses) != seen_misses && !noted)
		return "a miss was never looked at";
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "popped_and_pushed_meanwhile",
	  .set_up = start_with_two,
	  .thread = { take, take_two_and_give_back_the_first },
	  .always = none_is_there_twice,
	  .check = two_are_there,
	  .points = POINTS },
	{ .name = "under_another_one_meanwhile",
	  .set_up = start_with_two,
	  .thread = { take, take_one_and_give_two },
	  .always = none_is_there_twice,
	  .check = three_are_there,
	  .points = POINTS },
	{ .name = "two_push_one_pops",
	  .set_up = start_empty,
	  .thread = { give_first_and_second, give_third, take_until_three },
	  .always = none_is_there_twice,
	  .check = three_are_there,
	  .points = POINTS },
	{ .name = "three_take_and_give_back",
	  .set_up = start_with_two,
	  .thread = { take_and_give_back, take_and_give_back, take_and_give_back },
	  .always = none_is_there_twice,
	  .check = two_are_there,
	  .points = POINTS },
	{ .name = "one_of_three_is_frozen",
	  .set_up = start_with_three,
	  .thread = { take_and_give_back, take_and_give_back, take_and_give_back },
	  .always = none_is_there_twice,
	  .check = three_are_there,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "each_in_its_own_lane",
	  .set_up = start_in_one_lane,
	  .thread = { take_and_give_to_own, take_and_give_to_own },
	  .always = none_is_there_twice,
	  .check = two_are_there,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "notes_of_misses",
	  .thread = { note_misses, look_at_notes_twice, note_misses },
	  .check = no_note_is_lost,
	  .points = POINTS },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
