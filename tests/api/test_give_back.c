/* What is freed goes back to the system: by a call, by the calls that free, or on an idle process.
 *
 * Each test starts in a process of its own, so the kernel's figure of resident memory, less what
 * was there before, is the allocator's. Sanitizers keep memory of their own: there the same work is
 * done, but the figures are not looked at.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "support.h"

TestSuite(give_back, .timeout = 120);

enum { BLOCKS_MAX = 1000000 };

/* Blocks and nothing else, in memory that the base figure already counts. */
static void *block[BLOCKS_MAX];

static size_t base_bytes(void)
{
	memset(block, 1, sizeof block);
	memset(block, 0, sizeof block);
	return resident_bytes();
}

/* Mixed blocks of `bytes` in all, written to; returns how many. */
static size_t make_blocks(void **at, size_t room, size_t bytes, uint64_t seed)
{
	uint64_t random = seed;
	size_t count = 0;

	for (size_t made = 0; made < bytes && count < room; count++) {
		size_t size = random_mixed_size(&random);

		if (random_next(&random) % 8192 == 0)
			size += 1 * MIB;
		at[count] = tide_malloc(size);
		if (at[count] == NULL)
			break;
		memset(at[count], (int)count, size);
		made += size;
	}
	return count;
}

static void free_in_random_order(void **at, size_t count, uint64_t seed)
{
	uint64_t random = seed;

	while (count > 0) {
		size_t i = random_next(&random) % count;

		tide_free(at[i]);
		at[i] = at[--count];
	}
}

/* ---- Two threads, then nobody calls ---- */

struct idler {
	pthread_barrier_t *barrier;
	void **at;
	size_t count;
};

static void *make_free_and_idle(void *arg)
{
	struct idler *own = arg;

	own->count = make_blocks(own->at, BLOCKS_MAX / 2, SCALED(100 * MIB), 2);
	(void)pthread_barrier_wait(own->barrier); /* both have made theirs */
	(void)pthread_barrier_wait(own->barrier); /* the peak was read */
	free_in_random_order(own->at, own->count, 4);
	(void)pthread_barrier_wait(own->barrier); /* both have freed theirs */
	(void)pthread_barrier_wait(own->barrier); /* the end */
	return NULL;
}

Test(give_back, an_idle_process_of_two_threads_gives_back)
{
	pthread_barrier_t barrier;
	struct idler other = { .barrier = &barrier, .at = block + BLOCKS_MAX / 2 };
	pthread_t thread;
	size_t base = base_bytes();

	cr_assert_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
	cr_assert_eq(pthread_create(&thread, NULL, make_free_and_idle, &other), 0);
	size_t count = make_blocks(block, BLOCKS_MAX / 2, SCALED(100 * MIB), 1);
	(void)pthread_barrier_wait(&barrier);
	size_t peak = resident_above(base);
	(void)pthread_barrier_wait(&barrier);
	free_in_random_order(block, count, 3);
	(void)pthread_barrier_wait(&barrier);

	/* Nobody calls the allocator from here on. */
	size_t now = resident_above(base);
	for (unsigned poll = 0; poll < 24 && now >= peak / 10; poll++) {
		sleep_ms(500);
		now = resident_above(base);
	}
	(void)pthread_barrier_wait(&barrier);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	if (!SANITIZED) {
		cr_assert_geq(peak, 180 * MIB, "the peak was only %zu MiB", peak / MIB);
		cr_assert_lt(now, peak / 10, "%zu MiB of %zu are still resident", now / MIB,
		             peak / MIB);
	}
}

/* ---- One thread: the calls that free also give back ---- */

static size_t retained_bound_bytes(size_t live_bytes)
{
	size_t part = live_bytes / 4;

	return live_bytes + (part > 16 * MIB ? part : 16 * MIB) + 24 * MIB;
}

static long page_faults(void)
{
	struct rusage usage;

	cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt;
}

/* A few of each size, as a program that goes on with something else would. */
static void make_and_free_some(void)
{
	static void *some[400];

	for (size_t size = 16; size <= 1024; size += 16) {
		for (size_t i = 0; i < COUNT_OF(some); i++)
			some[i] = tide_malloc(size);
		for (size_t i = 0; i < COUNT_OF(some); i++)
			tide_free(some[i]);
	}
}

/* Blocks that come and go in turns are kept whole in ready queues, as many as that takes; nobody
 * but the thread itself can tell when it is over. */
Test(give_back, a_single_thread_keeps_no_more_of_what_came_and_went_in_turns)
{
	static const size_t size[] = { 64, 128, 256 };
	size_t base = base_bytes();

	for (unsigned s = 0; s < COUNT_OF(size); s++) {
		size_t most = SCALED(60 * MIB) / size[s];
		for (size_t count = most / 16; count <= most; count += most / 16) {
			for (size_t i = 0; i < count; i++) {
				block[i] = tide_malloc(size[s]);
				cr_assert_not_null(block[i]);
				memset(block[i], 1, size[s]);
			}
			for (size_t i = 0; i < count; i++)
				tide_free(block[i]);
		}
	}
	size_t now = resident_above(base);
	if (!SANITIZED)
		cr_assert_lt(now, retained_bound_bytes(0) + 3 * 16 * MIB, "%zu MiB", now / MIB);
	/* A thread that goes on with little forgets about it. */
	for (unsigned i = 0; i < 12 && now >= retained_bound_bytes(0); i++) {
		sleep_ms(300);
		make_and_free_some();
		now = resident_above(base);
	}
	if (!SANITIZED)
		cr_assert_lt(now, retained_bound_bytes(0), "%zu MiB stay", now / MIB);
}

/* The same again and again: what was given back once too often stays, and no faults are paid. */
Test(give_back, a_single_thread_keeps_what_it_gave_back_too_early)
{
	enum { ROUNDS = 12, SOME = 24 * 1024 };
	long last = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		long before = page_faults();
		for (size_t i = 0; i < SOME; i++) {
			block[i] = tide_malloc(1000);
			cr_assert_not_null(block[i]);
			memset(block[i], 1, 1000);
		}
		for (size_t i = 0; i < SOME; i++)
			tide_free(block[i]);
		last = page_faults() - before;
	}
	if (!SANITIZED)
		cr_assert_lt(last, 200, "%ld page faults for 24 MiB that were there before", last);
}

Test(give_back, a_single_thread_keeps_no_more_than_the_bound)
{
	size_t base = base_bytes();
	size_t count = make_blocks(block, BLOCKS_MAX, SCALED(300 * MIB), 1);
	size_t peak = resident_above(base);

	free_in_random_order(block, count, 2);
	size_t now = resident_above(base);
	if (!SANITIZED) {
		cr_assert_geq(peak, 280 * MIB, "the peak was only %zu MiB", peak / MIB);
		cr_assert_leq(now, retained_bound_bytes(0), "%zu MiB of %zu are still resident",
		              now / MIB, peak / MIB);
	}
	cr_assert_eq(stats_now().gc_thread_runs, 0);
}

Test(give_back, a_single_thread_with_live_blocks_keeps_no_more_than_the_bound)
{
	size_t base = base_bytes();
	size_t live_count = make_blocks(block, BLOCKS_MAX, SCALED(100 * MIB), 1);
	size_t live = resident_above(base);
	size_t count =
	    make_blocks(block + live_count, BLOCKS_MAX - live_count, SCALED(200 * MIB), 2);
	size_t peak = resident_above(base);

	free_in_random_order(block + live_count, count, 3);
	size_t now = resident_above(base);
	if (!SANITIZED) {
		cr_assert_geq(peak, live + 180 * MIB);
		cr_assert_leq(now, retained_bound_bytes(live), "%zu MiB resident, %zu live",
		              now / MIB, live / MIB);
	}
	for (size_t i = 0; i < live_count; i++)
		tide_free(block[i]);
}

Test(give_back, large_blocks_of_a_single_thread_keep_to_the_bound)
{
	size_t base = base_bytes();

	for (unsigned round = 0; round < 8; round++) {
		/* What is needed in each round is regretted from the second on. */
		size_t turns_bytes = round == 0 ? 0 : 7 * 16 * MIB;
		for (size_t i = 0; i < 16; i++) {
			size_t size = SCALED(16 * MIB) + (round * 16 + i) * 4096;
			block[i] = tide_malloc(size);
			cr_assert_not_null(block[i]);
			memset(block[i], 1, size);
		}
		for (size_t i = 0; i < 16; i++)
			tide_free(block[i]);
		if (!SANITIZED)
			cr_assert_leq(resident_above(base), retained_bound_bytes(0) + turns_bytes);
	}
	cr_assert_eq(stats_now().large_bytes, 0);
}

/* ---- By a call ---- */

Test(give_back, trim_gives_nearly_all_back)
{
	size_t base = base_bytes();
	size_t count = make_blocks(block, BLOCKS_MAX, SCALED(200 * MIB), 1);
	size_t peak = resident_above(base);

	free_in_random_order(block, count, 2);
	(void)tide_malloc_trim(0);
	size_t now = resident_above(base);
	if (!SANITIZED) {
		cr_assert_geq(peak, 180 * MIB);
		cr_assert_lt(now, 24 * MIB, "%zu MiB are still resident", now / MIB);
	}
}

static void *make_and_free(void *arg)
{
	struct idler *own = arg;

	own->count = make_blocks(own->at, BLOCKS_MAX / 4, SCALED(50 * MIB), (uintptr_t)own);
	free_in_random_order(own->at, own->count, 1);
	return NULL;
}

Test(give_back, purge_gives_back_what_ended_threads_left)
{
	struct idler own[4];
	size_t base = base_bytes();

	for (size_t i = 0; i < 4; i++)
		own[i].at = block + i * (BLOCKS_MAX / 4);
	cr_assert_null(run_threads(make_and_free, own, sizeof own[0], 4));
	(void)tide_purge();
	size_t now = resident_above(base);
	if (!SANITIZED)
		cr_assert_lt(now, 24 * MIB, "%zu MiB are still resident", now / MIB);
}

Test(give_back, memory_that_went_back_is_used_again)
{
	size_t base = base_bytes();
	uint64_t mapped = 0;

	for (unsigned round = 0; round < 6; round++) {
		size_t count = make_blocks(block, BLOCKS_MAX, SCALED(60 * MIB), round);

		free_in_random_order(block, count, round);
		(void)tide_purge();
		if (round == 1)
			mapped = stats_now().mapped_bytes;
	}
	/* Address space does not grow from round to round either. */
	cr_assert_leq(stats_now().mapped_bytes, mapped + 32 * MIB);
	if (!SANITIZED)
		cr_assert_lt(resident_above(base), 24 * MIB);
}
