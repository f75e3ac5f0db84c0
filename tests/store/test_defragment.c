/* Defragmentation: every body moves, none is ever missing or torn, wherever it is interrupted. */
#include <criterion/criterion.h>

#include "support.h"

#include <sched.h>

#ifndef PLAIN_MEMORY
#define PLAIN_MEMORY 0
#endif

enum { MOST_ENTRIES = 40000 };

/* What the test knows of each entry by its id; size 0 and not there: nothing. */
static struct known {
	size_t bytes;
	bool there;
} known[MOST_ENTRIES];
static unsigned known_count;

static uint64_t put_known(struct tide_store *store, size_t bytes)
{
	uint64_t id = put_pattern(store, bytes, known_count + 1, NULL);

	cr_assert_eq(id, known_count + 1);
	known[id] = (struct known){ bytes, true };
	known_count++;
	return id;
}

static void remove_known(struct tide_store *store, uint64_t id)
{
	cr_assert_eq(tide_store_remove(store, id), known[id].there ? 0 : ENOENT);
	known[id].there = false;
}

/* Bodies of several sizes, then nine of ten removed; the rest lies scattered. */
static void scatter(struct tide_store *store, unsigned count, unsigned max_shift)
{
	uint64_t seed = 3;

	for (unsigned i = 0; i < count; i++)
		put_known(store, i % 97 == 0 ? 0 : random_size(&seed, max_shift));
	for (unsigned id = 1; id <= count; id++) {
		if (id % 10 != 0)
			remove_known(store, id);
	}
	clock_now_ns += SECOND;
	(void)tide_store_work(store);
}

static void assert_known(struct tide_store *store)
{
	uint64_t entries = 0, bytes = 0;

	for (unsigned id = 1; id <= known_count; id++) {
		if (known[id].there) {
			assert_body(store, id, known[id].bytes, id);
			entries++;
			bytes += known[id].bytes;
		} else {
			cr_assert(!is_there(store, id));
		}
	}
	cr_assert_eq(stats_of(store).entries, entries);
	cr_assert_eq(stats_of(store).body_bytes, bytes);
}

static const struct tide_store_options on_demand = { .defragment_percent = UINT32_MAX };

static struct tide_store *slow_store(void)
{
	struct tide_store_options options = on_demand;

	options.defragment_slice_ns = 1; /* one body, or one piece of it, for each slice */
	return still_store(options);
}

/* One slice; whatever pause there is, is over. */
static void slice(struct tide_store *store)
{
	clock_now_ns += 100 * SECOND;
	(void)tide_store_work(store);
}

Test(defragment, an_empty_store)
{
	struct tide_store *store = still_store(on_demand);

	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	put_known(store, 0);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	assert_known(store);
	cr_assert_eq(stats_of(store).defragment_ends, 2);
	cr_assert_eq(stats_of(store).moved_entries, 0);
	tide_store_destroy(store);
}

Test(defragment, what_is_left_lies_together_again, .timeout = 100)
{
	struct tide_store *store = still_store(on_demand);

	scatter(store, SCALED(MOST_ENTRIES - 100), 12);
	uint64_t moving = 0;
	for (unsigned id = 1; id <= known_count; id++)
		moving += known[id].there && known[id].bytes > 0;
	struct tide_store_stats before = stats_of(store);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	struct tide_store_stats after = stats_of(store);
	assert_known(store);
	cr_assert_eq(after.moved_entries, moving);
	cr_assert_eq(after.moved_bytes, after.body_bytes);
	cr_assert_eq(after.body_heaps, 1);
	cr_assert_eq(after.held_before_bytes, before.body_held_bytes);
	cr_assert_eq(after.held_after_bytes, after.body_held_bytes);
	if (!PLAIN_MEMORY && !SANITIZED) {
		cr_assert_gt(before.held_percent, 300);
		cr_assert_lt(after.held_percent, before.held_percent / 2);
	}
	tide_store_destroy(store);
}

/* Between any two slices all is there, and puts, removals and touches go on. */
Test(defragment, the_program_goes_on_between_slices, .timeout = 100)
{
	struct tide_store *store = slow_store();
	uint64_t seed = 9;
	unsigned slices = 0;

	scatter(store, 1000, 18);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	for (;;) {
		slice(store);
		struct tide_store_stats stats = stats_of(store);
		if (stats.defragment_ends == 1)
			break;
		cr_assert_eq(stats.body_heaps, 2);
		cr_assert_eq(stats.verdict, TIDE_STORE_DEFRAGMENTING);
		cr_assert_lt(++slices, 10000);
		uint64_t id = 1 + random_next(&seed) % known_count;
		if (slices % 8 == 0)
			put_known(store, random_size(&seed, 18));
		if (slices % 4 == 0)
			remove_known(store, id);
		else if (known[id].there)
			cr_assert_eq(tide_store_touch(store, id, 0), 0);
		if (slices % 8 == 0 && !SANITIZED)
			assert_known(store);
	}
	cr_assert_gt(slices, 50);
	assert_known(store);
	cr_assert_eq(stats_of(store).body_heaps, 1);
	tide_store_destroy(store);
}

Test(defragment, stopped_anywhere_it_is_whole, .timeout = 100)
{
	struct tide_store *store = slow_store();
	unsigned rounds = 0;

	scatter(store, 300, 18);
	put_known(store, (2 << 20) + 1);
	put_known(store, 100);
	tide_store_defragment_stop(store); /* there is nothing to stop */
	while (stats_of(store).defragment_ends == 0) {
		cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
		for (unsigned i = 0; i < 3; i++)
			slice(store);
		tide_store_defragment_stop(store);
		assert_known(store);
		if (stats_of(store).defragment_ends == 0) {
			cr_assert_eq(stats_of(store).verdict, TIDE_STORE_STOPPED);
			cr_assert_eq(stats_of(store).body_heaps, 2);
		}
		/* The large body needs more slices than that: it is let through at the end. */
		if (++rounds == 40)
			cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
		cr_assert_leq(rounds, 40);
	}
	assert_known(store);
	cr_assert_eq(stats_of(store).body_heaps, 1);
	/* And the end of the store in the middle of it. */
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	slice(store);
	slice(store);
	tide_store_destroy(store);
}

Test(defragment, large_bodies_move_in_pieces, .timeout = 100)
{
	static const size_t sizes[] = { (2 << 20) - 1, 2 << 20, (2 << 20) + 1, MOST_BYTES };
	struct tide_store *store = slow_store();

	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		put_known(store, sizes[i]);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	for (unsigned i = 0; i < 3; i++)
		slice(store);
	cr_assert_eq(stats_of(store).moved_entries, 0, "in 64 KiB pieces");
	for (unsigned i = 0; i < 31; i++)
		slice(store);
	cr_assert_eq(stats_of(store).moved_entries, 1);
	/* The second one leaves while it is copied, and its reader keeps it. */
	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, 2);
	remove_known(store, 2);
	cr_assert_null(body_fault(entry, known[2].bytes, 2));
	tide_store_read_end(store);
	slice(store);
	slice(store);
	cr_assert_eq(stats_of(store).leaving_entries, 1, "it is held until it has been copied");
	while (stats_of(store).moved_entries < 2)
		slice(store);
	slice(store);
	cr_assert_eq(stats_of(store).leaving_entries, 0);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	cr_assert_eq(stats_of(store).moved_entries, 3);
	assert_known(store);
	tide_store_destroy(store);
}

static void *work_once(void *arg)
{
	(void)tide_store_work(arg);
	return NULL;
}

/* A reader who holds a body has it until the section ends, wherever the entry's body is by then. */
Test(defragment, an_old_body_stays_for_its_reader, .timeout = 60)
{
	struct tide_store *store = slow_store();
	pthread_t worker;

	for (unsigned i = 0; i < 4; i++)
		put_known(store, 30000);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	slice(store);
	cr_assert_eq(stats_of(store).moved_entries, 1);
	cr_assert_eq(stats_of(store).slices, 1);

	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, 2);
	const void *body = tide_store_body(entry);
	clock_now_ns += SECOND;
	cr_assert_eq(pthread_create(&worker, NULL, work_once, store), 0);
	while (stats_of(store).moved_entries < 2)
		(void)sched_yield();
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(stats_of(store).slices, 1, "it waits for this section");
		cr_assert(pattern_holds(body, 30000, 2));
		(void)sched_yield();
	}
	cr_assert_neq(tide_store_body(entry), body, "it has moved");
	cr_assert_null(body_fault(entry, 30000, 2));
	tide_store_read_end(store);
	cr_assert_eq(pthread_join(worker, NULL), 0);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	assert_known(store);
	tide_store_destroy(store);
}

static void *defragment_for_ever(void *arg)
{
	return (void *)(intptr_t)tide_store_defragment(arg, TIDE_STORE_FOREVER);
}

Test(defragment, who_waits_hears_of_the_stop, .timeout = 60)
{
	struct tide_store_options options = on_demand;
	struct tide_store *store;
	pthread_t waiter;
	void *error;

	options.defragment_slice_ns = 1;
	store = store_with(&options);
	for (unsigned i = 0; i < 100; i++)
		put_known(store, 1000);
	/* In this section it may begin, but not take a new heap into use. */
	tide_store_read_begin(store);
	cr_assert_eq(pthread_create(&waiter, NULL, defragment_for_ever, store), 0);
	while (stats_of(store).body_heaps == 1)
		(void)sched_yield();
	tide_store_defragment_stop(store);
	tide_store_read_end(store);
	cr_assert_eq(pthread_join(waiter, &error), 0);
	cr_assert_eq((intptr_t)error, ECANCELED);
	assert_known(store);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_STOPPED);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), 0);
	cr_assert_eq(stats_of(store).moved_entries, 100);
	assert_known(store);
	tide_store_destroy(store);
}

/* The timer: checks, what they say, and the start. */
Test(defragment, it_starts_by_itself_and_says_why, .timeout = 100)
{
	struct tide_store_options options = { .defragment_percent = 200,
		                              .defragment_waste_bytes = 1 << 20,
		                              .defragment_after_ns = 10 * SECOND,
		                              .defragment_check_ns = SECOND };

	if (PLAIN_MEMORY)
		cr_skip_test();
	struct tide_store *store = still_store(options);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_NOT_CHECKED);
	for (unsigned i = 0; i < MOST_ENTRIES - 1; i++)
		put_known(store, 500);
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_NOT_CHECKED);
	clock_now_ns += SECOND;
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_COMPACT);
	cr_assert_eq(tide_store_work(store), TIDE_STORE_FOREVER, "nothing to do");
	for (unsigned id = 1; id < MOST_ENTRIES; id++) {
		if (id % 10 != 0)
			remove_known(store, id);
	}
	(void)tide_store_work(store); /* frees */
	clock_now_ns += SECOND;
	(void)tide_store_work(store); /* checks */
	struct tide_store_stats stats = stats_of(store);
	cr_assert_eq(stats.verdict, TIDE_STORE_FRAGMENTED, "%s",
	             tide_store_verdict_text((enum tide_store_verdict)stats.verdict));
	cr_assert_geq(stats.held_percent, 200);
	cr_assert_eq(stats.fragmented_ns, 0);
	for (unsigned i = 1; i < 10; i++) {
		clock_now_ns += SECOND;
		cr_assert_leq(tide_store_work(store), SECOND);
		cr_assert_eq(stats_of(store).fragmented_ns, i * SECOND);
		cr_assert_eq(stats_of(store).defragment_starts, 0);
	}
	for (unsigned i = 0; i < 10000 && stats_of(store).defragment_ends == 0; i++) {
		clock_now_ns += SECOND;
		(void)tide_store_work(store);
		cr_assert_eq(stats_of(store).defragment_by_timer, 1);
	}
	assert_known(store);
	stats = stats_of(store);
	cr_assert_eq(stats.defragment_ends, 1);
	cr_assert_lt(stats.held_percent, 200);
	(void)tide_store_work(store);
	stats = stats_of(store);
	cr_assert(stats.verdict == TIDE_STORE_COMPACT || stats.verdict == TIDE_STORE_LITTLE_WASTE);
	cr_assert_eq(stats.fragmented_ns, 0);
	tide_store_destroy(store);
}

Test(defragment, switched_off_is_a_verdict)
{
	struct tide_store *store = still_store(on_demand);

	put_known(store, 1);
	(void)tide_store_work(store);
	clock_now_ns += 2 * SECOND;
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_SWITCHED_OFF);
	tide_store_destroy(store);
}

/* Under a limit of pages there is no more memory for the move than the limit has left. */
Test(defragment, it_waits_for_room_within_the_limit, .timeout = 100)
{
	struct tide_store_options options = on_demand;
	struct tide_store *store;

	if (PLAIN_MEMORY)
		cr_skip_test();
	options.counts = TIDE_STORE_HELD;
	options.limit_bytes = 32 << 20;
	store = still_store(options);
	for (unsigned i = 0; i < 3; i++)
		put_known(store, 10 << 20);
	put_known(store, 1000);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), ENOMEM);
	cr_assert_eq(stats_of(store).verdict, TIDE_STORE_WAITS_FOR_ROOM);
	assert_known(store);
	cr_assert_leq(stats_of(store).counted_bytes, options.limit_bytes);
	/* Puts still know the limit, and what leaves is room. */
	errno = 0;
	cr_assert_eq(put_pattern(store, 10 << 20, 0, NULL), 0);
	cr_assert_eq(errno, ENOSPC);
	remove_known(store, 2);
	for (unsigned i = 0; i < 1000 && stats_of(store).defragment_ends == 0; i++) {
		slice(store);
		cr_assert_leq(stats_of(store).counted_bytes, options.limit_bytes);
	}
	cr_assert_eq(stats_of(store).defragment_ends, 1);
	cr_assert_eq(stats_of(store).moved_entries, 3);
	assert_known(store);
	tide_store_destroy(store);
}
