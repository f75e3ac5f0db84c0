/* Threads that come and go: what they leave behind is used again. */
#include <criterion/criterion.h>
#include <stdatomic.h>

#include "support.h"

TestSuite(churn, .timeout = 120);

enum { AT_ONCE = 4, SETTLED = 2000, THREADS = 10000, LEFT_SLOTS = 256 };

/* Blocks that outlived their thread; a later one frees them. */
static _Atomic(struct parcel *) left[LEFT_SLOTS];

/* Leaves live blocks in `left`, and free ones wherever the allocator keeps a thread's own. */
static void *short_life(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	struct parcel *own[64];
	const char *wrong = NULL;

	for (size_t i = 0; i < COUNT_OF(own); i++) {
		own[i] = parcel_make(random_size(&random, 13), random);
		if (own[i] == NULL)
			return "out of memory";
	}
	for (size_t i = 0; i < COUNT_OF(own) && wrong == NULL; i++) {
		struct parcel *parcel = own[i];

		if (i % 4 == 0)
			parcel = atomic_exchange_explicit(&left[random_next(&random) % LEFT_SLOTS],
			                                  parcel, memory_order_acq_rel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

/* Threads number `from` up to `to`, AT_ONCE at a time. */
static void live_through(uint64_t from, uint64_t to)
{
	for (uint64_t serial = from; serial < to; serial += AT_ONCE) {
		uint64_t seed[AT_ONCE];

		for (unsigned i = 0; i < AT_ONCE; i++)
			seed[i] = (serial + i) * 7919;
		const char *wrong = run_threads(short_life, seed, sizeof seed[0], AT_ONCE);
		cr_assert_null(wrong, "%s", wrong);
	}
}

Test(churn, memory_plateaus_over_ten_thousand_threads)
{
	live_through(0, SCALED(SETTLED));
	size_t settled = resident_bytes();
	uint64_t metadata = stats_now().metadata_bytes;

	live_through(SCALED(SETTLED), SCALED(THREADS));
	size_t grown = resident_above(settled);

	/* A leak of one 2 KiB block in each thread, or of its cache, would show. */
	if (!SANITIZED)
		cr_assert_lt(grown, 12 * MIB, "%zu KiB more after %d threads than after %d",
		             grown / KIB, THREADS, SETTLED);
	cr_assert_leq(stats_now().metadata_bytes, metadata + 4 * MIB,
	              "the allocator's own structures grow with each thread");
	cr_assert_leq(stats_now().threads, AT_ONCE + 2 + 16,
	              "caches of dead threads are not used again");
	for (unsigned i = 0; i < LEFT_SLOTS; i++) {
		struct parcel *parcel = atomic_exchange(&left[i], NULL);
		if (parcel != NULL)
			cr_assert_null(parcel_end(parcel));
	}
}

/* A thread that only frees has a cache as well, and gives it back. */
static void *free_one(void *parcel)
{
	return (void *)(uintptr_t)parcel_end(*(struct parcel **)parcel);
}

Test(churn, memory_plateaus_when_each_thread_frees_what_main_made)
{
	size_t settled = 0;

	for (unsigned serial = 0; serial < SCALED(4000); serial++) {
		struct parcel *parcel[2] = { parcel_make(8000, serial), parcel_make(100, serial) };

		cr_assert(parcel[0] != NULL && parcel[1] != NULL);
		const char *wrong = run_threads(free_one, parcel, sizeof parcel[0], 2);
		cr_assert_null(wrong, "%s", wrong);
		if (serial == SCALED(1000))
			settled = resident_bytes();
	}
	/* 3,000 blocks of 8 KB would be 24 MB. */
	if (!SANITIZED)
		cr_assert_lt(resident_above(settled), 8 * MIB);
}
