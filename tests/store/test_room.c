/* Moving takes no room that entries had to make. */
#include <criterion/criterion.h>

#include "support.h"

#include "store/room.h"

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

Test(room, stopped_it_says_so_without_room, .timeout = 60)
{
	struct tide_store_options options = { .defragment_percent = 150,
		                              .defragment_waste_bytes = 1 << 20,
		                              .defragment_after_ns = SECOND,
		                              .defragment_check_ns = SECOND };
	struct tide_store_stats stats = { 0 };
	uint64_t last;

	if (PLAIN_MEMORY)
		cr_skip_test();
	options.defragment_slice_ns = 1;
	struct tide_store *store = full_store(options, &last);
	for (uint64_t id = 1; id <= last; id++) {
		if (id % 5 != 0)
			cr_assert_eq(tide_store_remove(store, id), 0);
	}
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	(void)tide_store_work(store);
	tide_store_defragment_stop(store);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_STOPPED);
	for (unsigned i = 0; i < 10; i++) {
		(void)put_pattern(store, 0, 0, NULL); /* for another check */
		stats = check(store);
	}
	cr_assert_geq(stats.fragmented_ns, SECOND, "it would start");
	cr_assert_gt(stats.counted_bytes, LIMIT - LIMIT / 8, "had it room");
	cr_assert_eq(stats.verdict, TIDE_STORE_STOPPED, "%s",
	             tide_store_verdict_text((enum tide_store_verdict)stats.verdict));
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

/* A body of `bytes` that is held, half copied, with `work` not called again. */
static struct tide_store *copying_store(enum tide_store_policy policy, size_t bytes)
{
	struct tide_store *store =
	    still_store((struct tide_store_options){ .counts = TIDE_STORE_HELD,
	                                             .policy = policy,
	                                             .limit_bytes = LIMIT,
	                                             .defragment_percent = UINT32_MAX,
	                                             .defragment_slice_ns = 1 });

	cr_assert_eq(put_pattern(store, bytes, 1, NULL), 1);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	for (unsigned i = 0; i < 3; i++) {
		clock_now_ns += SECOND;
		(void)tide_store_work(store);
	}
	struct tide_store_stats stats = stats_of(store);
	cr_assert_eq(stats.moved_entries, 0);
	cr_assert_geq(stats.body_held_bytes, 2 * bytes, "it has its copy");
	return store;
}

static void *put_once(void *arg)
{
	return (void *)(uintptr_t)put_pattern(arg, LIMIT / 8 * 6, 2, NULL);
}

/* Neither the body nor its copy is in a put's way. */
Test(room, what_is_half_copied_is_let_go, .timeout = 60)
{
	pthread_t putter;
	void *id;

	if (PLAIN_MEMORY)
		cr_skip_test();
	struct tide_store *store = copying_store(TIDE_STORE_DROP_OLDEST, LIMIT / 8 * 3);
	cr_assert_eq(pthread_create(&putter, NULL, put_once, store), 0);
	cr_assert_eq(pthread_join(putter, &id), 0);
	cr_assert_eq((uintptr_t)id, 2, "the first one was dropped for it");
	assert_body(store, 2, LIMIT / 8 * 6, 2);
	cr_assert_eq(stats_of(store).dropped, 1);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	tide_store_destroy(store);

	store = copying_store(TIDE_STORE_REFUSE, LIMIT / 8 * 3);
	cr_assert_eq(put_pattern(store, LIMIT / 8 * 4, 2, NULL), 2, "where the copy was");
	assert_body(store, 1, LIMIT / 8 * 3, 1);
	tide_store_destroy(store);

	store = copying_store(TIDE_STORE_REFUSE, LIMIT / 8 * 3);
	cr_assert_eq(tide_store_remove(store, 1), 0);
	cr_assert_eq(put_pattern(store, LIMIT / 8 * 6, 2, NULL), 2, "what was removed is room");
	tide_store_destroy(store);
}

/* As where there is always a put that makes room. */
Test(room, it_does_not_give_way_for_ever, .timeout = 60)
{
	static const unsigned pauses_ms[] = { 1, 2, 4, 8, 8, 8 };
	struct tide_store *store = still_store((struct tide_store_options){
	    .defragment_percent = UINT32_MAX, .defragment_slice_ns = MS });
	struct tide_store_stats stats;

	cr_assert_eq(put_pattern(store, 5 << 20, 1, NULL), 1);
	cr_assert_eq(put_pattern(store, 100, 2, NULL), 2);
	tide_room_make_begin(store);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	for (unsigned i = 0; i < COUNT_OF(pauses_ms); i++) {
		uint64_t pause_ns = tide_store_work(store);
		cr_assert_eq(pause_ns, pauses_ms[i] * MS, "%u: %lu ns", i, (unsigned long)pause_ns);
		clock_now_ns += pause_ns;
	}
	cr_assert_eq(stats_of(store).slices, 0);
	/* The large one, to its end; then it gives way again. */
	uint64_t begin_ns = clock_now_ns;
	while (stats_of(store).moved_entries == 0)
		clock_now_ns += tide_store_work(store);
	cr_assert_geq(clock_now_ns - begin_ns, (100 - 1 - 2 - 4 - 3 * 8) * MS);
	cr_assert_lt(clock_now_ns - begin_ns, 60 * SECOND);
	while ((stats = stats_of(store)).defragment_ends == 0) {
		clock_now_ns += tide_store_work(store);
		cr_assert_lt(clock_now_ns - begin_ns, 60 * SECOND);
	}
	cr_assert_eq(stats.moved_entries, 2);
	tide_room_make_end(store);
	assert_body(store, 1, 5 << 20, 1);
	tide_store_destroy(store);
}
