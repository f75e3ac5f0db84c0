/* os.c: futexes, and the birth and end of a thread that the C library does not know. */
#include "os_support.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

/* Futexes. */

Test(os_thread, a_wait_for_another_value_returns_at_once, .init = set_errno, .timeout = 30)
{
	_Atomic uint32_t word = 2;

	tide_os_futex_wait(&word, 1, 0);
	tide_os_futex_wait(&word, 2, 1000000);
	ASSERT_ERRNO_KEPT();
}

static _Atomic uint32_t word;
static _Atomic uint32_t awake;

static void *wait_for_one(void *unused)
{
	(void)unused;
	while (tide_load_acquire(&word) != 1)
		tide_os_futex_wait(&word, 0, 0);
	(void)tide_add_relaxed(&awake, 1u);
	return NULL;
}

Test(os_thread, all_waiters_are_woken, .timeout = 10)
{
	pthread_t thread[4];

	for (size_t i = 0; i < COUNT_OF(thread); i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, wait_for_one, NULL), 0);
	sched_yield();
	tide_store_release(&word, 1);
	tide_os_futex_wake(&word, UINT32_MAX);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	cr_assert_eq(tide_load_relaxed(&awake), COUNT_OF(thread));
}

/* Threads. */

static void empty_entry(void *unused)
{
	(void)unused;
}

struct life {
	_Atomic uint32_t tid;
	_Atomic uint32_t may_end;
	uint64_t blocked;
	char *deep;
};

static void live(void *arg)
{
	struct life *life = arg;
	volatile char deep[40 * 1024];

	deep[0] = 1;
	life->deep = (char *)(uintptr_t)deep;
	(void)syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &life->blocked, sizeof life->blocked);
	tide_store_release(&life->tid, tide_os_thread_id());
	while (tide_load_acquire(&life->may_end) == 0)
		tide_os_futex_wait(&life->may_end, 0, 0);
}

static void wait_until_gone(_Atomic uint32_t *alive)
{
	uint32_t left;

	while ((left = tide_load_acquire(alive)) != 0)
		tide_os_futex_wait(alive, left, 10000000);
}

static void assert_named(uint32_t tid, const char *name)
{
	char path[64];
	char seen[32] = "";
	snprintf(path, sizeof path, "/proc/self/task/%u/comm", tid);
	FILE *file = fopen(path, "r");

	cr_assert_not_null(file);
	cr_assert_not_null(fgets(seen, sizeof seen, file));
	fclose(file);
	cr_assert_eq(strncmp(seen, name, strlen(name)), 0);
	cr_assert_eq(seen[strlen(name)], '\n');
}

Test(os_thread, a_thread_lives_and_ends, .timeout = 30)
{
	for (int round = 0; round < 20; round++) {
		struct life life = { 0 };
		_Atomic uint32_t alive;
		void *stack;
		size_t bytes;
		sigset_t before, after;

		sigprocmask(SIG_BLOCK, NULL, &before);
		cr_assert(
		    tide_os_thread_start(live, &life, "tide-test", NULL, &alive, &stack, &bytes));
		cr_assert_neq(tide_load_relaxed(&alive), 0u);
		uint32_t tid;
		while ((tid = tide_load_acquire(&life.tid)) == 0)
			sched_yield();
		cr_assert_neq(tid, tide_os_thread_id());
		cr_assert(tide_os_thread_exists(tid));
		assert_named(tid, "tide-test");
		/* All that can be: SIGKILL, SIGSTOP and what the C library reserves can't. */
		for (int signal_number = 1; signal_number < 32; signal_number++)
			if (signal_number != SIGKILL && signal_number != SIGSTOP)
				cr_assert(life.blocked >> (signal_number - 1) & 1);
		sigprocmask(SIG_BLOCK, NULL, &after);
		for (int signal_number = 1; signal_number < 32; signal_number++)
			cr_assert_eq(sigismember(&before, signal_number),
			             sigismember(&after, signal_number));
		if (!SANITIZED)
			cr_assert(life.deep > (char *)stack && life.deep < (char *)stack + bytes);

		tide_store_release(&life.may_end, 1);
		tide_os_futex_wake(&life.may_end, 1);
		wait_until_gone(&alive);
		while (tide_os_thread_exists(tid))
			sched_yield();
		cr_assert(tide_os_unmap(stack, bytes));
	}
}

#ifdef __GLIBC__
#include <sys/single_threaded.h>

Test(os_thread, the_c_library_does_not_notice_a_thread)
{
	struct life life = { .may_end = 1 };
	_Atomic uint32_t alive;
	void *stack;
	size_t bytes;

	if (SANITIZED)
		cr_skip_test("sanitizers have threads of their own");
	char before = __libc_single_threaded;
	cr_assert(tide_os_thread_start(live, &life, "a", NULL, &alive, &stack, &bytes));
	wait_until_gone(&alive);
	cr_assert_eq(__libc_single_threaded, before);
}
#endif

Test(os_thread, a_thread_that_cannot_start_leaves_nothing, .init = set_errno)
{
	static const unsigned mask[] = { TIDE_OS_CLONE, TIDE_OS_MMAP };
	_Atomic uint32_t alive = 0;
	void *stack = NULL;
	size_t bytes = 0;

	for (size_t i = 0; i < COUNT_OF(mask); i++) {
		size_t before = address_space_bytes();

		tide_os_fault_plan(mask[i], 0, 1);
		cr_assert(
		    !tide_os_thread_start(empty_entry, NULL, "x", NULL, &alive, &stack, &bytes));
		tide_os_fault_plan(0, 0, 0);
		cr_assert_eq(tide_load_relaxed(&alive), 0u);
		cr_assert(SANITIZED || address_space_bytes() == before);
	}
	ASSERT_ERRNO_KEPT();
}

/* A variable far from the thread pointer, with as much of the program's own in between. */
static _Thread_local char far_first[100 * 1024];
static _Thread_local char far_last[100 * 1024];

struct far {
	char *first, *last;
	_Atomic uint32_t done;
};

static void touch_far(void *arg)
{
	struct far *far = arg;

	far->first = &far_first[0];
	far->last = &far_last[0];
	*far->first = *far->last = 1;
	tide_store_release(&far->done, 1);
}

Test(os, a_thread_has_room_for_the_variable_it_uses, .timeout = 30)
{
	char *lower = &far_first[0] < &far_last[0] ? far_first : far_last;
	char *upper = lower == far_first ? far_last : far_first;
	/* That which is farther from the thread pointer: below it on x86, above it on Arm. */
	const char *covered = lower < (char *)__builtin_thread_pointer() ? lower : upper;
	struct far far = { 0 };
	_Atomic uint32_t alive;
	void *stack;
	size_t bytes;

	if (SANITIZED)
		cr_skip_test("there it is a thread of the C library's");
	cr_assert(tide_os_thread_start(touch_far, &far, "far", covered, &alive, &stack, &bytes));
	wait_until_gone(&alive);
	cr_assert_eq(tide_load_acquire(&far.done), 1u);
	/* Above the guard page and 64 KiB of stack. */
	char *area = (char *)stack + 68 * 1024;
	cr_assert(far.first >= area && far.first < (char *)stack + bytes);
	cr_assert(far.last >= area && far.last < (char *)stack + bytes);
	cr_assert(tide_os_unmap(stack, bytes));
}
