/* os.c: what each call promises, that none touches errno, that the fault plan fails exactly the
 * calls it names, and the birth and end of a thread that the C library does not know. */
#include "os.h"

#include "atomic.h"
#include "config.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Every test begins with an errno of its own, and must end with it. */
enum { OWN_ERRNO = 4242 };

static void set_errno(void)
{
	errno = OWN_ERRNO;
}

#define ASSERT_ERRNO_KEPT() cr_assert_eq(errno, OWN_ERRNO)

static char *map(size_t bytes)
{
	char *memory = tide_os_map(0, bytes);

	if (memory == NULL)
		cr_assert_fail("no memory");
	return memory;
}

/* 'r' readable, 'n' mapped but inaccessible, '-' unmapped. */
static char state_of(const void *address)
{
	int saved = errno;
	unsigned char resident;
	char seen = '-';

	if (mincore((void *)((uintptr_t)address & ~4095ul), 1, &resident) == 0)
		seen = madvise((void *)((uintptr_t)address & ~4095ul), 1,
		               22 /* MADV_POPULATE_READ */) == 0
		           ? 'r'
		           : 'n';
	errno = saved;
	return seen;
}

/* The fault plan. */

Test(os, the_plan_fails_the_nth_call_and_no_other, .init = set_errno)
{
	for (uint32_t n = 0; n < 10; n++) {
		for (uint32_t fail = 1; fail < 4; fail++) {
			tide_os_fault_plan(TIDE_OS_MMAP, n, fail);
			for (uint32_t i = 0; i < 20; i++) {
				void *memory = tide_os_map(0, 4096);

				cr_assert_eq(memory == NULL, i >= n && i < n + fail);
				cr_assert(memory == NULL || tide_os_unmap(memory, 4096));
			}
		}
	}
	ASSERT_ERRNO_KEPT();
}

Test(os, for_ever_means_until_the_plan_ends, .init = set_errno)
{
	tide_os_fault_plan(TIDE_OS_MMAP, 3, UINT32_MAX);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(tide_os_map(0, 4096) == NULL, i >= 3);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_not_null(tide_os_map(0, 4096));
}

Test(os, calls_the_plan_does_not_name_go_through_and_are_not_counted, .init = set_errno)
{
	char *memory = map(8192);

	tide_os_fault_plan(TIDE_OS_MUNMAP, 1, 1);
	for (int i = 0; i < 5; i++)
		(void)map(4096);
	cr_assert(tide_os_purge(memory, 4096));
	cr_assert(tide_os_unmap(memory, 4096));
	cr_assert(!tide_os_unmap(memory + 4096, 4096));
	cr_assert_eq(state_of(memory + 4096), 'r');
	cr_assert(tide_os_unmap(memory + 4096, 4096));
	ASSERT_ERRNO_KEPT();
}

Test(os, every_nth_call_fails_up_to_so_many, .init = set_errno)
{
	uint64_t before = tide_os_fault_count();

	tide_os_fault_set(
	    &(struct tide_os_faults){ .mask = TIDE_OS_MMAP, .pass = 2, .fail = 3, .every = 4 });
	for (uint32_t i = 0; i < 40; i++)
		cr_assert_eq(tide_os_map(0, 4096) == NULL, i == 2 || i == 6 || i == 10);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_eq(tide_os_fault_count(), before + 3);
	ASSERT_ERRNO_KEPT();
}

/* Bit i: the i-th call of a plan with this seed failed. */
static uint64_t drawn(uint64_t seed, uint32_t percent)
{
	uint64_t failed = 0;

	tide_os_fault_set(&(struct tide_os_faults){
	    .mask = TIDE_OS_MMAP, .fail = UINT32_MAX, .percent = percent, .seed = seed });
	for (uint32_t i = 0; i < 64; i++)
		failed |= (uint64_t)(tide_os_map(0, 4096) == NULL) << i;
	tide_os_fault_plan(0, 0, 0);
	return failed;
}

Test(os, random_calls_fail_and_the_seed_says_which, .init = set_errno)
{
	uint32_t calls = 0;

	for (uint64_t seed = 0; seed < 64; seed++) {
		uint64_t failed = drawn(seed, 25);

		cr_assert_eq(drawn(seed, 25), failed);
		cr_assert_neq(drawn(seed + 1000, 25), failed);
		calls += (uint32_t)__builtin_popcountll(failed);
	}
	cr_assert(calls > 64 * 64 / 5 && calls < 64 * 64 * 3 / 10, "%u of %u", calls, 64 * 64);
	cr_assert_eq(drawn(1, 100), UINT64_MAX);
	ASSERT_ERRNO_KEPT();
}

static void empty_entry(void *unused)
{
	(void)unused;
}

Test(os, each_kind_of_call_can_be_refused, .init = set_errno)
{
	char *memory = map(16384);
	char *target = map(16384);
	_Atomic uint32_t alive = 7;
	uint32_t word = 1;
	void *stack;
	size_t bytes;

	tide_os_fault_plan(UINT32_MAX, 0, UINT32_MAX);
	cr_assert_null(tide_os_map(0, 4096));
	cr_assert_null(tide_os_map_aligned(0, 4096, 1 << 22));
	cr_assert(!tide_os_unmap(memory, 4096));
	cr_assert(!tide_os_guard(memory, 4096));
	cr_assert(!tide_os_purge(memory, 4096));
	cr_assert(!tide_os_resize(memory, 16384, 8192));
	cr_assert(!tide_os_move(memory, 16384, target, 16384));
	cr_assert(!tide_os_thread_start(empty_entry, NULL, "x", NULL, &alive, &stack, &bytes));
	tide_os_populate(memory, 4096);
	tide_os_huge(memory, 4096, true);
	tide_os_futex_wait(&word, 1, 0); /* for ever, were it not refused */
	tide_os_futex_wake(&word, 1);
	tide_os_fault_plan(0, 0, 0);
	for (size_t at = 0; at < 16384; at += 4096)
		cr_assert_eq(state_of(memory + at), 'r');
	ASSERT_ERRNO_KEPT();
}

/* Mappings. */

Test(os, a_mapping_is_zeroed_and_writable, .init = set_errno)
{
	for (size_t bytes = 4096; bytes <= 4 * MIB; bytes *= 4) {
		char *memory = map(bytes);

		cr_assert_eq((uintptr_t)memory % TIDE_PAGE_BYTES, 0u);
		cr_assert(all_zero(memory, bytes));
		memset(memory, 1, bytes);
		cr_assert(tide_os_unmap(memory, bytes));
		cr_assert_eq(state_of(memory), '-');
	}
	ASSERT_ERRNO_KEPT();
}

Test(os, a_hint_is_welcome_where_nothing_is, .init = set_errno)
{
	char *memory = map(64 * KIB);

	cr_assert(tide_os_unmap(memory, 64 * KIB));
	cr_assert_eq((char *)tide_os_map((uintptr_t)memory, 64 * KIB), memory);
	/* Taken: somewhere else, and the old one is left alone. */
	memory[0] = 5;
	cr_assert_neq((char *)tide_os_map((uintptr_t)memory, 64 * KIB), memory);
	cr_assert_eq(memory[0], 5);
}

Test(os, any_alignment_can_be_had_and_leaves_nothing_around, .init = set_errno)
{
	for (size_t align_bytes = 4096; align_bytes <= 16 * 1024 * MIB; align_bytes *= 2) {
		for (size_t bytes = 4096; bytes <= 8 * MIB; bytes *= 8) {
			size_t before = address_space_bytes();
			char *memory = tide_os_map_aligned(0, bytes, align_bytes);

			cr_assert_not_null(memory);
			cr_assert_eq((uintptr_t)memory % align_bytes, 0u);
			cr_assert(SANITIZED || address_space_bytes() == before + bytes);
			memory[0] = memory[bytes - 1] = 1;
			cr_assert(tide_os_unmap(memory, bytes));
		}
	}
	ASSERT_ERRNO_KEPT();
}

Test(os, a_hint_out_of_line_still_gives_an_aligned_mapping, .init = set_errno)
{
	char *memory = map(64 * MIB);

	cr_assert(tide_os_unmap(memory, 64 * MIB));
	uintptr_t hint = ((uintptr_t)memory + 8 * MIB) / (4 * MIB) * (4 * MIB);
	cr_assert_eq((uintptr_t)tide_os_map_aligned(hint, MIB, 4 * MIB), hint);
	char *other = tide_os_map_aligned(hint + 4096, MIB, 4 * MIB);
	cr_assert_not_null(other);
	cr_assert_eq((uintptr_t)other % (4 * MIB), 0u);
}

Test(os, sizes_beyond_reason_are_refused, .init = set_errno)
{
	cr_assert_null(tide_os_map(0, SIZE_MAX & ~4095ul));
	cr_assert_null(tide_os_map(0, (size_t)1 << 60));
	cr_assert_null(tide_os_map_aligned(0, SIZE_MAX & ~4095ul, 1 << 22));
	cr_assert_null(tide_os_map_aligned(0, 4096, (size_t)1 << 62));
	cr_assert_null(tide_os_map_aligned(0, (size_t)1 << 46, (size_t)1 << 47));
	ASSERT_ERRNO_KEPT();
}

Test(os, a_guard_page_cannot_be_read, .init = set_errno)
{
	char *memory = map(3 * 4096);

	cr_assert(tide_os_guard(memory + 4096, 4096));
	cr_assert_eq(state_of(memory), 'r');
	cr_assert_eq(state_of(memory + 4096), 'n');
	cr_assert_eq(state_of(memory + 8192), 'r');
	cr_assert(!tide_os_guard(memory + 1, 4096));
	ASSERT_ERRNO_KEPT();
}

Test(os, touching_a_guard_page_ends_the_program, .signal = SIGSEGV)
{
	char *memory = map(8192);

	if (tide_os_guard(memory, 4096))
		*(volatile char *)memory = 1;
}

Test(os, a_mapping_shrinks_and_grows_where_it_is, .init = set_errno)
{
	char *memory = map(64 * KIB);

	memset(memory, 6, 64 * KIB);
	cr_assert(tide_os_resize(memory, 64 * KIB, 16 * KIB));
	cr_assert_eq(state_of(memory + 12 * KIB), 'r');
	cr_assert_eq(state_of(memory + 16 * KIB), '-');
	cr_assert(tide_os_resize(memory, 16 * KIB, 64 * KIB));
	cr_assert_eq(memory[16 * KIB - 1], 6);
	cr_assert(all_zero(memory + 16 * KIB, 48 * KIB));
	/* Into something else it does not grow. */
	char *both = map(128 * KIB);
	cr_assert(!tide_os_resize(both, 64 * KIB, SIZE_MAX & ~4095ul));
	cr_assert(tide_os_guard(both + 64 * KIB, 4096));
	cr_assert(!tide_os_resize(both, 64 * KIB, 68 * KIB));
	ASSERT_ERRNO_KEPT();
}

Test(os, a_mapping_moves_with_what_it_holds, .init = set_errno)
{
	char *memory = map(64 * KIB);
	char *target = map(256 * KIB);

	memset(memory, 6, 64 * KIB);
	memset(target, 7, 256 * KIB);
	cr_assert(tide_os_move(memory, 64 * KIB, target, 256 * KIB));
	cr_assert_eq(state_of(memory), '-');
	cr_assert_eq(target[0] + target[64 * KIB - 1], 12);
	cr_assert(all_zero(target + 64 * KIB, 192 * KIB));
	cr_assert(!tide_os_move(memory, 64 * KIB, target, 256 * KIB));
	ASSERT_ERRNO_KEPT();
}

Test(os, purged_memory_reads_as_zero_and_its_neighbours_do_not, .init = set_errno)
{
	char *memory = map(5 * 4096);

	memset(memory, 6, 5 * 4096);
	cr_assert(tide_os_purge(memory + 4096, 3 * 4096));
	cr_assert(all_zero(memory + 4096, 3 * 4096));
	cr_assert_eq(memory[4095] + memory[4 * 4096], 12);
	cr_assert(tide_os_unmap(memory, 5 * 4096));
	cr_assert(!tide_os_purge(memory, 4096));
	ASSERT_ERRNO_KEPT();
}

Test(os, advice_harms_nothing, .init = set_errno)
{
	char *memory = tide_os_map_aligned(0, 4 * MIB, 2 * MIB);

	memory[5] = 6;
	tide_os_populate(memory, 4 * MIB);
	tide_os_huge(memory, 4 * MIB, true);
	tide_os_huge(memory, 4 * MIB, false);
	cr_assert_eq(memory[5], 6);
	cr_assert(all_zero(memory + 6, 4 * MIB - 6));
	cr_assert(tide_os_unmap(memory, 4 * MIB));
	tide_os_populate(memory, 4 * MIB);
	tide_os_huge(memory, 4 * MIB, true);
	ASSERT_ERRNO_KEPT();
}

/* Futexes. */

Test(os, a_wait_for_another_value_returns_at_once, .init = set_errno, .timeout = 30)
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

Test(os, all_waiters_are_woken, .timeout = 10)
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

/* Facts. */

Test(os, the_clock_does_not_go_back, .init = set_errno)
{
	uint64_t start = tide_os_clock_ns();
	uint64_t before = start;

	while (before == start) {
		uint64_t now = tide_os_clock_ns();
		cr_assert_geq(now, before);
		before = now;
	}
	ASSERT_ERRNO_KEPT();
}

Test(os, limits_and_sizes_are_the_systems, .init = set_errno)
{
	struct rlimit limit;

	cr_assert_eq(tide_os_thread_id(), (uint32_t)getpid());
	cr_assert(tide_os_thread_exists(tide_os_thread_id()));
	cr_assert(!tide_os_thread_exists(1 << 30));
	ASSERT_ERRNO_KEPT();
	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	cr_assert_eq(tide_os_address_limit_bytes(),
	             limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur);
	limit.rlim_cur = 1ul << 46;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	cr_assert_eq(tide_os_address_limit_bytes(), 1ul << 46);
}

Test(os, text_goes_to_stderr_whole, .init = set_errno)
{
	int ends[2];
	char text[20];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	errno = OWN_ERRNO;
	tide_os_write_stderr("tide: text\n", 11);
	ASSERT_ERRNO_KEPT();
	cr_assert_eq(read(ends[0], text, sizeof text), 11);
	cr_assert_eq(memcmp(text, "tide: text\n", 11), 0);
	close(STDERR_FILENO);
	errno = OWN_ERRNO;
	tide_os_write_stderr("nobody", 6);
	ASSERT_ERRNO_KEPT();
}

Test(os, abort_ends_the_program, .signal = SIGABRT)
{
	sigset_t all;

	signal(SIGABRT, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	tide_os_abort();
}

/* Threads. */

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

Test(os, a_thread_lives_and_ends, .timeout = 30)
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
	const char *covered = &far_first[0] < &far_last[0] ? &far_first[0] : &far_last[0];
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

#ifdef __GLIBC__
#include <sys/single_threaded.h>

Test(os, the_c_library_does_not_notice_a_thread)
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

Test(os, a_thread_that_cannot_start_leaves_nothing, .init = set_errno)
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
