/* The program's hold on the GC: start, stop, step, trim, purge; and life without its thread. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support.h"

TestSuite(gc, .timeout = 120);

enum { WORKERS = 4, SLOTS = 512 };
static _Atomic(struct parcel *) slot[SLOTS];
static atomic_bool workers_end;
static atomic_uint workers_left;

static const char *work_once(uint64_t *random)
{
	struct parcel *parcel = parcel_make(random_mixed_size(random), *random);

	if (parcel == NULL)
		return "out of memory";
	parcel = atomic_exchange_explicit(&slot[random_next(random) % SLOTS], parcel,
	                                  memory_order_acq_rel);
	return parcel != NULL ? parcel_end(parcel) : NULL;
}

/* A fixed number of operations. */
static void *work(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	for (unsigned i = 0; i < SCALED(50000u) && wrong == NULL; i++)
		wrong = work_once(&random);
	atomic_fetch_sub(&workers_left, 1);
	return (void *)(uintptr_t)wrong;
}

static void *work_until_told(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	while (!atomic_load(&workers_end) && wrong == NULL)
		wrong = work_once(&random);
	return (void *)(uintptr_t)wrong;
}

static void work_in_threads(void)
{
	uint64_t seed[WORKERS] = { 11, 22, 33, 44 };

	atomic_store(&workers_left, WORKERS);
	const char *wrong = run_threads(work, seed, sizeof seed[0], WORKERS);
	cr_assert_null(wrong, "%s", wrong);
}

static void empty_slots(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		if (parcel != NULL)
			cr_assert_null(parcel_end(parcel));
	}
}

/* Steps until all is done. A GC that always finds more to do would not end. */
static unsigned step_to_the_end(void)
{
	unsigned steps = 0;
	int did;

	while ((did = tide_gc_step()) != 0) {
		cr_assert(did == 1, "step says %d though no one else is the GC", did);
		cr_assert_lt(++steps, 10000000u, "the GC does not come to an end");
	}
	return steps;
}

Test(gc, start_and_stop_say_what_they_found)
{
	cr_assert_eq(stats_now().gc_thread_runs, 0);
	cr_assert_eq(tide_gc_stop(), ESRCH);
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(tide_gc_start(), 0);
		cr_assert_eq(stats_now().gc_thread_runs, 1);
		cr_assert_eq(tide_gc_start(), EALREADY);
		cr_assert_eq(tide_gc_stop(), 0);
		cr_assert_eq(stats_now().gc_thread_runs, 0);
		cr_assert_eq(tide_gc_stop(), ESRCH);
	}
}

Test(gc, a_single_thread_never_starts_it)
{
	uint64_t random = 5;

	for (unsigned i = 0; i < SCALED(300000u); i++) {
		const char *wrong = work_once(&random);
		cr_assert_null(wrong, "%s", wrong);
	}
	empty_slots();
	cr_assert_eq(stats_now().gc_thread_runs, 0);
}

Test(gc, a_second_thread_starts_it)
{
	const char *set = getenv("TIDE_GC");

	if (set != NULL && strcmp(set, "0") == 0)
		cr_skip_test("TIDE_GC=0");
	work_in_threads();
	empty_slots();
	cr_assert_eq(stats_now().gc_thread_runs, 1);
	cr_assert_eq(tide_gc_stop(), 0);
}

Test(gc, after_stop_all_goes_on_without_it)
{
	(void)tide_gc_stop();
	work_in_threads();
	work_in_threads();
	cr_assert_eq(stats_now().gc_thread_runs, 0, "the GC thread came back by itself");
	empty_slots();
	(void)step_to_the_end();
	cr_assert_eq(stats_now().backlog_bytes, 0);
	cr_assert_eq(tide_gc_step(), 0);
}

Test(gc, stop_in_the_middle_then_start_again)
{
	uint64_t seed[WORKERS] = { 1, 2, 3, 4 };
	pthread_t thread[WORKERS];

	atomic_store(&workers_end, false);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, work_until_told, &seed[i]), 0);
	(void)tide_gc_stop();
	for (unsigned i = 0; i < SCALED(200); i++) {
		cr_assert_eq(tide_gc_start(), 0);
		(void)sched_yield();
		cr_assert_eq(tide_gc_stop(), 0);
		for (unsigned k = 0; k < 100; k++) {
			int did = tide_gc_step();
			cr_assert(did == -1 || did == 0 || did == 1, "step says %d", did);
		}
	}
	atomic_store(&workers_end, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	empty_slots();
	cr_assert_eq(tide_gc_stop(), ESRCH);
}

static atomic_uint odd_answers;

/* A program's own GC thread; two of them at once must not hurt. */
static void *step_while_they_work(void *unused)
{
	(void)unused;
	while (atomic_load(&workers_left) != 0) {
		int did = tide_gc_step();
		if (did < -1 || did > 1)
			atomic_fetch_add(&odd_answers, 1);
		if (did <= 0)
			(void)sched_yield();
	}
	return NULL;
}

Test(gc, a_program_may_run_it_on_threads_of_its_own)
{
	pthread_t stepper[2];

	(void)tide_gc_stop();
	atomic_store(&workers_left, WORKERS);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&stepper[i], NULL, step_while_they_work, NULL), 0);
	work_in_threads();
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(stepper[i], NULL), 0);
	cr_assert_eq(atomic_load(&odd_answers), 0);
	empty_slots();
	(void)step_to_the_end();
	cr_assert_eq(stats_now().gc_thread_runs, 0);
	cr_assert_gt(stats_now().gc_cycles, 0);
}

Test(gc, steps_beside_the_gc_thread_never_wait)
{
	uint64_t seed[WORKERS] = { 1, 2, 3, 4 };
	pthread_t thread[WORKERS];

	(void)tide_gc_start();
	atomic_store(&workers_end, false);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, work_until_told, &seed[i]), 0);
	for (unsigned i = 0; i < SCALED(100000u); i++) {
		int did = tide_gc_step();
		cr_assert(did == -1 || did == 0 || did == 1, "step says %d", did);
	}
	for (unsigned i = 0; i < 20; i++)
		(void)tide_purge();
	atomic_store(&workers_end, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	empty_slots();
}

Test(gc, purge_and_trim_say_what_they_returned)
{
	enum { BLOCKS = 8000 };
	static void *block[BLOCKS];

	for (unsigned round = 0; round < 4; round++) {
		for (size_t i = 0; i < BLOCKS; i++) {
			block[i] = tide_malloc(1000);
			cr_assert_not_null(block[i]);
			memset(block[i], 1, 1000);
		}
		for (size_t i = 0; i < BLOCKS; i++)
			tide_free(block[i]);

		uint64_t before = stats_now().gc_returned_bytes;
		if (round % 2 == 0) {
			size_t returned = tide_purge();
			cr_assert_eq(returned, stats_now().gc_returned_bytes - before);
		} else {
			int returned = tide_malloc_trim(0);
			cr_assert_eq(returned, stats_now().gc_returned_bytes > before);
		}
		/* Nothing is left for a second one. */
		cr_assert_eq(tide_purge(), 0);
		cr_assert_eq(tide_malloc_trim(0), 0);
		cr_assert_eq(stats_now().backlog_bytes, 0);
	}
	/* Over all rounds what was written went back. */
	cr_assert_geq(stats_now().gc_returned_bytes, BLOCKS * 1000u * 4 / 2);
}

Test(gc, stats_are_cut_to_the_caller_s_size)
{
	struct tide_stats stats;

	tide_free(tide_malloc(100));
	memset(&stats, 0xee, sizeof stats);
	tide_stats_read(&stats, 2 * sizeof(uint64_t));
	cr_assert_gt(stats.mapped_bytes, 0);
	cr_assert_gt(stats.metadata_bytes, 0);
	cr_assert_neq(stats.mapped_bytes, 0xeeeeeeeeeeeeeeeeu);
	cr_assert_neq(stats.metadata_bytes, 0xeeeeeeeeeeeeeeeeu);
	cr_assert_eq(stats.carved_bytes, 0xeeeeeeeeeeeeeeeeu, "written past the caller's size");
	tide_stats_read(&stats, sizeof stats);
	cr_assert_geq(stats.mapped_bytes, stats.carved_bytes);
	cr_assert_eq(stats.threads, 1);
}
