/* queue.h: bins by class, the warmest first; a level that advises and never refuses; and counts
 * that are right again when everybody is done. */
#include "heap.h"
#include "queue.h"

#include "options.h"

#include "../api/support.h"
#include "lane_support.h"

#include <criterion/criterion.h>

enum { CLS = 4, OTHER = 40, THREADS = 4, ROUNDS = SCALED(100000), BINS = 32 };

static char memory[16 * TIDE_BIN_SLOTS];

static struct tide_bin *bin_of(unsigned cls, unsigned count)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	cr_assert_not_null(bin);
	for (unsigned i = 0; i < count; i++)
		tide_bin_add(bin, &memory[16 * i]);
	return bin;
}

Test(queue, first_levels_follow_the_options)
{
	tide_queue_init(&tide_heap_default.queues);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		uint64_t level = tide_load_relaxed(&tide_heap_default.queues.level[cls]);
		uint64_t max_bytes = (uint64_t)tide_option(TIDE_OPTION_QUEUE_FIRST_BYTES);

		cr_assert_leq(level, (uint64_t)tide_option(TIDE_OPTION_QUEUE_BLOCKS));
		cr_assert_leq(level * tide_class_bytes(cls), max_bytes);
		cr_assert(level == (uint64_t)tide_option(TIDE_OPTION_QUEUE_BLOCKS) ||
		          (level + 1) * tide_class_bytes(cls) > max_bytes);
	}
	tide_options_set(TIDE_OPTION_QUEUE_BLOCKS, 0);
	tide_queue_init(&tide_heap_default.queues);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++)
		cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.level[cls]), 0u);
}

Test(queue, bins_leave_last_in_first_out_and_by_class)
{
	struct tide_bin *first = bin_of(CLS, 3);
	struct tide_bin *second = bin_of(CLS, 5);
	struct tide_bin *other = bin_of(OTHER, 1);

	cr_assert_null(tide_queue_pop(&tide_heap_default.queues, CLS));
	tide_queue_push(&tide_heap_default.queues, first);
	tide_queue_push(&tide_heap_default.queues, other);
	tide_queue_push(&tide_heap_default.queues, second);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[0][CLS].blocks), 8u);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[0][OTHER].blocks), 1u);
	cr_assert_eq(tide_queue_pop(&tide_heap_default.queues, CLS), second);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[0][CLS].blocks), 3u);
	cr_assert_eq(tide_queue_pop(&tide_heap_default.queues, CLS), first);
	cr_assert_null(tide_queue_pop(&tide_heap_default.queues, CLS));
	cr_assert_eq(tide_queue_pop(&tide_heap_default.queues, OTHER), other);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[0][CLS].blocks), 0u);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.queues.of[0][OTHER].blocks), 0u);
}

Test(queue, a_thread_takes_from_its_own_lane_first_and_then_from_any)
{
	struct tide_queues *queues = &tide_heap_default.queues;
	struct tide_bin *first = bin_of(CLS, 3);
	struct tide_bin *second = bin_of(CLS, 5);
	struct tide_bin *third = bin_of(CLS, 7);

	in_lane(TIDE_LANES - 1);
	tide_queue_push(queues, first);
	in_lane(1);
	tide_queue_push(queues, second);
	in_lane(0);
	cr_assert(!tide_queue_is_empty_racy(queues, CLS));
	tide_queue_push(queues, third);
	cr_assert_eq(tide_queue_blocks_racy(queues, CLS), 15u);

	in_lane(1);
	cr_assert_eq(tide_queue_pop(queues, CLS), second);
	in_lane(0);
	cr_assert_eq(tide_queue_pop(queues, CLS), third);
	cr_assert_eq(tide_queue_pop(queues, CLS), first, "another's when the own has nothing");
	cr_assert_null(tide_queue_pop(queues, CLS));
	cr_assert(tide_queue_is_empty_racy(queues, CLS));
	cr_assert_eq(tide_queue_blocks_racy(queues, CLS), 0u);
}

Test(queue, misses_and_fulls_are_of_all_lanes)
{
	struct tide_queues *queues = &tide_heap_default.queues;

	tide_store_relaxed(&queues->level[CLS], 0u);
	for (uint8_t lane = 0; lane < TIDE_LANES; lane++) {
		in_lane(lane);
		tide_queue_note_miss(queues, CLS);
		cr_assert_eq(tide_load_relaxed(&queues->asks[CLS]), lane);
		cr_assert(!tide_queue_has_room(queues, CLS));
	}
	cr_assert_eq(tide_queue_misses_racy(queues, CLS), TIDE_LANES);
	cr_assert_eq(tide_queue_fulls_racy(queues, CLS), TIDE_LANES);
	in_lane(0);
}

Test(queue, a_recount_is_of_all_lanes)
{
	struct tide_queues *queues = &tide_heap_default.queues;

	for (uint8_t lane = 0; lane < TIDE_LANES; lane++) {
		in_lane(lane);
		tide_queue_push(queues, bin_of(CLS, 1u + lane));
		(void)tide_add_relaxed(&queues->of[lane][CLS].blocks, 17u);
	}
	tide_queue_recount(queues);
	for (unsigned lane = 0; lane < TIDE_LANES; lane++)
		cr_assert_eq(tide_load_relaxed(&queues->of[lane][CLS].blocks), 1u + lane);
	in_lane(0);
}

Test(queue, empty_bins_come_from_the_own_lane_first_and_then_from_any)
{
	struct tide_bin *bins[TIDE_LANES];

	in_lane(0);
	for (unsigned i = 0; i < TIDE_LANES; i++)
		bins[i] = tide_bin_new(CLS, TIDE_BIN_SLOTS);
	for (uint8_t lane = 0; lane < TIDE_LANES; lane++) {
		in_lane(lane);
		tide_bin_recycle(bins[lane]);
	}
	for (uint8_t lane = 0; lane < TIDE_LANES; lane++) {
		in_lane(lane);
		cr_assert_eq(tide_bin_new(CLS, TIDE_BIN_SLOTS), bins[lane]);
	}
	/* Of this lane's there was none but that one; the first lane's were cut side by side. */
	size_t before = tide_bin_total_racy();
	cr_assert_not_null(tide_bin_new(CLS, TIDE_BIN_SLOTS));
	cr_assert_eq(tide_bin_total_racy(), before);
	in_lane(0);
}

Test(queue, the_level_advises_and_refuses_nothing)
{
	struct tide_queue *queue = &tide_heap_default.queues.of[0][CLS];

	tide_store_relaxed(&tide_heap_default.queues.level[CLS], 10u);
	cr_assert(tide_queue_has_room(&tide_heap_default.queues, CLS));
	tide_queue_push(&tide_heap_default.queues, bin_of(CLS, 9));
	cr_assert(tide_queue_has_room(&tide_heap_default.queues, CLS));
	cr_assert_eq(tide_load_relaxed(&queue->fulls), 0u);
	tide_queue_push(&tide_heap_default.queues, bin_of(CLS, 1));
	cr_assert(!tide_queue_has_room(&tide_heap_default.queues, CLS));
	cr_assert(!tide_queue_has_room(&tide_heap_default.queues, CLS));
	cr_assert_eq(tide_load_relaxed(&queue->fulls), 2u);
	for (unsigned i = 0; i < 100; i++)
		tide_queue_push(&tide_heap_default.queues, bin_of(CLS, TIDE_BIN_SLOTS));
	cr_assert_eq(tide_load_relaxed(&queue->blocks), 10u + 100 * TIDE_BIN_SLOTS);
	tide_store_relaxed(&tide_heap_default.queues.level[CLS], 0u);
	while (tide_queue_pop(&tide_heap_default.queues, CLS) != NULL)
		continue;
	cr_assert_eq(tide_load_relaxed(&queue->blocks), 0u);
	cr_assert(!tide_queue_has_room(&tide_heap_default.queues, CLS));
}

/* Whoever holds a bin may change what is in it: the count travels with it. */
static void *pass_on(void *arg)
{
	uint64_t *random = arg;

	tide_lane = (uint8_t)(*random % TIDE_LANES);
	for (size_t i = 0; i < ROUNDS; i++) {
		struct tide_bin *bin = tide_queue_pop(&tide_heap_default.queues, CLS);

		if (bin == NULL)
			continue;
		if (!tide_bin_is_valid(bin) || bin->cls != CLS)
			return "a bin is not valid";
		if (random_next(random) & 1) {
			if (bin->count < TIDE_BIN_SLOTS)
				tide_bin_add(bin, &memory[16 * bin->count]);
		} else if (bin->count > 1) {
			(void)tide_bin_take(bin);
		}
		tide_queue_push(&tide_heap_default.queues, bin);
	}
	return NULL;
}

Test(queue, no_block_and_no_bin_is_lost_between_four_threads, .timeout = 60)
{
	uint64_t random[THREADS] = { 1, 2, 3, 4 };
	uint32_t blocks = 0;
	unsigned bins = 0;

	in_lane(TIDE_LANES - 1);
	for (unsigned i = 0; i < BINS; i++)
		tide_queue_push(&tide_heap_default.queues, bin_of(CLS, 1 + i));
	const char *wrong = run_threads(pass_on, random, sizeof random[0], THREADS);
	cr_assert_null(wrong, "%s", wrong);
	uint32_t said = tide_queue_blocks_racy(&tide_heap_default.queues, CLS);
	for (struct tide_bin *bin; (bin = tide_queue_pop(&tide_heap_default.queues, CLS)) != NULL;
	     bins++)
		blocks += bin->count;
	cr_assert_eq(bins, BINS);
	cr_assert_eq(said, blocks);
	cr_assert_eq(tide_queue_blocks_racy(&tide_heap_default.queues, CLS), 0u);
	in_lane(0);
}
