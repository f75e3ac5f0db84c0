/* System calls of the allocator fail, each as it can: no mapping, no thread, a wait that ends at
 * once, a wake that wakes nobody. The plan is the allocator's own, lib/os.h, in debug and audit
 * builds. */
#include "fault_kind.h"

enum { CALL, NTH, COUNT, EVERY, RANDOM, SWEEP, AFTER };
enum { SWEEP_STEP_MS = 30 };
enum { CALL_MMAP = 1 << 0 };

/* In the order of the bits of enum tide_os_call. */
static const char *const call_name[] = { "mmap",  "munmap", "madvise",  "mremap",
	                                 "clone", "futex",  "mprotect", NULL };

#if STRESS_INTERNALS

#include "doorbell.h"
#include "os.h"

_Static_assert(TIDE_OS_MMAP == (int)CALL_MMAP && TIDE_OS_MPROTECT == 1 << 6,
               "as call_name has them");

static void plan(const struct fault *fault, uint64_t nth)
{
	uint64_t count = fault->value[COUNT];
	bool for_ever = fault->value[EVERY] != 0 || fault->value[RANDOM] != 0;

	tide_os_fault_set(&(struct tide_os_faults){
	    .mask = (uint32_t)fault->value[CALL],
	    .pass = (uint32_t)(nth - 1),
	    .fail = count != 0 ? (uint32_t)count : (for_ever ? UINT32_MAX : 1),
	    .every = (uint32_t)fault->value[EVERY],
	    .percent = (uint32_t)fault->value[RANDOM],
	    .seed = fault->run->seed,
	});
}

static void plan_ends(void)
{
	tide_os_fault_plan(0, 0, 0);
	/* A wake that failed may have left the GC thread asleep, which no system does. */
	tide_os_futex_wake(&tide_doorbell.state, 1);
}

static uint64_t calls_failed(const struct fault *fault)
{
	(void)fault;
	return tide_os_fault_count();
}

#else

static void plan(const struct fault *fault, uint64_t nth)
{
	(void)fault, (void)nth;
}

static void plan_ends(void)
{
}

static uint64_t calls_failed(const struct fault *fault)
{
	(void)fault;
	return 0;
}

#endif

static uint64_t plan_due_ms; /* UINT64_MAX: no more */
static uint64_t plan_nth;

static void syscall_tick(struct fault *fault, uint64_t elapsed_ms)
{
	uint64_t last = fault->value[SWEEP];

	if (elapsed_ms < plan_due_ms)
		return;
	plan(fault, plan_nth);
	plan_due_ms = last != 0 ? elapsed_ms + SWEEP_STEP_MS : UINT64_MAX;
	plan_nth = plan_nth < last ? plan_nth + 1 : fault->value[NTH];
}

static bool syscall_start(struct fault *fault)
{
	plan_due_ms = fault->value[AFTER];
	plan_nth = fault->value[NTH];
	syscall_tick(fault, 0);
	return true;
}

static bool syscall_lift(struct fault *fault)
{
	(void)fault;
	plan_due_ms = UINT64_MAX;
	plan_ends();
	return true;
}

/* Whatever else fails, there is memory. */
static bool syscall_may_refuse(const struct fault *fault)
{
	return (fault->value[CALL] & CALL_MMAP) != 0;
}

const struct fault_kind fault_syscall = {
	.name = "syscall",
	.meaning =
	    "system calls of the allocator fail: the nth, every so many from it on, or at random",
	.needs = FAULT_INTERNALS,
	.key = {
	    { "call", 0, 0, CALL_MMAP, "which", call_name },
	    { "nth", 1, 1000000000, 1, "the first that may fail, counted from `after` on", NULL },
	    { "count", 0, 1000000000, 0,
	      "no more than so many fail; 0: one, or with every and random all", NULL },
	    { "every", 0, 1000000000, 0, "of those, every so many; 0: each", NULL },
	    { "random", 0, 100, 0, "of those, so many of a hundred; 0: each", NULL },
	    { "sweep", 0, 1000000, 0,
	      "begin anew every 30 ms, with nth one more, up to this and round; 0: never", NULL },
	    { "after", 0, 86400000, 0, "ms from the start", NULL },
	},
	.start = syscall_start,
	.tick = syscall_tick,
	.lift = syscall_lift,
	.may_refuse = syscall_may_refuse,
	.struck = calls_failed,
	.unit = "calls failed",
};
