/* Threads are held up for a moment at random instructions, over and over: by a signal whose handler
 * sleeps. Between two instructions of one thread the others do thousands of calls then: that is
 * what it takes for a word to be changed and changed back. Frozen threads (fault_freeze.c) are
 * rarer and never look at what became of it.
 */
#include "fault_kind.h"

#include "order.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { US, RATE, AT };
enum { AT_ANY = 1 << 0, AT_ALLOCATOR = 1 << 1, AT_LOCK = 1 << 2 };
/* A signal that nothing else here uses, and of which no two are queued. */
enum { SIGNAL = SIGURG, TURN_US = 200, TASKS_MAX = 1024 };
/* How far before a locked instruction is close to it. */
enum { WINDOW_BYTES = 32, CODE_PAGE_BYTES = 4096, LOCK_PREFIX = 0xf0 };

static const char *const at_name[] = { "any", "allocator", "lock", NULL };

/* writers  main  readers  the staller  order relaxed: late news does no harm  edges none */
static _Atomic bool stall_stop;
/* writers  handlers  readers  main  order relaxed: a count  edges none */
static _Atomic uint64_t stalls;
static pthread_t staller;
/* Set before the staller starts, and read by handlers after. */
static struct timespec stall_time;
static uint64_t at;

/* Whether a byte that may begin a locked instruction is among the next ones: then a word was read,
 * and is about to be changed as if nobody else had. Where that can't be seen, any place will do. */
static bool is_before_lock(const void *context)
{
#if defined(__x86_64__)
	const ucontext_t *of = context;
	const unsigned char *code =
	    (const unsigned char *)(uintptr_t)of->uc_mcontext.gregs[REG_RIP];
	size_t left = CODE_PAGE_BYTES - (uintptr_t)code % CODE_PAGE_BYTES;

	for (size_t i = 0; i < WINDOW_BYTES && i < left; i++) {
		if (code[i] == LOCK_PREFIX)
			return true;
	}
	return false;
#else
	(void)context;
	return true;
#endif
}

static void stall_handler(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)number, (void)info;
	if (fault_is_sheltered() || (at != AT_ANY && !fault_calling) ||
	    (at == AT_LOCK && !is_before_lock(context)))
		return;
	add_relaxed(&stalls, 1);
	syscall(SYS_nanosleep, &stall_time, NULL);
	errno = saved;
}

static void *staller_main(void *of)
{
	struct fault *fault = of;
	uint64_t start_ms = fault_clock_ms(), sent = 0;
	uint32_t id[TASKS_MAX], ids = 0;

	while (!load_relaxed(&stall_stop)) {
		uint64_t due = (fault_clock_ms() - start_ms) * fault->value[RATE] / 1000;

		ids =
		    fault_tasks(id, TASKS_MAX); /* each time: short threads are to be met as well */
		for (; sent < due && ids > 0; sent++)
			syscall(SYS_tgkill, getpid(), id[random_below(&fault->random, ids)],
			        SIGNAL);
		fault_sleep_us(TURN_US);
	}
	return NULL;
}

static bool stall_start(struct fault *fault)
{
	struct sigaction action = { .sa_sigaction = stall_handler,
		                    .sa_flags = (int)(SA_RESTART | SA_SIGINFO) };
	uint64_t us = fault->value[US];

	stall_time = (struct timespec){ .tv_sec = (time_t)(us / 1000000),
		                        .tv_nsec = (long)(us % 1000000) * 1000 };
	at = fault->value[AT];
	return sigaction(SIGNAL, &action, NULL) == 0 &&
	       fault_thread_start(fault, &staller, staller_main, fault);
}

static bool stall_lift(struct fault *fault)
{
	(void)fault;
	store_relaxed(&stall_stop, true);
	pthread_join(staller, NULL);
	return true;
}

static uint64_t stall_struck(const struct fault *fault)
{
	(void)fault;
	return load_relaxed(&stalls);
}

const struct fault_kind fault_stall = {
	.name = "stall",
	.meaning = "threads are held up for a moment, each time at a random instruction",
	.key = {
	    { "us", 1, 10000000, 500, "so long", NULL },
	    { "rate", 1, 1000000, 5000, "attempts a second, for all together", NULL },
	    { "at", 0, 0, AT_ALLOCATOR,
	      "any instant, inside the allocator, or there just before a locked instruction",
	      at_name },
	},
	.start = stall_start,
	.lift = stall_lift,
	.struck = stall_struck,
	.unit = "stalls",
};
