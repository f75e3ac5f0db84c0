/* Blocks made by some threads and freed by others, all the time: memory stays where it is. */
#include "support.h"

TestSuite(producer_consumer, .timeout = 100);

enum { PAIRS = 2, MAX_SHIFT = 12 };
static struct channel channel[PAIRS];
static atomic_bool work_ends;

static void *produce(void *arg)
{
	struct channel *own = *(struct channel **)arg;
	uint64_t random = (uintptr_t)own;
	uint64_t at = 0;

	while (!atomic_load(&work_ends)) {
		struct parcel *parcel = parcel_make(random_size(&random, MAX_SHIFT), random);
		if (parcel == NULL)
			return (void *)(uintptr_t) "out of memory";
		bool put;
		while (!(put = channel_put(own, at, parcel)) && !atomic_load(&work_ends))
			(void)sched_yield();
		if (!put)
			return (void *)(uintptr_t)parcel_end(parcel);
		at++;
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct channel *own = *(struct channel **)arg;
	const char *wrong = NULL;
	uint64_t at = 0;

	while (!atomic_load(&work_ends) && wrong == NULL) {
		struct parcel *parcel = channel_take(own, at);
		if (parcel == NULL) {
			(void)sched_yield();
			continue;
		}
		wrong = parcel_end(parcel);
		at++;
	}
	return (void *)(uintptr_t)wrong;
}

Test(producer_consumer, memory_reaches_a_plateau)
{
	static struct samples samples;
	struct channel *own[PAIRS];
	pthread_t thread[2 * PAIRS];

	memset(&samples, 0, sizeof samples);
	size_t base = resident_bytes();
	for (unsigned i = 0; i < PAIRS; i++) {
		own[i] = &channel[i];
		cr_assert_eq(pthread_create(&thread[2 * i], NULL, produce, &own[i]), 0);
		cr_assert_eq(pthread_create(&thread[2 * i + 1], NULL, consume, &own[i]), 0);
	}
	sample_for(&samples, RUN_MS);
	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	assert_plateau(&samples);
	assert_bound(base, PAIRS * CHANNEL_SLOTS * (size_t)(2 * TIDE_PAGE_BYTES), 8 * KIB);
	for (unsigned i = 0; i < PAIRS; i++) {
		const char *wrong = channel_empty(&channel[i]);
		cr_assert_null(wrong, "%s", wrong);
	}
	assert_nothing_left(base);
}
