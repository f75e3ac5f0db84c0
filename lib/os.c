#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "os.h"
#include "os_file.h"

#include "atomic.h"
#include "config.h"
#include "os_call.h"
#include "yield.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* ThreadSanitizer forgets what it knows of a range when it sees it mapped or unmapped, which it
 * does only through the C library. */
static TIDE_USUAL long os_mmap(uintptr_t hint, size_t bytes, int flags)
{
	flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	if (TIDE_TSAN) {
		int saved = errno;
		void *start = mmap((void *)hint, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
		errno = saved;
		return start == MAP_FAILED ? -ENOMEM : (long)start;
	}
	return os_call(SYS_mmap, (long)hint, (long)bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
}

static long os_munmap(void *start, size_t bytes)
{
	if (TIDE_TSAN) {
		int saved = errno;
		long result = munmap(start, bytes);
		errno = saved;
		return result;
	}
	return os_call(SYS_munmap, (long)start, (long)bytes, 0, 0, 0, 0);
}

/* The fault plan of the tests, and how far it got.
 * writers  a test; the counts: every thread    readers  every thread
 * order    relaxed: a late plan does no harm    edges    none */
static _Atomic uint32_t fault_mask;
static _Atomic uint32_t fault_pass, fault_fail, fault_every, fault_percent;
static _Atomic uint64_t fault_seed;
static _Atomic uint32_t fault_calls;  /* in the mask, since the plan was set */
static _Atomic uint32_t fault_chosen; /* of these, to fail unless it is enough */
static _Atomic uint64_t fault_failed; /* since the start */

void tide_os_fault_set(const struct tide_os_faults *plan)
{
	tide_store_relaxed(&fault_mask, 0u);
	tide_store_relaxed(&fault_pass, plan->pass);
	tide_store_relaxed(&fault_fail, plan->fail);
	tide_store_relaxed(&fault_every, plan->every);
	tide_store_relaxed(&fault_percent, plan->percent);
	tide_store_relaxed(&fault_seed, plan->seed);
	tide_store_relaxed(&fault_calls, 0u);
	tide_store_relaxed(&fault_chosen, 0u);
	tide_store_relaxed(&fault_mask, plan->mask);
}

void tide_os_fault_plan(unsigned mask, uint32_t pass, uint32_t fail)
{
	tide_os_fault_set(
	    &(struct tide_os_faults){ .mask = (uint32_t)mask, .pass = pass, .fail = fail });
}

uint64_t tide_os_fault_count(void)
{
	return tide_load_relaxed(&fault_failed);
}

static uint64_t fault_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* The same answer for the same call of the same plan. */
static bool fault_is_drawn(uint32_t call, uint32_t percent)
{
	uint64_t seed = fault_mix(tide_load_relaxed(&fault_seed) + 0x9e3779b97f4a7c15u);

	return fault_mix(seed + (call + 1) * 0x9e3779b97f4a7c15u) % 100 < percent;
}

static TIDE_COLD bool fault_take(void)
{
	uint32_t call = tide_add_relaxed(&fault_calls, 1u);
	uint32_t pass = tide_load_relaxed(&fault_pass);
	uint32_t every = tide_load_relaxed(&fault_every);
	uint32_t percent = tide_load_relaxed(&fault_percent);
	uint32_t fail = tide_load_relaxed(&fault_fail);

	if (call < pass || (every != 0 && (call - pass) % every != 0) ||
	    (percent != 0 && !fault_is_drawn(call, percent)))
		return false;
	if (fail != UINT32_MAX && tide_add_relaxed(&fault_chosen, 1u) >= fail)
		return false;
	(void)tide_add_relaxed(&fault_failed, 1u);
	return true;
}

static bool faulty(enum tide_os_call call)
{
	return TIDE_UNLIKELY(tide_load_relaxed(&fault_mask) & (uint32_t)call) && fault_take();
}

TIDE_USUAL void *tide_os_map(uintptr_t hint, size_t bytes)
{
	if (faulty(TIDE_OS_MMAP))
		return NULL;
	long result = os_mmap(hint, bytes, 0);
	return is_error(result) ? NULL : (void *)result;
}

bool tide_os_map_at(uintptr_t base, size_t bytes)
{
	if (faulty(TIDE_OS_MMAP))
		return false;
	long result = os_mmap(base, bytes, MAP_FIXED_NOREPLACE);
	if (is_error(result))
		return false;
	if ((uintptr_t)result == base)
		return true;
	/* A kernel that does not know the flag (before 4.17) takes the address as a hint. */
	(void)tide_os_discard((void *)result, bytes);
	return false;
}

bool tide_os_is_to_fail(enum tide_os_call call)
{
	return faulty(call);
}

static bool protect(void *start, size_t bytes, int rights)
{
	if (faulty(TIDE_OS_MPROTECT))
		return false;
	return !is_error(os_call(SYS_mprotect, (long)start, (long)bytes, rights, 0, 0, 0));
}

bool tide_os_guard(void *start, size_t bytes)
{
	return protect(start, bytes, PROT_NONE);
}

bool tide_os_open(void *start, size_t bytes)
{
	return protect(start, bytes, PROT_READ | PROT_WRITE);
}

bool tide_os_seal(void *start, size_t bytes)
{
	return protect(start, bytes, PROT_READ);
}

bool tide_os_is_readable(const void *address)
{
	/* A signal mask is read from there before it is seen that there is no such thing to do. */
	return os_call(SYS_rt_sigprocmask, -1, (long)address, 0, sizeof(uint64_t), 0, 0) != -EFAULT;
}

TIDE_USUAL bool tide_os_unmap(void *start, size_t bytes)
{
	if (faulty(TIDE_OS_MUNMAP))
		return false;
	return !is_error(os_munmap(start, bytes));
}

enum tide_os_resized tide_os_grow(void *start, size_t old_bytes, size_t new_bytes)
{
	if (faulty(TIDE_OS_MREMAP))
		return TIDE_OS_NO_ROOM;
	long result = os_call(SYS_mremap, (long)start, (long)old_bytes, (long)new_bytes, 0, 0, 0);
	if (!is_error(result))
		return TIDE_OS_RESIZED;
	return result == -ENOMEM ? TIDE_OS_NO_ROOM : TIDE_OS_REFUSED;
}

/* A move was refused once.
 * writers who moves, once                            readers who moves
 * order   relaxed: a late yes costs address space    edges   none */
static _Atomic bool move_is_doubtful;

/* Whether the word is `value`; asks the system, since it may be nobody's any more, or another's. */
static bool word_is(const void *word, uint32_t value)
{
	struct timespec none = { 0, 0 };
	return os_call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, (long)&none, 0, 0) ==
	       -ETIMEDOUT;
}

bool tide_os_move(void *start, size_t old_bytes, void *target, size_t new_bytes)
{
	uint32_t *mark = target;
	uint64_t own =
	    ((uint64_t)(uintptr_t)target ^ tide_os_clock_fine_ns()) * 0x9e3779b97f4a7c15u;
	bool marked = tide_load_relaxed(&move_is_doubtful);
	if (TIDE_UNLIKELY(marked)) {
		mark[0] = (uint32_t)own;
		mark[1] = (uint32_t)(own >> 32);
	}
	if (!faulty(TIDE_OS_MREMAP) &&
	    !is_error(os_call(SYS_mremap, (long)start, (long)old_bytes, (long)new_bytes,
	                      MREMAP_MAYMOVE | MREMAP_FIXED, (long)target, 0)))
		return true;
	/* It depends on the reason whether the target is still there: at the limit of mappings it
	 * is. A target without a mark may be another thread's by now, so the first one is left
	 * behind. */
	tide_store_relaxed(&move_is_doubtful, true);
	if (marked && word_is(mark, (uint32_t)own) && word_is(mark + 1, (uint32_t)(own >> 32)))
		(void)tide_os_discard(target, new_bytes);
	return false;
}

bool tide_os_purge(void *start, size_t bytes)
{
	if (faulty(TIDE_OS_MADVISE))
		return false;
	return !is_error(os_call(SYS_madvise, (long)start, (long)bytes, MADV_DONTNEED, 0, 0, 0));
}

void tide_os_populate(void *start, size_t bytes)
{
	if (faulty(TIDE_OS_MADVISE))
		return;
	(void)os_call(SYS_madvise, (long)start, (long)bytes, MADV_POPULATE_WRITE, 0, 0, 0);
}

void tide_os_huge(void *start, size_t bytes, bool wanted)
{
	if (faulty(TIDE_OS_MADVISE))
		return;
	(void)os_call(SYS_madvise, (long)start, (long)bytes,
	              wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE, 0, 0, 0);
}

void tide_os_futex_wait(void *word, uint32_t seen, uint64_t timeout_ns)
{
	struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / 1000000000u),
		                    .tv_nsec = (long)(timeout_ns % 1000000000u) };
	if (TIDE_INTERLEAVE && tide_yield_futex_wait(word, seen, timeout_ns))
		return;
	if (faulty(TIDE_OS_FUTEX))
		return;
	(void)os_call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)seen,
	              timeout_ns != 0 ? (long)&timeout : 0, 0, 0);
}

void tide_os_futex_wake(void *word, uint32_t waiters)
{
	if (TIDE_INTERLEAVE && tide_yield_futex_wake(word, waiters))
		return;
	if (faulty(TIDE_OS_FUTEX))
		return;
	(void)os_call(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE,
	              waiters < INT32_MAX ? (long)waiters : INT32_MAX, 0, 0, 0);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t tide_os_clock_ns(void)
{
	uint64_t now_ns;
	if (TIDE_INTERLEAVE && tide_yield_clock_ns(&now_ns))
		return now_ns;
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

uint64_t tide_os_clock_fine_ns(void)
{
	uint64_t now_ns;
	if (TIDE_INTERLEAVE && tide_yield_clock_ns(&now_ns))
		return now_ns;
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t tide_os_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint32_t tide_os_thread_id(void)
{
	return (uint32_t)os_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

uint32_t tide_os_process_id(void)
{
	return (uint32_t)os_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

bool tide_os_thread_exists(uint32_t tid)
{
	long process = os_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	if (os_call(SYS_tgkill, process, (long)tid, 0, 0, 0, 0) != -ESRCH)
		return true;
	tide_fence_after_system();
	return false;
}

void tide_os_write_stderr(const char *text, size_t bytes)
{
	if (tide_os_write(2, text, bytes) != -EBADF)
		return;
	/* The GC thread with files of its own: those of the process's first thread. */
	int file = tide_os_file_of_process(2);
	if (file < 0)
		return;
	(void)tide_os_write(file, text, bytes);
	tide_os_close(file);
}

_Noreturn void tide_os_abort(void)
{
	/* Not abort(): it takes a lock, and the handler of the program may allocate. SIGABRT is
	 * unblocked, raised, and if a handler returned, raised again with the default action. */
	for (int round = 0; round < 2; round++) {
		uint64_t mask = 1ull << (SIGABRT - 1);
		long process = os_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
		(void)os_call(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, sizeof mask, 0, 0);
		(void)os_call(SYS_tgkill, process, (long)tide_os_thread_id(), SIGABRT, 0, 0, 0);
		long none[4] = { 0, 0, 0, 0 };
		(void)os_call(SYS_rt_sigaction, SIGABRT, (long)none, 0, sizeof(uint64_t), 0, 0);
	}
	for (;;)
		(void)os_call(SYS_exit_group, 134, 0, 0, 0, 0, 0);
}

size_t tide_os_page_bytes(void)
{
#if defined(__x86_64__)
	return TIDE_PAGE_BYTES;
#else
	return (size_t)getauxval(AT_PAGESZ);
#endif
}

uint64_t tide_os_address_limit_bytes(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	if (is_error(os_call(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0)) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}
