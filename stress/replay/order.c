/* See load.h and plan.h. */
#include "bench/load.h"
#include "load.h"

#include <sched.h>

enum { SPINS = 64, YIELDS = 64, NAP_NS = 20000 };

_Atomic uint64_t order_horizon;
uint64_t order_apart;

static struct order_thread *all;
/* The first call of the next thread to start.
 * writers  the thread that starts them         readers  every thread
 * order    release, acquire                    edges    order.started
 * What was started before is in `started` for those who see it. */
static _Atomic uint64_t next_number;
static _Atomic uint32_t started;
/* All before it have ended: they are not looked at any more.
 * writers  who sees that they have             readers  every thread
 * order    release, acquire                    edges    order.done, of those before it */
static _Atomic uint32_t first_running;

void order_begin(const struct plan *plan, struct order_thread *threads)
{
	all = threads;
	order_apart = plan->settings.apart;
	store_relaxed(&order_horizon, 0);
	store_relaxed(&started, 0);
	store_relaxed(&next_number, 0);
	store_relaxed(&first_running, 0);
}

void order_start(uint32_t count, uint64_t number)
{
	store_release(&started, count);
	store_release(&next_number, number); /* order.started */
}

/* The next to start is looked at first: who is not among the started then begins no earlier. */
static uint64_t least_number(void)
{
	uint64_t least = load_acquire(&next_number); /* order.started */
	uint32_t count = load_acquire(&started), first = load_acquire(&first_running);

	for (uint32_t i = first; i < count; i++) {
		uint64_t number = load_acquire(&all[i].number); /* order.done */

		if (number == ORDER_ENDED && i == first)
			store_release(&first_running, ++first); /* another's may be less: no harm */

		if (number < least)
			least = number;
	}
	return least;
}

static bool may_go(uint64_t number)
{
	uint64_t least = least_number();

	/* Another thread's may be later: then one of us looks again. */
	if (least > load_relaxed(&order_horizon))
		store_release(&order_horizon, least); /* order.done */
	return number <= order_apart || least >= number - order_apart;
}

void order_pause(struct order_pause *pause)
{
	unsigned round = pause->rounds++;

	if (round < SPINS)
		atomic_signal_fence(memory_order_seq_cst); /* not optimised away */
	else if (round < SPINS + YIELDS)
		sched_yield();
	else
		nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

void order_wait_slow(struct order_thread *thread, uint64_t number)
{
	struct order_pause pause = { 0 };

	if (may_go(number))
		return;
	double began_s = load_clock_s(CLOCK_MONOTONIC);
	double began_cpu_s = load_clock_s(CLOCK_THREAD_CPUTIME_ID);
	do {
		order_pause(&pause);
	} while (!may_go(number));
	if (thread != NULL) {
		thread->waited_s += load_clock_s(CLOCK_MONOTONIC) - began_s;
		thread->waited_cpu_s += load_clock_s(CLOCK_THREAD_CPUTIME_ID) - began_cpu_s;
	}
}

int64_t order_live_bytes(void)
{
	int64_t sum_bytes = 0;
	uint32_t count = load_acquire(&started);

	for (uint32_t i = 0; i < count; i++)
		sum_bytes += load_relaxed(&all[i].live_bytes);
	return sum_bytes;
}
