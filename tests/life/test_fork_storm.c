/* Many forks at once, of a process with many threads at work: children that fork again, that start
 * threads and never exec, that come from a thread that has not allocated, or after a signal
 * handler; and children that share their parent's memory until they exec. All end, and what they
 * saw was whole. FORKS_WANTED in the environment is how many (10000 for a long run). */
#include "support.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

/* ctest ends it much earlier; a long run is by hand. */
TestSuite(fork_storm, .timeout = 3600);

enum { WORKERS = SANITIZED ? 8 : 64, RESTLESS_ONE_IN = 8, FORKERS = 8 };
enum { SLOTS = 256, DEPTH = 4, CHILD_S = 60 };

static _Atomic(struct parcel *) slot[SLOTS];
static atomic_bool work_ends;
static atomic_int forks_left;

static unsigned forks_wanted(void)
{
	const char *wanted = getenv("FORKS_WANTED");

	return wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : SANITIZED ? 16 : 100;
}

/* One turn of exchange; NULL, or what is wrong. */
static const char *turn(uint64_t *random)
{
	struct parcel *parcel = parcel_make(random_mixed_size(random) % 4000 + 1, *random);

	if (parcel == NULL)
		return "out of memory";
	parcel = atomic_exchange(&slot[random_next(random) % SLOTS], parcel);
	return parcel != NULL ? parcel_end(parcel) : NULL;
}

/* All but a few rest now and then, or the children would hardly ever run. (Drawn anew: the state
 * itself goes on by the same amount each turn, and is odd in every turn of half of the workers.) */
static void *work(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	bool rests = random % RESTLESS_ONE_IN != 0;
	const char *wrong = NULL;

	while (!atomic_load(&work_ends) && wrong == NULL) {
		wrong = turn(&random);
		if (rests && random_next(&random) % 8 == 0)
			sleep_ms(15);
	}
	return (void *)(uintptr_t)wrong;
}

static void *work_in_child(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	for (unsigned i = 0; i < 100 && wrong == NULL; i++)
		wrong = turn(&random);
	return (void *)(uintptr_t)wrong;
}

static bool ended_well(pid_t child)
{
	int status = 0;

	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* In a child: all that was inherited can be used and freed, threads can be started, and the heap is
 * its own; so down the generations. */
static const char *live(unsigned depth, uint64_t seed)
{
	uint64_t seeds[3] = { seed, seed + 1, seed + 2 };
	const char *wrong = work_in_child(seeds);

	/* (ThreadSanitizer does not let the child of many threads start any; AddressSanitizer's own
	 * allocator, which pthread_create uses, is left locked in it.) */
	if (wrong == NULL && depth % 2 == 0 && !SANITIZED)
		wrong = run_threads(work_in_child, seeds, sizeof seeds[0], COUNT_OF(seeds));
	if (wrong == NULL && depth > 1) {
		pid_t child = fork();
		if (child == 0) {
			wrong = live(depth - 1, seed + 7);
			if (wrong != NULL)
				(void)fprintf(stderr, "depth %u: %s\n", depth, wrong);
			_exit(wrong != NULL);
		}
		if (!ended_well(child))
			wrong = "a grandchild did not end well";
	}
	for (unsigned i = 0; i < SLOTS && wrong == NULL; i++) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	if (seed % 5 == 0) /* the caches of all who are gone; copying their pages takes its time */
		(void)tide_purge();
	return wrong;
}

static bool fork_and_live(unsigned depth, uint64_t seed)
{
	pid_t child = fork();

	if (child == 0) {
		(void)alarm(CHILD_S); /* a hang is to be seen as such */
		const char *wrong = live(depth, seed);
		if (wrong != NULL)
			(void)fprintf(stderr, "child: %s\n", wrong);
		_exit(wrong != NULL);
	}
	return ended_well(child);
}

static void *fork_away(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;

	for (int left; (left = atomic_fetch_sub(&forks_left, 1)) > 0; seed += 11) {
		unsigned depth = left % 16 == 0 ? DEPTH : (unsigned)left % 2 + 1;
		if (!fork_and_live(depth, seed))
			return (void *)(uintptr_t) "a child did not end well";
	}
	return NULL;
}

static pthread_t worker[WORKERS];

static void workers_start(void)
{
	static uint64_t seed[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		seed[i] = i + 1;
		cr_assert_eq(pthread_create(&worker[i], NULL, work, &seed[i]), 0);
	}
}

static void workers_end(void)
{
	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(worker[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		if (parcel != NULL)
			cr_assert_null(parcel_end(parcel));
	}
	(void)tide_gc_stop();
	const char *wrong = tide_gc_audit();
	cr_assert_null(wrong, "%s", wrong);
}

Test(fork_storm, children_of_many_threads_end_well)
{
	uint64_t seed[FORKERS];

	for (unsigned i = 0; i < FORKERS; i++)
		seed[i] = 1000 * i;
	atomic_store(&forks_left, (int)forks_wanted());
	workers_start();
	const char *wrong = run_threads(fork_away, seed, sizeof seed[0], FORKERS);
	workers_end();
	cr_assert_null(wrong, "%s", wrong);
}

/* By a thread that never allocated, and so has no cache that survives. */
static void *fork_first(void *seed)
{
	return (void *)(uintptr_t)(fork_and_live(2, *(uint64_t *)seed)
	                               ? NULL
	                               : "a child of a thread without a cache did not end well");
}

Test(fork_storm, a_thread_that_never_allocated_forks)
{
	uint64_t seed[4] = { 1, 2, 3, 4 };

	workers_start();
	for (unsigned round = 0; round < forks_wanted() / 20; round++) {
		const char *wrong = run_threads(fork_first, seed, sizeof seed[0], COUNT_OF(seed));
		cr_assert_null(wrong, "%s", wrong);
	}
	workers_end();
}

/* After a handler that interrupted the allocator and returned: the interrupted call is whole
 * again. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	interrupted++;
}

Test(fork_storm, forks_between_interrupted_calls)
{
	struct sigaction action = { .sa_handler = interrupt };
	struct itimerval every = { { 0, 300 }, { 0, 300 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	uint64_t random = 5;

	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	for (unsigned i = 0; i < forks_wanted() / 20 + 1; i++) {
		sig_atomic_t before = interrupted;

		cr_assert_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
		while (interrupted == before)
			cr_assert_null(turn(&random));
		cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
		(void)signal(SIGALRM, SIG_DFL); /* the child's alarm is to end it */
		cr_assert(fork_and_live(1, i));
		cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	}
}

extern char **environ;

/* vfork and posix_spawn: the child runs in its parent's memory, and execs. */
Test(fork_storm, spawned_in_numbers)
{
	char *command[] = { "true", NULL };

	workers_start();
	for (unsigned i = 0; i < forks_wanted() / 4; i++) {
		pid_t child = -1;

		if (i % 2 == 0) {
			cr_assert_eq(posix_spawnp(&child, "true", NULL, NULL, command, environ), 0);
		} else if ((child = vfork()) == 0) {
			(void)execvp("true", command);
			_exit(127);
		}
		cr_assert(ended_well(child));
	}
	workers_end();
}
