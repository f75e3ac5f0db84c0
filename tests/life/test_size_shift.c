/* The mix of sizes shifts: what one phase has left must serve the next, in all directions. */
#include "support.h"

TestSuite(size_shift, .timeout = 100);

enum { SLOTS = 1 << 17, ROUNDS_LEAST = 6 };
static struct parcel *slot[SLOTS];

static const struct {
	size_t low, high;
} phase[] = {
	{ 16, 128 },     { 256, 1024 },     { 1024, 4096 },
	{ 9000, 30000 }, { 40000, 130000 }, { 100, 20000 },
};

/* Replace everything that is live by blocks of this phase, in random order, `live_bytes` in all. */
static const char *shift(unsigned which, size_t live_bytes, uint64_t *random)
{
	size_t mean = (phase[which].low + phase[which].high) / 2;
	size_t count = live_bytes / mean < SLOTS ? live_bytes / mean : SLOTS;
	const char *wrong = NULL;

	for (size_t i = 0; i < SLOTS && wrong == NULL; i++) {
		size_t at = (i * 40503 + 7) % SLOTS; /* odd: reaches all */
		if (slot[at] != NULL)
			wrong = parcel_end(slot[at]);
		slot[at] = NULL;
		if (at >= count)
			continue;
		size_t range = phase[which].high - phase[which].low;
		slot[at] = parcel_make(phase[which].low + random_next(random) % range, *random);
		if (slot[at] == NULL)
			return "out of memory";
	}
	return wrong;
}

static const char *run_shifts(struct samples *samples, uint64_t seed, size_t live_bytes)
{
	uint64_t random = seed;
	const char *wrong = NULL;
	uint64_t end = now_ms() + RUN_MS / 2;

	/* Whole rounds only, so that the thirds are alike; each phase counts as one sample. */
	for (unsigned round = 0; now_ms() < end || round < ROUNDS_LEAST; round++) {
		for (unsigned i = 0; i < COUNT_OF(phase) && wrong == NULL; i++) {
			wrong = shift(i, live_bytes, &random);
			sample(samples);
		}
	}
	return wrong;
}

static void *run_beside(void *unused)
{
	static struct samples samples;

	(void)unused;
	return (void *)(uintptr_t)run_shifts(&samples, 5, SCALED(24 * MIB));
}

static void check(bool threaded)
{
	static struct samples samples;
	pthread_t thread;
	void *wrong = NULL;

	memset(&samples, 0, sizeof samples);
	memset(slot, 1, sizeof slot);
	memset(slot, 0, sizeof slot);
	size_t base = resident_bytes();
	if (threaded) {
		/* The thread that works and this one, so there is a GC thread. */
		tide_free(tide_malloc(1));
		cr_assert_eq(pthread_create(&thread, NULL, run_beside, NULL), 0);
		for (uint64_t end = now_ms() + RUN_MS / 2; now_ms() < end; sleep_ms(5))
			sample(&samples);
		cr_assert_eq(pthread_join(thread, &wrong), 0);
		cr_assert(tide_gc_thread_runs());
	} else {
		wrong = (void *)(uintptr_t)run_shifts(&samples, 5, SCALED(24 * MIB));
		cr_assert_not(tide_gc_thread_runs());
	}
	cr_assert_null(wrong, "%s", (const char *)wrong);
	assert_plateau(&samples);
	assert_audit();

	/* Few blocks stay: each pins what it lies in, and the rest goes back. */
	size_t pinned = 0;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot[i] == NULL)
			continue;
		if (i % 64 == 0) {
			size_t bytes = sizeof(struct parcel) + slot[i]->bytes;
			pinned += pinned_bytes(tide_class_of(bytes));
			continue;
		}
		cr_assert_null(parcel_end(slot[i]));
		slot[i] = NULL;
	}
	(void)tide_purge();
	assert_bound(base, pinned, TIDE_MEDIUM_MAX_BYTES);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot[i] != NULL)
			cr_assert_null(parcel_end(slot[i]));
	}
	assert_nothing_left(base);
}

Test(size_shift, memory_reaches_a_plateau_with_one_thread)
{
	check(false);
}

Test(size_shift, memory_reaches_a_plateau_with_the_gc_thread)
{
	check(true);
}
