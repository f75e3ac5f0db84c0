/* A thread that ends in the middle of a step of the GC, by a raw exit system call: nobody is the GC
 * any more, and nobody waits for one. Allocation goes on; what is freed is not collected. */
#include "support.h"

#include "step.h"
#include "token.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { WORKERS = 4, SLOTS = 256, BLOCKS = 20000, CHILD_S = 60 };

static _Atomic(struct parcel *) slot[SLOTS];
static atomic_bool work_ends;
static atomic_uint victim;

static uint32_t holder_id(void)
{
	return tide_token_thread_id(tide_load_relaxed(&tide_token_holder));
}

/* In whatever step it is: between taking the token and giving it back. */
static void end_as_the_gc(int signal_number)
{
	(void)signal_number;
	if (holder_id() == tide_os_thread_id())
		(void)syscall(SYS_exit, 0);
}

static void *work(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	const char *wrong = NULL;
	bool steps = random == 1;

	if (steps)
		atomic_store(&victim, tide_os_thread_id());
	while (!atomic_load(&work_ends) && wrong == NULL) {
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);
		if (parcel == NULL)
			return (void *)(uintptr_t) "out of memory";
		parcel = atomic_exchange(&slot[random_next(&random) % SLOTS], parcel);
		wrong = parcel != NULL ? parcel_end(parcel) : NULL;
		if (steps) /* the GC often enough to be met as such */
			(void)tide_gc_step();
	}
	return (void *)(uintptr_t)wrong;
}

static void lose_the_gc(void)
{
	struct sigaction action = { .sa_handler = end_as_the_gc };
	uint64_t seed[WORKERS];
	pthread_t worker[WORKERS];

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		seed[i] = i + 1;
		cr_assert_eq(pthread_create(&worker[i], NULL, work, &seed[i]), 0);
	}
	while (atomic_load(&victim) == 0)
		sleep_ms(1);
	while (syscall(SYS_tgkill, getpid(), atomic_load(&victim), SIGUSR1) == 0)
		(void)sched_yield();
	sleep_ms(20); /* the others, without */
	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong = NULL;
		cr_assert_eq(pthread_join(worker[i], &wrong), 0);
		cr_assert(i == 0 || wrong == NULL, "%s", (const char *)wrong);
	}
}

/* What is in the slots, and fresh blocks of all sizes, are whole and nobody else's. */
static const char *use_memory(void)
{
	static struct parcel *parcel[BLOCKS];
	uint64_t random = 99;
	const char *wrong = NULL;

	for (unsigned i = 0; i < BLOCKS; i++)
		parcel[i] = parcel_make(random_mixed_size(&random), i);
	for (unsigned i = 0; i < SLOTS && wrong == NULL; i++) {
		struct parcel *left = atomic_exchange(&slot[i], NULL);
		wrong = left != NULL ? parcel_end(left) : NULL;
	}
	for (unsigned i = 0; i < BLOCKS && wrong == NULL; i++)
		wrong = parcel[i] != NULL ? parcel_end(parcel[i]) : "out of memory";
	return wrong;
}

static bool child_goes_on(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)alarm(CHILD_S);
		(void)tide_purge();
		_exit(use_memory() != NULL);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

Test(lost_gc, nobody_waits_for_it, .timeout = 100)
{
	if (SANITIZED)
		cr_skip_test("a sanitizer wants to see a thread's end");
	lose_the_gc();
	cr_assert_eq(tide_purge(), 0u);
	cr_assert(tide_load_relaxed(&tide_gc_lost));
	cr_assert_eq(holder_id(), atomic_load(&victim));
	struct tide_heap *heap = tide_heap_create(NULL);
	cr_assert_not_null(heap);
	tide_heap_free(heap, tide_heap_malloc(heap, 1000));
	tide_heap_destroy(heap);
	cr_assert(child_goes_on());
	const char *wrong = use_memory();
	cr_assert_null(wrong, "%s", wrong);
	(void)tide_gc_stop();
	cr_assert_str_eq(tide_gc_audit(), "the GC was lost");
}

/* The GC thread finds it as well: where nobody else asks. */
Test(lost_gc, the_gc_thread_looks_for_the_holder, .timeout = 100)
{
	if (SANITIZED)
		cr_skip_test("a sanitizer wants to see a thread's end");
	lose_the_gc();
	while (tide_gc_thread_runs() && !tide_load_relaxed(&tide_gc_lost))
		sleep_ms(1);
	cr_assert(tide_load_relaxed(&tide_gc_lost));
}
