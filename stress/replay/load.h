/* The parts of tide-replay-load, which replays a plan on whatever malloc the process has. */
#ifndef REPLAY_LOAD_H
#define REPLAY_LOAD_H

#include "order.h"
#include "plan.h"

#include <stdatomic.h>

/* ---- order: how threads keep together; see plan.h */

/* Of a thread; each has its own line, and is its only writer. */
struct order_thread {
	/* The number of the call that it does; all its calls before are done.
	 * writers  the thread                          readers  every thread
	 * order    release, acquire                    edges    order.done
	 * What was freed before a call is free before those who saw its number go on. */
	_Alignas(64) _Atomic uint64_t number;
	/* writers  the thread                          readers  who takes a sample
	 * order    relaxed                             edges    none: a sum */
	_Atomic int64_t live_bytes;
	/* Plain: of the thread until it is joined. */
	uint64_t calls, bytes;
	double waited_s, waited_cpu_s;
};
#define ORDER_ENDED UINT64_MAX

void order_begin(const struct plan *plan, struct order_thread *threads);
/* Wait until `number` may be done, by `thread`, or by the thread that starts others (NULL). */
void order_wait_slow(struct order_thread *thread, uint64_t number);
/* Threads up to `started` are there; the next one's first call is `number`. */
void order_start(uint32_t started, uint64_t number);
int64_t order_live_bytes(void);

extern _Atomic uint64_t order_horizon; /* all calls before it are done */
extern uint64_t order_apart;

static inline void order_wait(struct order_thread *thread, uint64_t number)
{
	if (number > load_acquire(&order_horizon) + order_apart) /* order.done */
		order_wait_slow(thread, number);
}

/* A wait for something that another thread will do. */
struct order_pause {
	unsigned rounds;
};
void order_pause(struct order_pause *pause);

/* ---- calls: what the functions of the trace are here */

/* Look up the operators of C++, in the allocator or in the C++ library. False: there are none, and
 * malloc and free stand for them. */
bool calls_begin(bool has_operators);
/* A block as the plan's call asks for it; `old` is what realloc gets. NULL: refused. */
void *calls_get(const struct plan_call *call, void *old);
void calls_free(const struct plan_call *call, void *old);

#endif
