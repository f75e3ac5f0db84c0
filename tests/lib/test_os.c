/* os.c: what each call promises, that none touches errno, that the fault plan fails exactly the
 * calls it names. Threads and futexes: test_os_thread.c. */
#include "os.h"

#include "atomic.h"
#include "config.h"

#include "os_support.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

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
	cr_assert_eq(tide_os_grow(memory, 8192, 16384), TIDE_OS_NO_ROOM);
	cr_assert(!tide_os_map_at((uintptr_t)memory + (1 << 30), 4096));
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

/* The ends of a mapping that was made too long, when the system does not take them back. */
Test(os, what_the_system_refuses_is_given_back_later, .init = set_errno)
{
	enum { BYTES = 1 << 20, ALIGN = 4 << 20 };
	size_t before = address_space_bytes();

	for (uint32_t pass = 0; pass < 4; pass++) {
		void *mapping[40];

		/* Hints out of line, so that each is cut out of a longer one. */
		for (size_t i = 0; i < COUNT_OF(mapping); i++) {
			tide_os_fault_plan(TIDE_OS_MUNMAP, pass, UINT32_MAX);
			mapping[i] = tide_os_map_aligned(4096, BYTES, ALIGN);
			tide_os_fault_plan(0, 0, 0);
			cr_assert_eq((uintptr_t)mapping[i] % ALIGN, 0u);
			memset(mapping[i], 1, BYTES);
		}
		cr_assert(pass == 3 || tide_os_discarded_bytes_racy() > 0);
		(void)tide_os_discard(tide_os_map(0, BYTES), BYTES);
		cr_assert_eq(tide_os_discarded_bytes_racy(), 0u);
		cr_assert(SANITIZED || address_space_bytes() ==
		                           before + sizeof mapping / sizeof mapping[0] * BYTES);
		for (size_t i = 0; i < COUNT_OF(mapping); i++)
			cr_assert(tide_os_unmap(mapping[i], BYTES));
	}
	ASSERT_ERRNO_KEPT();
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

Test(os, it_is_known_what_can_be_read, .init = set_errno)
{
	char *page = tide_os_map(0, TIDE_PAGE_BYTES);
	cr_assert_not_null(page);
	cr_assert(tide_os_is_readable(page));
	cr_assert(tide_os_is_readable(page + TIDE_PAGE_BYTES - sizeof(uint64_t)));
	cr_assert(tide_os_seal(page, TIDE_PAGE_BYTES));
	cr_assert(tide_os_is_readable(page));
	cr_assert(tide_os_guard(page, TIDE_PAGE_BYTES));
	cr_assert(!tide_os_is_readable(page));
	cr_assert(tide_os_unmap(page, TIDE_PAGE_BYTES));
	cr_assert(!tide_os_is_readable(page));
}

Test(os, touching_a_guard_page_ends_the_program, .signal = SIGSEGV)
{
	char *memory = map(8192);

	if (tide_os_guard(memory, 4096))
		*(volatile char *)memory = 1;
}

Test(os, a_mapping_grows_where_it_is, .init = set_errno)
{
	char *memory = map(64 * KIB);

	memset(memory, 6, 64 * KIB);
	cr_assert(tide_os_unmap(memory + 16 * KIB, 48 * KIB));
	cr_assert_eq(tide_os_grow(memory, 16 * KIB, 64 * KIB), TIDE_OS_RESIZED);
	cr_assert_eq(memory[16 * KIB - 1], 6);
	cr_assert(all_zero(memory + 16 * KIB, 48 * KIB));
	/* Into something else it does not grow. */
	char *both = map(128 * KIB);
	cr_assert_neq(tide_os_grow(both, 64 * KIB, SIZE_MAX & ~4095ul), TIDE_OS_RESIZED);
	cr_assert(tide_os_guard(both + 64 * KIB, 4096));
	cr_assert_eq(tide_os_grow(both, 64 * KIB, 68 * KIB), TIDE_OS_NO_ROOM);
	/* Two mappings are not one. */
	cr_assert_eq(tide_os_grow(both, 128 * KIB, 256 * KIB), TIDE_OS_REFUSED);
	ASSERT_ERRNO_KEPT();
}

Test(os, a_mapping_is_where_it_is_wanted_or_nowhere, .init = set_errno)
{
	char *memory = map(64 * KIB);

	memset(memory, 6, 64 * KIB);
	cr_assert(!tide_os_map_at((uintptr_t)memory + 16 * KIB, 16 * KIB));
	cr_assert(tide_os_unmap(memory + 16 * KIB, 16 * KIB));
	cr_assert(tide_os_map_at((uintptr_t)memory + 16 * KIB, 16 * KIB));
	cr_assert(all_zero(memory + 16 * KIB, 16 * KIB));
	cr_assert_eq(memory[16 * KIB - 1] + memory[32 * KIB], 12);
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
