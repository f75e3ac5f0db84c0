/* Entries: put, found, touched, removed, walked, over. */
#include <criterion/criterion.h>

#include "support.h"

#include <sched.h>
#include <sys/resource.h>

static const size_t sizes[] = {
	0, 1, 15, 16, 17, 4096, 100000, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, MOST_BYTES
};

Test(entries, bodies_of_all_sizes_come_back)
{
	struct tide_store *store = store_with(NULL);
	uint64_t ids[COUNT_OF(sizes)];
	uint64_t bytes = 0;

	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		ids[i] = put_pattern(store, sizes[i], i, NULL);
		cr_assert_eq(ids[i], i + 1);
		bytes += sizes[i];
	}
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		assert_body(store, ids[i], sizes[i], i);
	cr_assert_eq(stats_of(store).entries, COUNT_OF(sizes));
	cr_assert_eq(stats_of(store).body_bytes, bytes);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		cr_assert_eq(tide_store_remove(store, ids[i]), 0);
		cr_assert_eq(tide_store_remove(store, ids[i]), ENOENT);
		cr_assert(!is_there(store, ids[i]));
	}
	cr_assert_eq(stats_of(store).entries, 0);
	cr_assert_eq(stats_of(store).body_bytes, 0);
	tide_store_destroy(store);
	tide_store_destroy(NULL);
}

Test(entries, options_out_of_range_are_refused)
{
	static const struct tide_store_options bad[] = {
		{ .counts = (enum tide_store_counts)3 },
		{ .policy = (enum tide_store_policy)2 },
		{ .user_bytes = 4097 },
		{ .clock = clock_read },
		{ .counts = TIDE_STORE_HELD, .limit_bytes = (1 << 20) - 1 },
		{ .counts = TIDE_STORE_CHARGED, .limit_bytes = UINT64_MAX },
		{ .first_id = UINT64_MAX },
	};

	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		errno = 0;
		cr_assert_null(tide_store_create(&bad[i]), "options %u", i);
		cr_assert_eq(errno, EINVAL);
	}
}

Test(entries, ids_are_never_given_again)
{
	struct tide_store *store = still_store((struct tide_store_options){ .first_id = 100 });

	cr_assert_eq(put_pattern(store, 10, 1, NULL), 100);
	cr_assert_eq(tide_store_remove(store, 100), 0);
	cr_assert_eq(put_pattern(store, 10, 1, NULL), 101);
	/* As when a log is read again. */
	struct tide_store_put chosen = { .id = 500 };
	cr_assert_eq(put_pattern(store, 20, 2, &chosen), 500);
	errno = 0;
	cr_assert_eq(put_pattern(store, 30, 3, &chosen), 0);
	cr_assert_eq(errno, EEXIST);
	assert_body(store, 500, 20, 2);
	chosen.id = 400;
	cr_assert_eq(put_pattern(store, 40, 4, &chosen), 400);
	cr_assert_eq(put_pattern(store, 50, 5, NULL), 501);
	cr_assert_eq(stats_of(store).entries, 4);
	cr_assert_eq(stats_of(store).body_bytes, 10 + 20 + 40 + 50);
	tide_store_destroy(store);
}

/* No id is 0, which would be nobody's, and none comes twice. */
Test(entries, ids_come_to_their_end)
{
	struct tide_store *store =
	    still_store((struct tide_store_options){ .first_id = UINT64_MAX - 2 });
	struct tide_store_put chosen = { .id = UINT64_MAX };

	cr_assert_eq(put_pattern(store, 10, 1, &chosen), 0);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(put_pattern(store, 10, 2, NULL), UINT64_MAX - 2);
	chosen.id = UINT64_MAX - 1;
	cr_assert_eq(put_pattern(store, 10, 3, &chosen), UINT64_MAX - 1);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(put_pattern(store, 10, 4, NULL), 0);
		cr_assert_eq(errno, EOVERFLOW);
	}
	chosen.id = 7;
	cr_assert_eq(put_pattern(store, 10, 5, &chosen), 7);
	assert_body(store, UINT64_MAX - 1, 10, 3);
	cr_assert_eq(stats_of(store).entries, 3);
	cr_assert_eq(stats_of(store).body_bytes, 30);
	tide_store_destroy(store);
}

Test(entries, user_bytes_belong_to_the_program)
{
	char given[40], zeroes[40] = { 0 };
	struct tide_store *store =
	    still_store((struct tide_store_options){ .user_bytes = sizeof given });

	memset(given, 7, sizeof given);
	struct tide_store_put options = { .user = given };
	uint64_t first = put_pattern(store, 100, 1, &options);
	uint64_t second = put_pattern(store, 100, 2, NULL);
	tide_store_read_begin(store);
	char *user = tide_store_user(tide_store_get(store, first));
	cr_assert_eq((uintptr_t)user % 16, 0);
	cr_assert_arr_eq(user, given, sizeof given);
	cr_assert_arr_eq(tide_store_user(tide_store_get(store, second)), zeroes, sizeof zeroes);
	tide_store_read_end(store);
	user[39] = 9; /* it stays there as long as the entry */
	tide_store_read_begin(store);
	cr_assert_eq(tide_store_user(tide_store_get(store, first)), user);
	cr_assert_eq(user[39], 9);
	tide_store_read_end(store);
	tide_store_destroy(store);
}

Test(entries, too_large_is_told_from_no_room)
{
	struct tide_store *store =
	    still_store((struct tide_store_options){ .limit_bytes = 5000, .max_body_bytes = 1000 });

	cr_assert_neq(put_pattern(store, 1000, 1, NULL), 0);
	errno = 0;
	cr_assert_eq(put_pattern(store, 1001, 1, NULL), 0);
	cr_assert_eq(errno, EMSGSIZE);
	errno = 0;
	cr_assert_eq(tide_store_put(store, NULL, SIZE_MAX, NULL), 0);
	cr_assert_eq(errno, EMSGSIZE);
	cr_assert_eq(stats_of(store).refused, 2);
	tide_store_destroy(store);
	store = still_store((struct tide_store_options){ 0 });
	errno = 0;
	cr_assert_eq(tide_store_put(store, NULL, SIZE_MAX, NULL), 0);
	cr_assert_eq(errno, EMSGSIZE);
	tide_store_destroy(store);
}

Test(entries, no_memory_is_told_from_the_limit)
{
	struct tide_store_options options = { .limit_bytes = (uint64_t)1 << 40,
		                              .counts = TIDE_STORE_HELD,
		                              .policy = TIDE_STORE_DROP_OLDEST };
	size_t bytes = (size_t)1 << 36;
	char *body = "the entry that stays";

	if (SANITIZED) /* their shadow memory has no limit */
		cr_skip_test();
	struct tide_store *store = still_store(options);
	cr_assert_eq(tide_store_put(store, body, 20, NULL), 1);
	struct rlimit limit = { (rlim_t)1 << 33, (rlim_t)1 << 33 };
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	errno = 0;
	cr_assert_eq(tide_store_put(store, body, bytes, NULL), 0);
	cr_assert_eq(errno, ENOMEM);
	cr_assert(is_there(store, 1));
	cr_assert_eq(stats_of(store).entries, 1);
	cr_assert_eq(stats_of(store).body_bytes, 20);
	tide_store_destroy(store);
}

Test(entries, a_read_section_must_not_wait_for_itself)
{
	struct tide_store *store = store_with(NULL);

	tide_store_read_begin(store);
	tide_store_read_begin(store);
	tide_store_read_end(store);
	errno = 0;
	cr_assert_eq(tide_store_put(store, "x", 1, NULL), 0);
	cr_assert_eq(errno, EDEADLK);
	cr_assert_eq(tide_store_defragment(store, TIDE_STORE_FOREVER), EDEADLK);
	cr_assert_eq(tide_store_charge(store, 1), EDEADLK);
	cr_assert_eq(tide_store_charge(store, -1), 0);
	tide_store_defragment_stop(store);
	tide_store_read_end(store);
	cr_assert_eq(tide_store_put(store, "x", 1, NULL), 1);
	tide_store_destroy(store);
}

Test(entries, what_is_removed_stays_readable_in_the_section)
{
	struct tide_store *store = still_store((struct tide_store_options){ .user_bytes = 16 });
	uint64_t id = put_pattern(store, 50000, 3, NULL);

	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, id);
	cr_assert_eq(tide_store_remove(store, id), 0);
	cr_assert_null(tide_store_get(store, id));
	cr_assert(!tide_store_is_live(entry));
	cr_assert_null(body_fault(entry, 50000, 3));
	cr_assert_eq(tide_store_id(entry), id);
	tide_store_read_end(store);
	cr_assert_eq(stats_of(store).leaving_entries, 1);
	cr_assert_eq(stats_of(store).leaving_bytes, 50000);
	clock_now_ns += SECOND;
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).leaving_entries, 0);
	cr_assert_eq(stats_of(store).leaving_bytes, 0);
	tide_store_destroy(store);
}

/* An entry is found by the clock, and live until it is told. */
Test(entries, live_beyond_the_lifetime_until_told)
{
	struct tide_store *store = still_store((struct tide_store_options){ .ttl_ns = SECOND });
	uint64_t id = put_pattern(store, 10, 1, NULL);

	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, id);
	cr_assert_not_null(entry);
	clock_now_ns += 2 * SECOND;
	cr_assert_null(tide_store_get(store, id));
	cr_assert(tide_store_is_live(entry));
	tide_store_read_end(store);
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).expired, 1);
	tide_store_destroy(store);
}

Test(entries, lifetimes_end)
{
	struct tide_store *store =
	    still_store((struct tide_store_options){ .ttl_ns = 10 * MS, .dropped = remember });
	struct tide_store_put life = { .ttl_ns = 2 * SECOND };
	struct tide_store_put for_ever = { .ttl_ns = TIDE_STORE_FOREVER };
	struct tide_store_times times;
	uint64_t start_ns = clock_now_ns;
	uint64_t usual = put_pattern(store, 10, 1, NULL);
	uint64_t longer = put_pattern(store, 10, 2, &life);
	uint64_t endless = put_pattern(store, 10, 3, &for_ever);

	tide_store_read_begin(store);
	tide_store_times(tide_store_get(store, longer), &times);
	cr_assert_eq(times.put_ns, start_ns);
	cr_assert_eq(times.touched_ns, start_ns);
	cr_assert_eq(times.expires_ns, start_ns + 2 * SECOND);
	tide_store_times(tide_store_get(store, endless), &times);
	cr_assert_eq(times.expires_ns, TIDE_STORE_FOREVER);
	tide_store_read_end(store);

	/* It asks to be called in time, at the latest a tick after the end. */
	cr_assert_leq(tide_store_work(store), 12 * MS);
	clock_now_ns = start_ns + 10 * MS - 1;
	(void)tide_store_work(store);
	cr_assert(is_there(store, usual));
	clock_now_ns++;
	cr_assert(!is_there(store, usual), "over, if not told of yet");
	cr_assert_eq(tide_store_touch(store, usual, 0), ENOENT);
	cr_assert_eq(tide_store_remove(store, usual), ENOENT);
	clock_now_ns += 2 * MS;
	(void)tide_store_work(store);
	assert_told(0, usual, TIDE_STORE_EXPIRED);
	clock_now_ns = start_ns + 3 * SECOND;
	(void)tide_store_work(store);
	assert_told(1, longer, TIDE_STORE_EXPIRED);
	clock_now_ns += 1000000 * SECOND;
	(void)tide_store_work(store);
	cr_assert_eq(told_count, 2);
	assert_body(store, endless, 10, 3);
	cr_assert_eq(stats_of(store).expired, 2);
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).leaving_entries, 0);
	tide_store_destroy(store);
	assert_told(2, endless, TIDE_STORE_DESTROYED);
	cr_assert_eq(told_count, 3);
}

Test(entries, touching_begins_a_new_life)
{
	struct tide_store *store =
	    still_store((struct tide_store_options){ .ttl_ns = SECOND, .dropped = remember });
	uint64_t start_ns = clock_now_ns;
	uint64_t first = put_pattern(store, 10, 1, NULL);
	uint64_t second = put_pattern(store, 10, 2, NULL);

	clock_now_ns += SECOND - 1;
	cr_assert_eq(tide_store_touch(store, first, 0), 0);
	cr_assert_eq(tide_store_touch(store, 99, 0), ENOENT);
	clock_now_ns = start_ns + SECOND + 2 * MS;
	(void)tide_store_work(store);
	cr_assert_eq(told_count, 1);
	assert_told(0, second, TIDE_STORE_EXPIRED);
	/* Longer, and without end. */
	cr_assert_eq(tide_store_touch(store, first, 5 * SECOND), 0);
	clock_now_ns += 4 * SECOND;
	cr_assert_eq(tide_store_touch(store, first, 0), 0);
	clock_now_ns += 4 * SECOND;
	(void)tide_store_work(store);
	cr_assert(is_there(store, first));
	cr_assert_eq(tide_store_touch(store, first, TIDE_STORE_FOREVER), 0);
	clock_now_ns += 4000 * SECOND;
	(void)tide_store_work(store);
	cr_assert_eq(tide_store_touch(store, first, 0), 0);
	clock_now_ns += 4000 * SECOND;
	(void)tide_store_work(store);
	cr_assert(is_there(store, first));
	cr_assert_eq(tide_store_touch(store, first, SECOND), 0);
	clock_now_ns += SECOND + 2 * MS;
	(void)tide_store_work(store);
	assert_told(1, first, TIDE_STORE_EXPIRED);
	tide_store_destroy(store);
}

static uint64_t seen[100];
static unsigned seen_count;

static int see(struct tide_store_entry *entry, void *context)
{
	(void)context;
	if (seen_count < COUNT_OF(seen))
		seen[seen_count++] = tide_store_id(entry);
	return 0;
}

struct visit {
	struct tide_store *store;
	unsigned stop_after;
};

/* Removes the next entry, touches this one; stops. */
static int meddle(struct tide_store_entry *entry, void *context)
{
	struct visit *visit = context;

	(void)see(entry, NULL);
	(void)tide_store_remove(visit->store, tide_store_id(entry) + 1);
	(void)tide_store_touch(visit->store, tide_store_id(entry), 0);
	return seen_count == visit->stop_after ? 42 : 0;
}

Test(entries, walks_go_from_the_oldest)
{
	struct tide_store *store = still_store((struct tide_store_options){ 0 });
	struct visit visit = { store, 0 };

	cr_assert_eq(tide_store_walk(store, see, NULL), 0);
	cr_assert_eq(seen_count, 0);
	for (unsigned i = 1; i <= 10; i++)
		cr_assert_eq(put_pattern(store, i, i, NULL), i);
	cr_assert_eq(tide_store_touch(store, 4, 0), 0);
	cr_assert_eq(tide_store_walk(store, see, NULL), 0);
	static const uint64_t order[] = { 1, 2, 3, 5, 6, 7, 8, 9, 10, 4 };
	cr_assert_eq(seen_count, 10);
	cr_assert_arr_eq(seen, order, sizeof order);

	/* Each removes the one with the next id, 3 the last of all, and becomes the youngest; none
	 * twice. */
	seen_count = 0;
	cr_assert_eq(tide_store_walk(store, meddle, &visit), 0);
	static const uint64_t left[] = { 1, 3, 5, 7, 9 };
	cr_assert_eq(seen_count, 5);
	cr_assert_arr_eq(seen, left, sizeof left);
	seen_count = 0;
	visit.stop_after = 2;
	cr_assert_eq(tide_store_walk(store, meddle, &visit), 42);
	cr_assert_eq(seen_count, 2);
	tide_store_destroy(store);
}

static _Atomic unsigned expired_count;

static void count_expired(struct tide_store *store, struct tide_store_entry *entry,
                          enum tide_store_reason reason, void *context)
{
	(void)store;
	(void)entry;
	(void)context;
	if (reason == TIDE_STORE_EXPIRED)
		atomic_fetch_add_explicit(&expired_count, 1, memory_order_relaxed);
}

/* Nobody calls in; the limit of time is the test's. */
Test(entries, they_expire_by_themselves, .timeout = 60)
{
	struct tide_store_options options = { .dropped = count_expired };
	struct tide_store *store = store_with(&options);

	for (unsigned i = 0; i < 500; i++) {
		struct tide_store_put put = { .ttl_ns = (500 - i) * MS / 4 + 1 };

		cr_assert_neq(put_pattern(store, i, i, &put), 0);
	}
	while (atomic_load_explicit(&expired_count, memory_order_relaxed) < 500)
		(void)sched_yield();
	cr_assert_eq(stats_of(store).entries, 0);
	while (stats_of(store).leaving_entries > 0)
		(void)sched_yield();
	tide_store_destroy(store);
}
