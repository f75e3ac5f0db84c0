/* Moving takes no room that entries had to make. */
#include <criterion/criterion.h>

#include "support.h"

#ifndef PLAIN_MEMORY
#define PLAIN_MEMORY 0
#endif

enum { LIMIT = 8 << 20, BODY = 500 };

static struct tide_store *full_store(struct tide_store_options options, uint64_t *last)
{
	options.counts = TIDE_STORE_HELD;
	options.policy = TIDE_STORE_DROP_OLDEST;
	options.limit_bytes = LIMIT;
	struct tide_store *store = still_store(options);

	/* Up to where the limit is in the way. */
	do {
		*last = put_pattern(store, BODY, 0, NULL);
		cr_assert_neq(*last, 0);
		if (*last % 256 == 0)
			(void)tide_store_work(store);
	} while (stats_of(store).counted_bytes < LIMIT - LIMIT / 32);
	cr_assert_eq(stats_of(store).dropped, 0);
	return store;
}

/* One check, and what comes of it. */
static struct tide_store_stats check(struct tide_store *store)
{
	clock_now_ns += 10 * SECOND;
	(void)tide_store_work(store);
	(void)tide_store_work(store);
	return stats_of(store);
}

Test(room, by_itself_it_starts_with_room_only, .timeout = 60)
{
	struct tide_store_options options = { .defragment_percent = 150,
		                              .defragment_waste_bytes = 1 << 20,
		                              .defragment_after_ns = SECOND,
		                              .defragment_check_ns = SECOND };
	struct tide_store_stats stats;
	uint64_t last;

	if (PLAIN_MEMORY)
		cr_skip_test();
	struct tide_store *store = full_store(options, &last);
	/* What is left lies scattered over all pages. */
	for (uint64_t id = 1; id <= last; id++) {
		if (id % 5 != 0)
			cr_assert_eq(tide_store_remove(store, id), 0);
	}
	for (unsigned i = 0; i < 10; i++)
		stats = check(store);
	cr_assert_gt(stats.counted_bytes, LIMIT - LIMIT / 8);
	cr_assert_geq(stats.held_percent, 150);
	cr_assert_eq(stats.verdict, TIDE_STORE_WAITS_FOR_ROOM, "%s",
	             tide_store_verdict_text((enum tide_store_verdict)stats.verdict));
	cr_assert_eq(stats.defragment_starts, 0);
	cr_assert_eq(stats.dropped, 0);
	/* The older half gives pages back. */
	for (uint64_t id = 5; id <= last / 2; id += 5)
		cr_assert_eq(tide_store_remove(store, id), 0);
	(void)tide_store_work(store);
	(void)tide_purge();
	for (unsigned i = 0; i < 100 && stats.defragment_ends == 0; i++) {
		(void)put_pattern(store, 0, 0, NULL); /* for another check */
		stats = check(store);
	}
	cr_assert_eq(stats.defragment_by_timer, 1);
	cr_assert_eq(stats.defragment_ends, 1);
	cr_assert_eq(stats.dropped, 0);
	tide_store_destroy(store);
}

static unsigned looked;
static uint64_t moved_meanwhile;

static void *slices(void *arg)
{
	for (unsigned i = 0; i < 10; i++)
		(void)tide_store_work(arg);
	return NULL;
}

/* In a put that drops: the mover has its turn on another thread. It would wait for this one's read
 * section to end, had it moved a body (or were it time to free what has left). */
static void let_it_move(struct tide_store *store, struct tide_store_entry *entry,
                        enum tide_store_reason reason, void *context)
{
	pthread_t worker;

	(void)context;
	(void)entry;
	if (reason != TIDE_STORE_LIMIT || looked++ > 0)
		return;
	uint64_t before = stats_of(store).moved_entries;
	clock_now_ns += MS;
	cr_assert_eq(pthread_create(&worker, NULL, slices, store), 0);
	cr_assert_eq(pthread_join(worker, NULL), 0);
	moved_meanwhile = stats_of(store).moved_entries - before;
}

Test(room, it_pauses_while_a_put_makes_room, .timeout = 60)
{
	struct tide_store_options options = { .defragment_percent = UINT32_MAX,
		                              .defragment_slice_ns = 1,
		                              .dropped = let_it_move };
	uint64_t last;

	if (PLAIN_MEMORY)
		cr_skip_test();
	struct tide_store *store = full_store(options, &last);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).body_heaps, 2);
	cr_assert_eq(tide_store_remove(store, last), 0);
	clock_now_ns += SECOND;
	(void)tide_store_work(store); /* frees, and not again for 10 ms */
	cr_assert_eq(stats_of(store).leaving_entries, 0);
	while (looked == 0)
		cr_assert_neq(put_pattern(store, BODY, 0, NULL), 0);
	cr_assert_eq(moved_meanwhile, 0);
	/* And goes on. */
	uint64_t moved = stats_of(store).moved_entries;
	for (unsigned i = 0; i < 100 && stats_of(store).moved_entries == moved; i++) {
		clock_now_ns += 100 * SECOND;
		(void)tide_store_work(store);
	}
	cr_assert_gt(stats_of(store).moved_entries, moved);
	tide_store_destroy(store);
}
