/* A rain of signals on all threads: calls are interrupted, and a handler runs at any
 * instruction. */
#include "fault_kind.h"

#include "order.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RATE };
enum { DROP_US = 1000, TASKS_MAX = 1024, LOOK_DROPS = 20, STACK_USED_BYTES = 1024 };

/* writers main  readers the rain  order relaxed: late news does no harm  edges none */
static _Atomic bool rain_stop;
/* writers handlers  readers main  order relaxed: a count  edges none */
static _Atomic uint64_t handled;
static pthread_t rain;

/* Harmless, but not nothing: it uses the stack, and sets errno as a real one might, and back. */
static void rain_handler(int number)
{
	volatile unsigned char used[STACK_USED_BYTES];
	int saved = errno;

	for (size_t i = 0; i < sizeof used; i += 64)
		used[i] = (unsigned char)number;
	errno = EINTR;
	add_relaxed(&handled, 1);
	errno = saved;
}

static void *rain_main(void *of)
{
	const struct fault *fault = of;
	uint64_t start_ms = fault_clock_ms(), sent = 0;
	uint32_t id[TASKS_MAX], ids = 0, drops = 0;

	while (!load_relaxed(&rain_stop)) {
		uint64_t due = (fault_clock_ms() - start_ms) * fault->value[RATE] / 1000;

		if (drops++ % LOOK_DROPS == 0)
			ids = fault_tasks(id, TASKS_MAX);
		for (; sent < due && ids > 0; sent++)
			syscall(SYS_tgkill, getpid(), id[sent % ids], SIGUSR2);
		fault_sleep_us(DROP_US);
	}
	return NULL;
}

static bool rain_start(struct fault *fault)
{
	struct sigaction action = { .sa_handler = rain_handler, .sa_flags = SA_RESTART };

	return sigaction(SIGUSR2, &action, NULL) == 0 &&
	       fault_thread_start(fault, &rain, rain_main, fault);
}

static bool rain_lift(struct fault *fault)
{
	(void)fault;
	store_relaxed(&rain_stop, true);
	pthread_join(rain, NULL);
	return true;
}

static uint64_t rain_struck(const struct fault *fault)
{
	(void)fault;
	return load_relaxed(&handled);
}

const struct fault_kind fault_signals = {
	.name = "signals",
	.meaning = "all threads get signals, with a harmless handler",
	.key = { { "rate", 1, 1000000, 5000, "a second, for all together", NULL } },
	.start = rain_start,
	.lift = rain_lift,
	.struck = rain_struck,
	.unit = "signals handled",
};
