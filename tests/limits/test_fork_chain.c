/* Forks one below the other, of threads that end at once, and of threads that a signal interrupted
 * in the midst of the allocator: the children go on by themselves, with threads and a GC of their
 * own, never exec, and the parent's GC goes on as well. */
#include "support.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

TestSuite(fork_chain, .timeout = 100);

enum {
	DEPTH = 8,
	BUSY = 4,
	CHILD_S = 80,
	LONE_FORKS = 30,
	SIGNALLED_FORKS = 30,
	SETTLE_POLLS = 20000
};

static atomic_bool work_ends;
static struct load load[BUSY];

static void *work(void *arg)
{
	const char *wrong = NULL;

	while (!atomic_load(&work_ends) && wrong == NULL) {
		wrong = load_run(arg, 200);
		sleep_ms(1);
	}
	return (void *)(uintptr_t)wrong;
}

struct crew {
	pthread_t thread[BUSY];
	struct load load[BUSY];
};

static const char *crew_start(struct crew *crew, uint64_t seed)
{
	atomic_store(&work_ends, false);
	for (unsigned i = 0; i < BUSY; i++) {
		crew->load[i] = (struct load){ .random = seed + i };
		if (pthread_create(&crew->thread[i], NULL, work, &crew->load[i]) != 0)
			return "a thread could not be started";
	}
	return NULL;
}

static const char *crew_end(struct crew *crew)
{
	const char *wrong = NULL;

	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < BUSY; i++) {
		void *said = NULL;
		if (pthread_join(crew->thread[i], &said) != 0)
			said = (void *)(uintptr_t) "a thread could not be joined";
		if (wrong == NULL)
			wrong = said;
		if (wrong == NULL)
			wrong = load_end(&crew->load[i]);
	}
	return wrong;
}

/* The GC thread runs, and takes what is freed. */
static const char *gc_goes_on(void)
{
	struct tide_stats stats;
	unsigned polls = 0;

	int error = tide_gc_start();
	if (error != 0 && error != EALREADY)
		return "the GC thread could not be started";
	do {
		sleep_ms(1);
		tide_stats_read(&stats, sizeof stats);
	} while (stats.backlog_bytes > 0 && ++polls < SETTLE_POLLS);
	return stats.backlog_bytes > 0 ? "garbage is left: the GC does not go on" : NULL;
}

static bool ended_well(pid_t child)
{
	int status = 0;

	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static _Noreturn void end_child(const char *wrong)
{
	if (wrong != NULL)
		(void)fprintf(stderr, "child: %s\n", wrong);
	_exit(wrong != NULL);
}

/* One link: threads at work, a fork of the next, and the end of the threads. */
static const char *link_of_chain(unsigned depth)
{
	struct crew *crew = tide_calloc(1, sizeof *crew);
	if (crew == NULL)
		return "out of memory";
	const char *wrong = crew_start(crew, depth * 100);
	sleep_ms(3);
	if (wrong == NULL && depth > 1) {
		pid_t child = fork();
		if (child == 0) {
			(void)alarm(CHILD_S);
			end_child(link_of_chain(depth - 1));
		}
		if (!ended_well(child))
			wrong = "the next link did not end well";
	}
	const char *ended = crew_end(crew);
	tide_free(crew);
	if (wrong == NULL)
		wrong = ended != NULL ? ended : gc_goes_on();
	(void)tide_purge();
	return wrong != NULL ? wrong : all_can_be_had();
}

Test(fork_chain, eight_below_each_other)
{
	assert_nothing_wrong(link_of_chain(DEPTH));
	assert_books();
}

/* ---- A thread that forks and ends ---- */

static const char *live_alone(uint64_t seed)
{
	static struct crew crew;
	/* Of its own: what another thread was about to write down at the fork is there by half. */
	static struct load own;

	(void)alarm(CHILD_S);
	const char *wrong = crew_start(&crew, seed);
	own.random = seed + BUSY;
	if (wrong == NULL)
		wrong = load_run(&own, 500);
	if (wrong == NULL)
		wrong = load_end(&own);
	const char *ended = crew_end(&crew);
	if (wrong == NULL)
		wrong = ended != NULL ? ended : gc_goes_on();
	return wrong != NULL ? wrong : all_can_be_had();
}

static void *fork_and_end(void *arg)
{
	pid_t *child = arg;

	tide_free(tide_malloc(100)); /* it has a cache, which it leaves at once */
	*child = fork();
	if (*child == 0)
		end_child(live_alone(77));
	return NULL;
}

Test(fork_chain, the_thread_that_forked_ends)
{
	struct crew crew;
	pthread_t thread;
	pid_t child;

	assert_nothing_wrong(crew_start(&crew, 1));
	for (unsigned i = 0; i < LONE_FORKS; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, fork_and_end, &child), 0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
		cr_assert(ended_well(child));
	}
	assert_nothing_wrong(crew_end(&crew));
	assert_nothing_wrong(gc_goes_on());
	assert_books();
}

/* ---- After a handler ---- */

static _Thread_local volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

/* At work until a signal came, wherever that was; then it forks. */
static void *fork_when_interrupted(void *arg)
{
	const char *wrong = NULL;

	while (!interrupted && wrong == NULL)
		wrong = load_run(arg, 5);
	if (wrong != NULL)
		return (void *)(uintptr_t)wrong;
	pid_t child = fork();
	if (child == 0) {
		(void)alarm(CHILD_S);
		wrong = load_end(arg);
		end_child(wrong != NULL ? wrong : live_alone(99));
	}
	if (!ended_well(child))
		wrong = "a child of an interrupted thread did not end well";
	return (void *)(uintptr_t)(wrong != NULL ? wrong : load_end(arg));
}

Test(fork_chain, after_handlers_that_interrupted_the_allocator)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	pthread_t thread[BUSY];

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	for (unsigned round = 0; round < SIGNALLED_FORKS / BUSY; round++) {
		for (unsigned i = 0; i < BUSY; i++) {
			load[i].random = round * BUSY + i;
			cr_assert_eq(
			    pthread_create(&thread[i], NULL, fork_when_interrupted, &load[i]), 0);
		}
		for (unsigned i = 0; i < BUSY; i++) {
			sleep_ms(1);
			cr_assert_eq(pthread_kill(thread[i], SIGUSR1), 0);
		}
		for (unsigned i = 0; i < BUSY; i++) {
			void *wrong = NULL;
			cr_assert_eq(pthread_join(thread[i], &wrong), 0);
			assert_nothing_wrong(wrong);
		}
	}
	assert_nothing_wrong(gc_goes_on());
	assert_books();
}
