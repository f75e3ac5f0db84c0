/* App threads are frozen at random instructions: by a signal whose handler does not return, so that
 * a thread stops inside the allocator as well as outside. All others must go on.
 *
 * One thread at a time is asked, by `wanted`; it freezes, or says that it is sheltered. An answer
 * that does not come in time is not waited for: the question is withdrawn.
 */
#include "fault_kind.h"

#include "order.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { THREADS, AT, AFTER, GAP, THAW };
enum { AT_ANY = 1 << 0, AT_ALLOCATOR = 1 << 1 };
enum { WORKERS_MAX = 1024, ANSWER_MS = 200, POLL_US = 50, ATTEMPTS_MS = 20 };
enum { WANTED_NOTHING, WANTED_ONE, WANTED_TAKEN, WANTED_DECLINED };

/* writers  main; the thread that was asked, by CAS   readers  both
 * order    relaxed: a count of one                   edges    none */
static _Atomic uint32_t wanted;
/* Frozen threads go on. A futex word.
 * writers  main  readers  frozen threads  order relaxed  edges none */
static _Atomic uint32_t thawed;

/* Where the last one froze.
 * writers  the frozen thread  readers  main  order  by `wanted`, release and acquire  edges none */
static _Atomic uintptr_t place;
extern const char __executable_start[]; /* the linker's: addresses are told from there on */

static const char *const at_name[] = { "any", "allocator", NULL };

static bool has[WORKERS_MAX]; /* main's: frozen, and not thawed */
static uint32_t frozen, times_frozen;
static uint64_t freeze_due_ms;

/* Only inside the allocator.
 * writers main  readers all threads  order relaxed: set before the threads start  edges none */
static _Atomic bool only_calling;

_Thread_local volatile sig_atomic_t fault_calling;
/* Depth of shelters. Of the thread and its handlers. */
static _Thread_local volatile sig_atomic_t shelters;

void fault_shelter_begin(void)
{
	shelters++;
}

void fault_shelter_end(void)
{
	shelters--;
}

bool fault_is_sheltered(void)
{
	return shelters > 0;
}

static uintptr_t instruction(const void *context)
{
#if defined(__x86_64__)
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#else
	(void)context;
	return 0;
#endif
}

static void freeze_handler(int number, siginfo_t *info, void *context)
{
	bool declines = fault_is_sheltered() || (load_relaxed(&only_calling) && !fault_calling);
	uint32_t asked = WANTED_ONE;
	int saved = errno;

	(void)number, (void)info;
	store_relaxed(&place, instruction(context));
	if (!cas_acquire(&wanted, &asked, declines ? WANTED_DECLINED : WANTED_TAKEN) || declines)
		return; /* errno is as it was: nothing was called */
	while (load_relaxed(&thawed) == 0)
		syscall(SYS_futex, &thawed, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	errno = saved;
}

static bool freeze_start(struct fault *fault)
{
	struct sigaction action = { .sa_sigaction = freeze_handler,
		                    .sa_flags = (int)(SA_RESTART | SA_SIGINFO) };

	freeze_due_ms = fault->value[AFTER];
	store_relaxed(&only_calling, fault->value[AT] == AT_ALLOCATOR);
	sigfillset(&action.sa_mask);
	if (fault->run->threads > WORKERS_MAX || fault->value[THREADS] >= fault->run->threads) {
		fault_say(fault, "of %u threads, not all and no more than %d can be frozen",
		          (unsigned)fault->run->threads, WORKERS_MAX);
		return false;
	}
	return sigaction(SIGUSR1, &action, NULL) == 0;
}

static bool may_freeze(const struct fault *fault, uint32_t number)
{
	const struct worker *worker = &fault->run->worker[number];

	return !has[number] && worker->running && !load_acquire(&worker->resting) &&
	       !load_acquire(&worker->finished);
}

/* One that may be frozen, each with the same chance; the number of workers: there is none. */
static uint32_t choose(struct fault *fault)
{
	uint32_t candidates = 0;

	for (uint32_t i = 0; i < fault->run->threads; i++)
		candidates += may_freeze(fault, i);
	uint32_t skip = candidates > 0 ? random_below(&fault->random, candidates) : 0;
	for (uint32_t i = 0; i < fault->run->threads; i++) {
		if (may_freeze(fault, i) && skip-- == 0)
			return i;
	}
	return fault->run->threads;
}

/* An instant that has nothing to do with the main thread's round. */
static void spin(struct fault *fault)
{
	for (uint32_t i = random_below(&fault->random, 200000); i > 0; i--)
		__asm__ volatile("");
}

static void freeze(struct fault *fault, uint32_t number)
{
	uint64_t until_ms = fault_clock_ms() + ANSWER_MS;
	uint32_t answer = WANTED_ONE;

	spin(fault);
	store_relaxed(&wanted, (uint32_t)WANTED_ONE);
	if (pthread_kill(fault->run->worker[number].thread, SIGUSR1) == 0) {
		while (load_relaxed(&wanted) == WANTED_ONE && fault_clock_ms() < until_ms)
			fault_sleep_us(POLL_US);
	}
	/* Withdraw it, unless the answer comes at the last moment. */
	cas_acquire(&wanted, &answer, (uint32_t)WANTED_NOTHING);
	has[number] = answer == WANTED_TAKEN;
	frozen += has[number];
	times_frozen += has[number];
	if (has[number])
		printf("fault app-freeze: thread %" PRIu32 " frozen at 0x%" PRIxPTR "\n", number,
		       load_relaxed(&place) - (uintptr_t)__executable_start);
}

static bool freeze_lift(struct fault *fault)
{
	freeze_due_ms = UINT64_MAX;
	if (fault->value[THAW] == 0)
		return true;
	store_relaxed(&thawed, 1u);
	syscall(SYS_futex, &thawed, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
	memset(has, 0, sizeof has);
	frozen = 0;
	return true;
}

static void freeze_tick(struct fault *fault, uint64_t elapsed_ms)
{
	uint64_t until_ms = fault_clock_ms() + ATTEMPTS_MS;
	uint32_t number = 0;

	if (elapsed_ms < freeze_due_ms || frozen == fault->value[THREADS])
		return;
	do {
		number = choose(fault);
		if (number == fault->run->threads)
			return;
		freeze(fault, number);
	} while (!has[number] && fault_clock_ms() < until_ms);
	if (has[number])
		freeze_due_ms = elapsed_ms +
		                random_below(&fault->random, (uint32_t)(2 * fault->value[GAP] + 1));
}

bool fault_freeze_has(uint32_t worker)
{
	return worker < WORKERS_MAX && has[worker];
}

uint32_t fault_freeze_for_ever(void)
{
	return frozen;
}

static uint64_t freeze_struck(const struct fault *fault)
{
	(void)fault;
	return times_frozen;
}

const struct fault_kind fault_app_freeze = {
	.name = "app-freeze",
	.meaning = "threads of the load are frozen, each at a random instruction, and stay so",
	.key = {
	    { "threads", 1, WORKERS_MAX, 1, "so many, one after the other", NULL },
	    { "at", 0, 0, AT_ANY, "any instant, or only inside the allocator", at_name },
	    { "after", 0, 86400000, 200, "ms from the start to the first", NULL },
	    { "gap", 0, 86400000, 100, "ms from one to the next, on average", NULL },
	    { "thaw", 0, 1, 0, "1: at the end of the load they go on, and end as others do", NULL },
	},
	.start = freeze_start,
	.tick = freeze_tick,
	.lift = freeze_lift,
	.struck = freeze_struck,
	.unit = "threads frozen",
};
