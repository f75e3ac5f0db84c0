/* Children of a process with threads: what they inherit is whole, and they go on by themselves. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

TestSuite(fork, .timeout = 100);

enum { WORKERS = 3, SLOTS = 512, FORKS = SANITIZED ? 8 : 40 };
static _Atomic(struct parcel *) slot[SLOTS];
static atomic_bool pause_wanted;
static atomic_bool work_ends;
static pthread_barrier_t barrier;

static void *work(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	while (!atomic_load(&work_ends) && wrong == NULL) {
		if (atomic_load(&pause_wanted)) {
			(void)pthread_barrier_wait(&barrier);
			(void)pthread_barrier_wait(&barrier);
		}
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);
		if (parcel == NULL)
			return (void *)(uintptr_t) "out of memory";
		parcel = atomic_exchange(&slot[random_next(&random) % SLOTS], parcel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

/* In the child: every inherited block is sound, can be freed, and new ones can be had. */
static const char *live_on(void)
{
	uint64_t random = 3;
	const char *wrong = NULL;

	for (unsigned i = 0; i < SLOTS && wrong == NULL; i += 2) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	for (unsigned i = 0; i < SCALED(10000u) && wrong == NULL; i++) {
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);
		if (parcel == NULL)
			return "out of memory";
		parcel = atomic_exchange(&slot[random_next(&random) % SLOTS], parcel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return wrong;
}

static _Noreturn void child(bool whole)
{
	const char *wrong = NULL;

	(void)alarm(60); /* the child of a hang is not to outlive the test */
	/* Threads that stood still left everything whole; others may have had a bin in hand. */
	if (whole)
		wrong = tide_gc_audit();
	if (wrong == NULL && stats_now().threads != 1)
		wrong = "the other threads' caches were not adopted";
	if (wrong == NULL && stats_now().gc_thread_runs != 0)
		wrong = "the GC thread is said to run";
	if (wrong == NULL)
		wrong = live_on();
	(void)tide_purge();
	if (wrong == NULL && whole && stats_now().backlog_bytes != 0)
		wrong = "garbage of the other threads is left";
	if (wrong == NULL && whole)
		wrong = tide_gc_audit();
	if (wrong != NULL)
		(void)fprintf(stderr, "child: %s\n", wrong);
	_exit(wrong != NULL);
}

static void fork_one(bool whole)
{
	int status = 0;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0)
		child(whole);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ended with %x",
	          (unsigned)status);
}

static void fork_in_numbers(bool whole)
{
	static struct samples samples;
	uint64_t seed[WORKERS] = { 1, 2, 3 };
	pthread_t thread[WORKERS];

	memset(&samples, 0, sizeof samples);
	tide_free(tide_malloc(1)); /* this thread is to have a cache */
	size_t base = resident_bytes();
	(void)pthread_barrier_init(&barrier, NULL, WORKERS + 1);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, work, &seed[i]), 0);
	for (unsigned i = 0; i < FORKS; i++) {
		sleep_ms(5);
		if (whole) {
			atomic_store(&pause_wanted, true);
			(void)pthread_barrier_wait(&barrier);
			assert_audit();
			fork_one(true);
			assert_audit();
			atomic_store(&pause_wanted, false);
			(void)pthread_barrier_wait(&barrier);
		} else {
			fork_one(false);
		}
		sample(&samples);
	}
	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	if (samples.count >= 30)
		assert_plateau(&samples);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		if (parcel != NULL)
			cr_assert_null(parcel_end(parcel));
	}
	assert_bound(base, 0, TIDE_MEDIUM_MAX_BYTES);
	assert_nothing_left(base);
}

Test(fork, children_of_threads_that_stand_still)
{
	fork_in_numbers(true);
}

Test(fork, children_of_threads_at_work)
{
	fork_in_numbers(false);
}

/* The child's only thread has no cache before it allocates. */
static void *fork_without_a_cache(void *unused)
{
	int status = 0;
	pid_t pid = fork();

	(void)unused;
	if (pid == 0) {
		uint64_t before = stats_now().threads;
		tide_free(tide_malloc(1));
		_exit(before != 0 || stats_now().threads != 1 || tide_gc_audit() != NULL);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %x",
	          (unsigned)status);
	return NULL;
}

Test(fork, by_a_thread_that_never_allocated)
{
	pthread_t thread;

	tide_free(tide_malloc(1)); /* this one has a cache */
	cr_assert_eq(pthread_create(&thread, NULL, fork_without_a_cache, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	assert_audit();
}
