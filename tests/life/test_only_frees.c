/* One thread does nothing but free what others make: it has no use for what it gets. */
#include "support.h"

TestSuite(only_frees, .timeout = 100);

enum { MAKERS = 3, MAX_SHIFT = 11 };
static struct channel channel[MAKERS];
static atomic_bool work_ends;

static void *make(void *arg)
{
	struct channel *own = *(struct channel **)arg;
	uint64_t random = (uintptr_t)own;

	for (uint64_t at = 0; !atomic_load(&work_ends); at++) {
		struct parcel *parcel = parcel_make(random_size(&random, MAX_SHIFT), random);
		bool put;
		if (parcel == NULL)
			return (void *)(uintptr_t) "out of memory";
		while (!(put = channel_put(own, at, parcel)) && !atomic_load(&work_ends))
			(void)sched_yield();
		if (!put)
			return (void *)(uintptr_t)parcel_end(parcel);
	}
	return NULL;
}

static pthread_barrier_t at_rest;

static void *free_only(void *unused)
{
	const char *wrong = NULL;

	(void)unused;
	for (uint64_t at = 0; !atomic_load(&work_ends) && wrong == NULL; at++) {
		bool any = false;
		for (unsigned i = 0; i < MAKERS && wrong == NULL; i++) {
			struct parcel *parcel = channel_take(&channel[i], at);
			if (parcel != NULL)
				wrong = parcel_end(parcel);
			any |= parcel != NULL;
		}
		if (!any)
			(void)sched_yield();
	}
	(void)pthread_barrier_wait(&at_rest);
	(void)pthread_barrier_wait(&at_rest);
	return (void *)(uintptr_t)wrong;
}

Test(only_frees, what_it_frees_does_not_pile_up)
{
	static struct samples samples;
	struct channel *own[MAKERS];
	pthread_t thread[MAKERS];
	pthread_t freer;
	void *wrong;

	memset(&samples, 0, sizeof samples);
	size_t base = resident_bytes();
	(void)pthread_barrier_init(&at_rest, NULL, 2);
	for (unsigned i = 0; i < MAKERS; i++) {
		own[i] = &channel[i];
		cr_assert_eq(pthread_create(&thread[i], NULL, make, &own[i]), 0);
	}
	cr_assert_eq(pthread_create(&freer, NULL, free_only, NULL), 0);
	sample_for(&samples, RUN_MS);
	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < MAKERS; i++) {
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	assert_plateau(&samples);
	/* The freeing thread is still there, and its bins with it. */
	(void)pthread_barrier_wait(&at_rest);
	assert_bound(base, MAKERS * CHANNEL_SLOTS * (size_t)(2 * TIDE_PAGE_BYTES), 4 * KIB);
	(void)pthread_barrier_wait(&at_rest);
	cr_assert_eq(pthread_join(freer, &wrong), 0);
	cr_assert_null(wrong, "%s", (const char *)wrong);
	for (unsigned i = 0; i < MAKERS; i++) {
		const char *lost = channel_empty(&channel[i]);
		cr_assert_null(lost, "%s", lost);
	}
	assert_nothing_left(base);
}
