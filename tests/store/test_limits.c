/* Limits at the exact boundary, in each way of counting; what is dropped, and what the program
 * hears of it. */
#include <criterion/criterion.h>

#include "support.h"

#ifndef PLAIN_MEMORY
#define PLAIN_MEMORY 0
#endif

enum { BODY = 1 << 20, THREADS = 4 };

static const enum tide_store_counts ways[] = { TIDE_STORE_BODIES, TIDE_STORE_HELD,
	                                       TIDE_STORE_CHARGED };

static struct tide_store *limited(enum tide_store_counts counts, enum tide_store_policy policy,
                                  uint64_t limit_bytes)
{
	return still_store((struct tide_store_options){
	    .counts = counts, .policy = policy, .limit_bytes = limit_bytes, .dropped = remember });
}

/* Put until it is refused. */
static unsigned fill(struct tide_store *store, size_t bytes)
{
	unsigned count = 0;

	while (put_pattern(store, bytes, count, NULL) != 0)
		cr_assert_lt(++count, 100000);
	cr_assert_eq(errno, ENOSPC);
	return count;
}

Test(limits, bodies_to_the_byte)
{
	struct tide_store *store = limited(TIDE_STORE_BODIES, TIDE_STORE_REFUSE, 1000);

	cr_assert_eq(fill(store, 100), 10);
	cr_assert_eq(stats_of(store).counted_bytes, 1000);
	cr_assert_neq(put_pattern(store, 0, 0, NULL), 0, "no byte fits in");
	cr_assert_eq(tide_store_remove(store, 3), 0);
	cr_assert_eq(put_pattern(store, 101, 0, NULL), 0);
	cr_assert_eq(errno, ENOSPC);
	cr_assert_neq(put_pattern(store, 100, 0, NULL), 0, "at once, freed or not");
	cr_assert_eq(stats_of(store).refused, 2);
	tide_store_destroy(store);
	store = limited(TIDE_STORE_BODIES, TIDE_STORE_REFUSE, 999);
	cr_assert_eq(fill(store, 100), 9);
	cr_assert_neq(put_pattern(store, 99, 0, NULL), 0);
	cr_assert_eq(put_pattern(store, 1, 0, NULL), 0);
	cr_assert_eq(put_pattern(store, 1000, 0, NULL), 0);
	cr_assert_eq(errno, EMSGSIZE);
	tide_store_destroy(store);
}

Test(limits, as_many_entries_as_may_be)
{
	struct tide_store *store =
	    still_store((struct tide_store_options){ .max_entries = 5, .dropped = remember });
	struct tide_store *dropping = still_store((struct tide_store_options){
	    .max_entries = 5, .policy = TIDE_STORE_DROP_OLDEST, .dropped = remember });

	cr_assert_eq(fill(store, 10), 5);
	cr_assert_eq(told_count, 0);
	for (unsigned i = 1; i <= 8; i++)
		cr_assert_eq(put_pattern(dropping, 10, i, NULL), i);
	cr_assert_eq(told_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_told(i, i + 1, TIDE_STORE_LIMIT);
	cr_assert_eq(stats_of(dropping).entries, 5);
	tide_store_destroy(store);
	tide_store_destroy(dropping);
}

Test(limits, no_more_than_needed_is_dropped)
{
	struct tide_store *store = limited(TIDE_STORE_BODIES, TIDE_STORE_DROP_OLDEST, 1000);

	for (unsigned i = 1; i <= 10; i++)
		cr_assert_eq(put_pattern(store, 100, i, NULL), i);
	cr_assert_eq(told_count, 0, "up to the last byte");
	cr_assert_eq(tide_store_touch(store, 1, 0), 0);
	cr_assert_eq(put_pattern(store, 201, 11, NULL), 11);
	cr_assert_eq(told_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_told(i, i + 2, TIDE_STORE_LIMIT);
	assert_body(store, 1, 100, 1);
	cr_assert_eq(put_pattern(store, 99, 12, NULL), 12);
	cr_assert_eq(told_count, 3);
	cr_assert_eq(put_pattern(store, 1001, 0, NULL), 0);
	cr_assert_eq(errno, EMSGSIZE);
	cr_assert_eq(told_count, 3, "nothing is dropped for what can never fit");
	cr_assert_eq(put_pattern(store, 1000, 13, NULL), 13);
	cr_assert_eq(stats_of(store).entries, 1);
	cr_assert_eq(stats_of(store).dropped, 12);
	assert_body(store, 13, 1000, 13);
	tide_store_destroy(store);
}

/* What so many bodies make a store count that has no limit to come to. */
static uint64_t counted_with(enum tide_store_counts counts, unsigned bodies)
{
	struct tide_store *store = limited(counts, TIDE_STORE_REFUSE, (uint64_t)1 << 40);

	for (unsigned i = 0; i < bodies; i++)
		cr_assert_neq(put_pattern(store, BODY, i, NULL), 0);
	struct tide_store_stats stats = stats_of(store);
	cr_assert_eq(stats.counted_bytes, stats.body_held_bytes + stats.entry_held_bytes);
	tide_store_destroy(store);
	told_count = 0;
	return stats.counted_bytes;
}

Test(limits, held_to_the_byte)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	uint64_t seven = counted_with(TIDE_STORE_HELD, 7);
	struct tide_store *store = limited(TIDE_STORE_HELD, TIDE_STORE_REFUSE, seven);

	cr_assert_geq(seven, 7 * BODY);
	cr_assert_eq(fill(store, BODY), 7);
	cr_assert_eq(stats_of(store).counted_bytes, seven);
	cr_assert_eq(tide_store_charge(store, 1 << 30), 0, "it does not count");
	cr_assert_eq(stats_of(store).charged_bytes, 1 << 30);
	cr_assert_eq(stats_of(store).counted_bytes, seven);
	cr_assert_eq(tide_store_remove(store, 2), 0);
	cr_assert_neq(put_pattern(store, BODY, 9, NULL), 0, "what has left is freed for it");
	tide_store_destroy(store);
	store = limited(TIDE_STORE_HELD, TIDE_STORE_REFUSE, seven - 1);
	cr_assert_eq(fill(store, BODY), 6);
	tide_store_destroy(store);
}

Test(limits, charged_to_the_byte)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	uint64_t seven = counted_with(TIDE_STORE_CHARGED, 7);
	struct tide_store *store = limited(TIDE_STORE_CHARGED, TIDE_STORE_REFUSE, seven + 1000);

	for (unsigned i = 0; i < 7; i++)
		cr_assert_neq(put_pattern(store, BODY, i, NULL), 0);
	cr_assert_eq(tide_store_charge(store, 1001), ENOSPC);
	cr_assert_eq(tide_store_charge(store, 1000), 0);
	cr_assert_eq(tide_store_charge(store, 1), ENOSPC);
	cr_assert_eq(stats_of(store).counted_bytes, seven + 1000);
	cr_assert_eq(stats_of(store).charged_bytes, 1000);
	cr_assert_eq(tide_store_charge(store, -1), 0);
	cr_assert_eq(tide_store_charge(store, 1), 0);
	cr_assert_eq(tide_store_charge(store, -1000), 0);
	tide_store_destroy(store);

	/* One byte of the program's is one body less. */
	store = limited(TIDE_STORE_CHARGED, TIDE_STORE_REFUSE, seven);
	cr_assert_eq(tide_store_charge(store, 1), 0);
	cr_assert_eq(fill(store, BODY), 6);
	cr_assert_eq(tide_store_charge(store, -1), 0);
	cr_assert_neq(put_pattern(store, BODY, 7, NULL), 0);
	tide_store_destroy(store);
}

Test(limits, charges_drop_the_oldest)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	uint64_t seven = counted_with(TIDE_STORE_CHARGED, 7);
	struct tide_store *store = limited(TIDE_STORE_CHARGED, TIDE_STORE_DROP_OLDEST, seven);

	for (unsigned i = 0; i < 7; i++)
		cr_assert_neq(put_pattern(store, BODY, i, NULL), 0);
	cr_assert_eq(told_count, 0);
	cr_assert_eq(tide_store_charge(store, 1), 0);
	cr_assert_eq(told_count, 1);
	assert_told(0, 1, TIDE_STORE_LIMIT);
	cr_assert_eq(tide_store_charge(store, (ptrdiff_t)seven), ENOSPC);
	cr_assert_eq(tide_store_charge(store, (ptrdiff_t)seven + 1), ENOSPC);
	tide_store_destroy(store);
}

/* What does not fit with all else dropped drops nothing; what just fits is put. */
Test(limits, nothing_is_dropped_in_vain)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	for (unsigned w = 1; w < COUNT_OF(ways); w++) {
		uint64_t seven = counted_with(ways[w], 7);
		uint64_t most_bytes = seven - (counted_with(ways[w], 1) - BODY);
		struct tide_store *store = limited(ways[w], TIDE_STORE_DROP_OLDEST, seven);

		for (unsigned i = 0; i < 7; i++)
			cr_assert_neq(put_pattern(store, BODY, i, NULL), 0);
		for (size_t bytes = most_bytes + 1; bytes <= seven; bytes += 4096) {
			cr_assert_eq(put_pattern(store, bytes, 0, NULL), 0);
			cr_assert_eq(errno, EMSGSIZE);
		}
		cr_assert_eq(told_count, 0);
		cr_assert_eq(stats_of(store).entries, 7);
		cr_assert_neq(put_pattern(store, most_bytes, 8, NULL), 0);
		cr_assert_eq(told_count, 7);
		cr_assert_eq(stats_of(store).entries, 1);
		tide_store_destroy(store);
	}
}

Test(limits, charges_are_never_dropped_for)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	uint64_t one = counted_with(TIDE_STORE_CHARGED, 1);
	uint64_t seven = counted_with(TIDE_STORE_CHARGED, 7);
	struct tide_store *store = limited(TIDE_STORE_CHARGED, TIDE_STORE_DROP_OLDEST, seven);

	cr_assert_eq(put_pattern(store, BODY, 1, NULL), 1);
	cr_assert_eq(tide_store_charge(store, (ptrdiff_t)(seven - one)), 0);
	cr_assert_eq(put_pattern(store, BODY + 1, 2, NULL), 0);
	cr_assert_eq(errno, ENOSPC);
	cr_assert_eq(tide_store_charge(store, (ptrdiff_t)one + 1), ENOSPC);
	cr_assert_eq(told_count, 0);
	assert_body(store, 1, BODY, 1);
	cr_assert_eq(put_pattern(store, BODY, 3, NULL), 2);
	assert_told(0, 1, TIDE_STORE_LIMIT);
	tide_store_destroy(store);
}

/* Sizes from nothing to a few MiB, in each way and policy: never above the limit, nobody lost. */
static void live_at_the_limit(enum tide_store_counts counts, enum tide_store_policy policy)
{
	uint64_t limit_bytes = 4 << 20, seed = 5, put = 0, refused = 0, gone = 0;
	struct tide_store *store = limited(counts, policy, limit_bytes);

	for (unsigned i = 0; i < 6000; i++) {
		size_t bytes = random_size(&seed, random_next(&seed) % 64 == 0 ? 21 : 13);

		if (put_pattern(store, bytes, i, NULL) != 0) {
			put++;
		} else {
			cr_assert_eq(errno, ENOSPC, "%zu bytes: errno %d", bytes, errno);
			refused++;
		}
		if (random_next(&seed) % 4 == 0)
			gone += tide_store_remove(store, 1 + random_next(&seed) % (put + 1)) == 0;
		if (i % 16 == 0)
			cr_assert_leq(stats_of(store).counted_bytes, limit_bytes);
	}
	struct tide_store_stats stats = stats_of(store);
	cr_assert_eq(stats.puts, put);
	cr_assert_eq(stats.refused, refused);
	cr_assert_eq(stats.removed, gone);
	cr_assert_eq(stats.entries, put - gone - stats.dropped);
	if (policy == TIDE_STORE_REFUSE) {
		cr_assert_gt(refused, 0);
		cr_assert_eq(stats.dropped, 0);
	} else {
		cr_assert_eq(refused, 0);
		cr_assert_gt(stats.dropped, 0);
	}
	tide_store_destroy(store);
}

Test(limits, life_at_the_limit, .timeout = 100)
{
	for (unsigned w = 0; w < (PLAIN_MEMORY ? 1 : COUNT_OF(ways)); w++) {
		live_at_the_limit(ways[w], TIDE_STORE_REFUSE);
		live_at_the_limit(ways[w], TIDE_STORE_DROP_OLDEST);
	}
}

static struct tide_store *raced;
static _Atomic uint64_t dropped_count, put_count;

static void count_dropped(struct tide_store *store, struct tide_store_entry *entry,
                          enum tide_store_reason reason, void *context)
{
	(void)store;
	(void)context;
	bool sound =
	    body_fault(entry, tide_store_bytes(entry), *(uint64_t *)tide_store_user(entry)) == NULL;
	if (sound && reason == TIDE_STORE_LIMIT)
		atomic_fetch_add_explicit(&dropped_count, 1, memory_order_relaxed);
}

static void *race(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg;

	for (unsigned i = 0; i < SCALED(6000); i++) {
		uint64_t user[2] = { random_next(&seed), 0 };
		struct tide_store_put options = { .user = user };

		if (put_pattern(raced, random_size(&seed, i % 64 == 0 ? 20 : 13), user[0],
		                &options) == 0)
			return (void *)(uintptr_t)(errno == ENOSPC ? "ENOSPC" : "another error");
		atomic_fetch_add_explicit(&put_count, 1, memory_order_relaxed);
	}
	return NULL;
}

/* What is put at the limit by many at once is put, and what is dropped for it is told of, with its
 * body, exactly once. */
Test(limits, threads_meet_at_the_limit, .timeout = 100)
{
	for (unsigned w = 0; w < (PLAIN_MEMORY ? 1 : COUNT_OF(ways)); w++) {
		struct tide_store_options options = { .counts = ways[w],
			                              .policy = TIDE_STORE_DROP_OLDEST,
			                              .limit_bytes = 8 << 20,
			                              .user_bytes = 16,
			                              .dropped = count_dropped };
		pthread_t threads[THREADS];
		void *wrong;

		dropped_count = put_count = 0;
		raced = store_with(&options);
		for (uintptr_t i = 0; i < THREADS; i++)
			cr_assert_eq(pthread_create(&threads[i], NULL, race, (void *)(i + 1)), 0);
		for (unsigned i = 0; i < 50; i++)
			cr_assert_leq(stats_of(raced).body_bytes, 8 << 20);
		for (unsigned i = 0; i < THREADS; i++) {
			cr_assert_eq(pthread_join(threads[i], &wrong), 0);
			cr_assert_null(wrong, "way %u: %s", w, (const char *)wrong);
		}
		cr_assert_eq(stats_of(raced).entries, put_count - dropped_count);
		cr_assert_leq(stats_of(raced).counted_bytes, 8 << 20);
		tide_store_destroy(raced);
	}
}

/* Headers are shown beside bodies: what they use, and what is held for them. */
Test(limits, headers_are_in_the_figures)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	struct tide_store *store = still_store((struct tide_store_options){ .user_bytes = 40 });

	for (unsigned i = 0; i < 1000; i++)
		cr_assert_neq(put_pattern(store, 0, i, NULL), 0);
	uint64_t each = stats_of(store).entry_bytes / 1000;
	cr_assert_eq(stats_of(store).entry_bytes, 1000 * each);
	cr_assert_gt(each, 40);
	/* Side by side at their size, to 16 bytes; and a slab that is not full, and bins. */
	cr_assert_geq(stats_of(store).entry_held_bytes, 1000 * each);
	cr_assert_leq(stats_of(store).entry_held_bytes, 1000 * (each + 15) + (128 << 10));
	cr_assert_eq(stats_of(store).held_percent, 0, "of bodies alone");
	for (unsigned id = 1; id <= 999; id++)
		cr_assert_eq(tide_store_remove(store, id), 0);
	cr_assert_eq(stats_of(store).entry_bytes, each);
	tide_store_destroy(store);
}
