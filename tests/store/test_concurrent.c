/* Readers, writers, expiry and defragmentation at once: each body that is found is whole. */
#include <criterion/criterion.h>

#include "support.h"

#include <sched.h>

#ifndef PLAIN_MEMORY
#define PLAIN_MEMORY 0
#endif

enum { READERS = 2, WRITERS = 2, WINDOW = 3000, USER_WORDS = 2 };

static struct tide_store *store;
static unsigned writes_each;        /* by each writer */
static _Atomic uint64_t newest;     /* about the highest id */
static _Atomic uint64_t dropped[4]; /* by reason */
static _Atomic unsigned writers_left;
static _Atomic uint64_t found_count;

static uint64_t load(_Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static const char *entry_fault(struct tide_store_entry *entry)
{
	uint64_t *user = tide_store_user(entry);

	if (user[1] != ~user[0])
		return "the user bytes are another's";
	return body_fault(entry, tide_store_bytes(entry), user[0]);
}

static const char *_Atomic callback_fault;

static void count_drop(struct tide_store *of, struct tide_store_entry *entry,
                       enum tide_store_reason reason, void *context)
{
	(void)of;
	(void)context;
	const char *wrong = entry_fault(entry);
	if (wrong != NULL)
		atomic_store_explicit(&callback_fault, wrong, memory_order_relaxed);
	atomic_fetch_add_explicit(&dropped[reason], 1, memory_order_relaxed);
}

static uint64_t some_id(uint64_t *seed)
{
	uint64_t last = load(&newest), back = random_next(seed) % WINDOW;

	return last > back ? last - back : 1;
}

static void *read_on(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg, found = 0;
	const char *wrong = NULL;

	while (wrong == NULL && atomic_load_explicit(&writers_left, memory_order_relaxed) > 0) {
		tide_store_read_begin(store);
		for (unsigned i = 0; i < 8 && wrong == NULL; i++) {
			struct tide_store_entry *entry = tide_store_get(store, some_id(&seed));

			if (entry == NULL)
				continue;
			wrong = entry_fault(entry);
			found++;
		}
		tide_store_read_end(store);
		(void)sched_yield(); /* there may be fewer processors than threads */
	}
	atomic_fetch_add_explicit(&found_count, found, memory_order_relaxed);
	return (void *)(uintptr_t)wrong;
}

static const char *write_once(uint64_t *seed)
{
	uint64_t user[USER_WORDS] = { random_next(seed) };
	struct tide_store_put options = { .user = user };
	unsigned choice = (unsigned)(random_next(seed) % 16);
	size_t bytes = random_size(seed, choice == 0 && random_next(seed) % 32 == 0 ? 22 : 12);

	user[1] = ~user[0];
	if (choice == 1)
		options.ttl_ns = 1 + random_next(seed) % (20 * MS);
	if (choice < 9) {
		uint64_t id = put_pattern(store, bytes, user[0], &options);

		if (id == 0)
			return errno == ENOSPC ? NULL : "put failed, and not for the limit";
		atomic_store_explicit(&newest, id, memory_order_relaxed);
		return NULL;
	}
	int error = choice < 11 ? tide_store_touch(store, some_id(seed), 0)
	                        : tide_store_remove(store, some_id(seed));
	return error == 0 || error == ENOENT ? NULL : "touch or remove failed";
}

static void *write_on(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg;
	const char *wrong = NULL;

	for (unsigned i = 0; i < writes_each && wrong == NULL; i++)
		wrong = write_once(&seed);
	atomic_fetch_sub_explicit(&writers_left, 1, memory_order_relaxed);
	return (void *)(uintptr_t)wrong;
}

static unsigned walked;

static int check_one(struct tide_store_entry *entry, void *context)
{
	const char **wrong = context;

	walked++;
	*wrong = entry_fault(entry);
	return *wrong != NULL;
}

/* Defragments over and over, and stops it now and then; returns how often it came to an end. */
static unsigned defragment_on(unsigned *stops)
{
	unsigned ends = 0;
	const char *wrong = NULL;

	*stops = 0;
	while (atomic_load_explicit(&writers_left, memory_order_relaxed) > 0 || ends == 0) {
		if ((ends + *stops) % 3 == 2) {
			(void)tide_store_defragment(store, 0);
			tide_store_defragment_stop(store);
			++*stops;
		}
		ends += tide_store_defragment(store, TIDE_STORE_FOREVER) == 0;
		cr_assert_eq(tide_store_walk(store, check_one, &wrong), 0, "%s", wrong);
	}
	return ends;
}

static void run(struct tide_store_options options, unsigned writes)
{
	pthread_t readers[READERS], writers[WRITERS];
	const char *wrong = NULL;
	unsigned stops;
	void *result;

	options.user_bytes = USER_WORDS * sizeof(uint64_t);
	options.dropped = count_drop;
	options.defragment_slice_ns = 20000;
	store = store_with(&options);
	writes_each = SANITIZED ? writes / 4 : writes;
	newest = 0;
	writers_left = WRITERS;
	for (unsigned i = 0; i < COUNT_OF(dropped); i++)
		dropped[i] = 0;
	for (uintptr_t i = 0; i < WRITERS; i++)
		cr_assert_eq(pthread_create(&writers[i], NULL, write_on, (void *)(i + 1)), 0);
	for (uintptr_t i = 0; i < READERS; i++)
		cr_assert_eq(pthread_create(&readers[i], NULL, read_on, (void *)(i + 77)), 0);
	unsigned ends = defragment_on(&stops);
	for (unsigned i = 0; i < WRITERS; i++) {
		cr_assert_eq(pthread_join(writers[i], &result), 0);
		cr_assert_null(result, "writer: %s", (char *)result);
	}
	for (unsigned i = 0; i < READERS; i++) {
		cr_assert_eq(pthread_join(readers[i], &result), 0);
		cr_assert_null(result, "reader: %s", (char *)result);
	}
	struct tide_store_stats stats = stats_of(store);
	cr_assert_geq(stats.defragment_ends, ends);
	cr_assert_gt(stats.moved_entries, 0);
	cr_assert_gt(load(&found_count), 0);
	if (options.limit_bytes != 0)
		cr_assert_leq(stats.counted_bytes, options.limit_bytes);
	walked = 0;
	cr_assert_eq(tide_store_walk(store, check_one, &wrong), 0, "%s", wrong);
	tide_store_destroy(store);
	cr_assert_null(atomic_load(&callback_fault), "dropped: %s", atomic_load(&callback_fault));
	/* Each entry left once. */
	cr_assert_eq(stats.puts, dropped[0] + dropped[1] + dropped[2] + dropped[3]);
	cr_assert_eq(stats.removed, dropped[TIDE_STORE_REMOVED]);
	cr_assert_eq(stats.dropped, dropped[TIDE_STORE_LIMIT]);
}

Test(concurrent, without_a_limit, .timeout = 110)
{
	run((struct tide_store_options){ 0 }, 30000);
}

Test(concurrent, dropping_the_oldest_bodies, .timeout = 110)
{
	run((struct tide_store_options){ .limit_bytes = 4 << 20,
	                                 .policy = TIDE_STORE_DROP_OLDEST,
	                                 .ttl_ns = TIDE_STORE_SECOND },
	    30000);
	/* A quarter of the writes, slowly made, need not come to it. */
	if (!SANITIZED)
		cr_assert_gt(dropped[TIDE_STORE_LIMIT], 0);
}

Test(concurrent, within_a_limit_of_pages, .timeout = 110)
{
	if (PLAIN_MEMORY)
		cr_skip_test();
	run((struct tide_store_options){ .limit_bytes = 24 << 20,
	                                 .counts = TIDE_STORE_HELD,
	                                 .policy = TIDE_STORE_DROP_OLDEST },
	    10000);
	run((struct tide_store_options){ .limit_bytes = 24 << 20,
	                                 .counts = TIDE_STORE_CHARGED,
	                                 .policy = TIDE_STORE_REFUSE },
	    10000);
}
