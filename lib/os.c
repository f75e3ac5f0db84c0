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
#include <linux/capability.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if TIDE_TSAN || TIDE_ASAN || !defined(__x86_64__)
#define TIDE_OS_RAW_THREAD 0
#include <pthread.h>
#else
#define TIDE_OS_RAW_THREAD 1
#endif

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* ThreadSanitizer forgets what it knows of a range when it sees it mapped or unmapped, which it
 * does only through the C library. */
static long os_mmap(uintptr_t hint, size_t bytes, int flags)
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

void *tide_os_map(uintptr_t hint, size_t bytes)
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

bool tide_os_unmap(void *start, size_t bytes)
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
 * writers who moves, once  readers who moves  order relaxed: a late yes costs address space  edges none */
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
	/* It depends on the reason whether the target is still there: at the limit of mappings it is. A
	 * target without a mark may be another thread's by now, so the first one is left behind. */
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
	return os_call(SYS_tgkill, process, (long)tid, 0, 0, 0, 0) != -ESRCH;
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

uint64_t tide_os_address_limit_bytes(void)
{
	struct rlimit limit;
	if (is_error(os_call(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0)) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

/* Stack and thread area of a thread of ours: [guard page][stack][area below][area above]. The
 * thread pointer lies between the two areas; offsets of thread-local variables reach both ways from
 * it. */
#define THREAD_STACK_BYTES (64u * 1024u)
#define THREAD_AREA_BYTES (16u * 1024u)
#define THREAD_AREA_MAX_BYTES (1ul << 30)

struct thread_boot {
	void (*entry)(void *);
	void *arg;
	char name[16];
	_Atomic uint32_t *alive;
};

static void boot_run(struct thread_boot *boot)
{
	(void)os_call(SYS_prctl, PR_SET_NAME, (long)boot->name, 0, 0, 0, 0);
	/* The C library's setuid does not reach a thread it does not know: so this one has nothing
	 * to give up in the first place. Only where there is something: services that are not root
	 * often run under filters that kill for this call. */
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	if (TIDE_OS_RAW_THREAD && os_call(SYS_geteuid, 0, 0, 0, 0, 0, 0) == 0)
		(void)os_call(SYS_capset, (long)&head, (long)none, 0, 0, 0, 0);
	boot->entry(boot->arg);
}

#if TIDE_OS_RAW_THREAD
static long thread_clone(char *stack_top, char *thread_area, _Atomic uint32_t *alive,
                         struct thread_boot *boot)
{
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
	                      CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
	                      CLONE_CHILD_CLEARTID;
	/* The child starts on an empty stack: what it needs lies on its top. */
	void **top = (void **)(void *)stack_top - 2;
	top[0] = (void *)boot_run;
	top[1] = boot;

	long result;
	register long r10 __asm__("r10") = (long)alive;
	register long r8 __asm__("r8") = (long)thread_area;
	__asm__ volatile("syscall\n\t"
	                 "testq %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xorl %%ebp, %%ebp\n\t"
	                 "popq %%rax\n\t"
	                 "popq %%rdi\n\t"
	                 "callq *%%rax\n\t"
	                 "movl $60, %%eax\n\t" /* exit: of this thread only */
	                 "xorl %%edi, %%edi\n\t"
	                 "syscall\n\t"
	                 "1:"
	                 : "=a"(result)
	                 : "a"(SYS_clone), "D"(flags), "S"(top), "d"(alive), "r"(r10), "r"(r8)
	                 : "rcx", "r11", "memory");
	return result;
}
#else
static void *boot_pthread(void *arg)
{
	struct thread_boot *boot = arg;
	_Atomic uint32_t *alive = boot->alive;
	boot_run(boot);
	tide_store_release(alive, 0); /* os.thread_end */
	tide_os_futex_wake(alive, UINT32_MAX);
	return NULL;
}

static long thread_clone(char *stack_top, char *thread_area, _Atomic uint32_t *alive,
                         struct thread_boot *boot)
{
	pthread_t thread;
	(void)stack_top;
	(void)thread_area;
	(void)alive;
	if (pthread_create(&thread, NULL, boot_pthread, boot) != 0)
		return -EAGAIN;
	(void)pthread_detach(thread);
	return 1;
}
#endif

/* How much of an area below the thread pointer it takes to have the variable in it. */
static size_t area_below_bytes(const void *covered)
{
	uintptr_t self = 0;
#if TIDE_OS_RAW_THREAD
	__asm__("movq %%fs:0, %0" : "=r"(self));
#endif
	uintptr_t offset = self - (uintptr_t)covered;
	if (covered == NULL || self == 0 || offset > THREAD_AREA_MAX_BYTES)
		return THREAD_AREA_BYTES;
	return THREAD_AREA_BYTES + (offset & ~(uintptr_t)(TIDE_PAGE_BYTES - 1));
}

bool tide_os_thread_start(void (*entry)(void *), void *arg, const char *name, const void *covered,
                          _Atomic uint32_t *alive, void **stack, size_t *stack_bytes)
{
	size_t below_bytes = area_below_bytes(covered);
	size_t bytes = TIDE_PAGE_BYTES + THREAD_STACK_BYTES + below_bytes + THREAD_AREA_BYTES;
	if (faulty(TIDE_OS_CLONE))
		return false;
	if (TIDE_INTERLEAVE && tide_yield_thread_start(entry, arg, alive))
		return true;
	char *memory = tide_os_map(0, bytes);
	if (memory == NULL)
		return false;
	(void)tide_os_guard(memory, TIDE_PAGE_BYTES);

	char *area = memory + bytes - THREAD_AREA_BYTES;
	*(void **)(void *)area = area; /* the ABI: the thread pointer points at itself */
	struct thread_boot *boot = (void *)(area + THREAD_AREA_BYTES / 2);
	boot->entry = entry;
	boot->arg = arg;
	boot->alive = alive;
	for (size_t i = 0; i + 1 < sizeof boot->name && name[i] != '\0'; i++)
		boot->name[i] = name[i];

	uint64_t all = UINT64_MAX;
	uint64_t saved;
	tide_store_relaxed(alive, 1);
	(void)os_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&saved, sizeof all, 0, 0);
	long result = thread_clone(area - below_bytes, area, alive, boot);
	(void)os_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&saved, 0, sizeof saved, 0, 0);
	if (is_error(result)) {
		tide_store_relaxed(alive, 0);
		(void)tide_os_unmap(memory, bytes);
		return false;
	}
	*stack = memory;
	*stack_bytes = bytes;
	return true;
}
