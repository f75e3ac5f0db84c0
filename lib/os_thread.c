#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "os.h"

#include "atomic.h"
#include "config.h"
#include "os_call.h"
#include "yield.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#if TIDE_TSAN || TIDE_ASAN
#define TIDE_OS_RAW_THREAD 0
#else
#define TIDE_OS_RAW_THREAD 1
#endif

/* Stack and thread area of a thread of ours: [guard page][stack][area below][area above]. The
 * thread pointer lies between the two areas. Thread-local variables are below it on x86, where the
 * C library has its own record above, and the other way round on Arm. On top of the stack lies what
 * the thread starts with. */
#define THREAD_STACK_BYTES (64u * 1024u)
#define THREAD_AREA_BYTES (16u * 1024u)
#define THREAD_AREA_MAX_BYTES (1ul << 30)
#ifdef __x86_64__
#define VARIABLES_ABOVE 0
#else
#define VARIABLES_ABOVE 1
#endif

struct thread_boot {
	_Alignas(16) void *arg; /* the stack begins below it */
	void (*entry)(void *);
	char name[16];
	_Atomic uint32_t *alive;
};

/* The calling thread was begun here, and the C library must not look for its record of it. */
static TIDE_THREAD_LOCAL bool is_ours;

/* By the type and not by the state: with glibc up to 2.36 a thread that disables cancellation when
 * the signal is on its way already is cancelled nevertheless. */
int tide_os_cancel_defer(void)
{
	int before = PTHREAD_CANCEL_DEFERRED;
	if (!is_ours)
		(void)pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before);
	return before;
}

void tide_os_cancel_restore(int before)
{
	if (before != PTHREAD_CANCEL_DEFERRED)
		(void)pthread_setcanceltype(before, &before);
}

static void boot_run(struct thread_boot *boot)
{
	is_ours = true;
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
static long thread_clone(char *stack_top, const char *thread_area, _Atomic uint32_t *alive,
                         struct thread_boot *boot)
{
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
	                      CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
	                      CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
	/* The child starts on an empty stack, but for what it is to call and with what. */
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
#else
	/* The child has the same registers, but for the result and the stack. */
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1") = (long)stack_top;
	register long x2 __asm__("x2") = (long)alive;
	register long x3 __asm__("x3") = (long)thread_area;
	register long x4 __asm__("x4") = (long)alive;
	register long x5 __asm__("x5") = (long)boot_run;
	register long x6 __asm__("x6") = (long)boot;
	__asm__ volatile("svc #0\n\t"
	                 "cbnz x0, 1f\n\t"
	                 "mov x29, xzr\n\t"
	                 "mov x30, xzr\n\t"
	                 "mov x0, x6\n\t"
	                 "blr x5\n\t"
	                 "mov x8, #93\n\t" /* exit: of this thread only */
	                 "mov x0, xzr\n\t"
	                 "svc #0\n\t"
	                 "1:"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x6)
	                 : "cc", "memory");
	return x0;
#endif
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

static long thread_clone(char *stack_top, const char *thread_area, _Atomic uint32_t *alive,
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

/* How far from the thread pointer the variable is, to the side where such variables are. */
static size_t area_offset_bytes(const void *covered)
{
	uintptr_t offset = 0;
#if TIDE_OS_RAW_THREAD && defined(__x86_64__)
	uintptr_t self;
	__asm__("movq %%fs:0, %0" : "=r"(self));
	offset = self - (uintptr_t)covered;
#elif TIDE_OS_RAW_THREAD
	offset = (uintptr_t)covered - (uintptr_t)__builtin_thread_pointer();
#endif
	if (covered == NULL || offset > THREAD_AREA_MAX_BYTES)
		return 0;
	return offset & ~(uintptr_t)(TIDE_PAGE_BYTES - 1);
}

bool tide_os_thread_start(void (*entry)(void *), void *arg, const char *name, const void *covered,
                          _Atomic uint32_t *alive, void **stack, size_t *stack_bytes)
{
	size_t offset_bytes = area_offset_bytes(covered);
	size_t own_bytes = area_offset_bytes(&is_ours);
	if (offset_bytes < own_bytes)
		offset_bytes = own_bytes;
	size_t below_bytes = THREAD_AREA_BYTES + (VARIABLES_ABOVE ? 0 : offset_bytes);
	size_t above_bytes = THREAD_AREA_BYTES + (VARIABLES_ABOVE ? offset_bytes : 0);
	size_t bytes = TIDE_PAGE_BYTES + THREAD_STACK_BYTES + below_bytes + above_bytes;
	if (tide_os_is_to_fail(TIDE_OS_CLONE))
		return false;
	if (TIDE_INTERLEAVE && tide_yield_thread_start(entry, arg, alive))
		return true;
	char *memory = tide_os_map(0, bytes);
	if (memory == NULL)
		return false;
	(void)tide_os_guard(memory, TIDE_PAGE_BYTES);

	char *area = memory + bytes - above_bytes;
	if (!VARIABLES_ABOVE)
		*(void **)(void *)area = area; /* the ABI: the thread pointer points at itself */
	struct thread_boot *boot = (void *)(area - below_bytes - sizeof *boot);
	boot->entry = entry;
	boot->arg = arg;
	boot->alive = alive;
	for (size_t i = 0; i + 1 < sizeof boot->name && name[i] != '\0'; i++)
		boot->name[i] = name[i];

	uint64_t all = UINT64_MAX;
	uint64_t saved;
	tide_store_relaxed(alive, 1);
	(void)os_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&saved, sizeof all, 0, 0);
	long result = thread_clone((char *)boot, area, alive, boot);
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
