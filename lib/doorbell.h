/* The doorbell: how the GC thread sleeps, and who wakes it.
 *
 * Two halves that must not miss each other:
 *
 *   a thread that frees              the GC thread
 *   1. publishes a bin               1. announces that it will sleep
 *   2. reads the announcement        2. looks into every garbage bin once more
 *      and rings if it is there         and sleeps only if they are empty
 *
 * All four accesses are sequentially consistent, so at least one side sees the other: either the
 * freeing thread rings, or the GC finds the bin. The freeing half costs one full fence for each
 * published bin, that is for 16 to 128 frees; moving it to the GC's side by membarrier would save
 * less than a tenth of a nanosecond a free and need a second path where the call is forbidden.
 *
 * That holds by the one order of all such accesses, on any machine; acquire and release would let
 * each side's load pass its own store, on x86 as well. (On 64-bit Arm it is a store-release and a
 * load-acquire, stlr and ldar, which the processor keeps in that order.) A ring that fails to
 * exchange the state has read it in that order too.
 *
 * NAPS: a wake costs who rings a system call, 10 to 20 us where the processor to be woken is a
 * virtual one that halted. So while much is published again and again, the GC only naps: for a
 * millisecond at a time, in which it counts as awake and nobody rings. (Two threads that allocate
 * 800,000 blocks of 16 to 4,096 bytes and then free them: the 99.99th percentile of malloc came from
 * 13 us to between 5 and 8, that of free from between 8 and 30 to between 1 and 4.)
 *
 * DOZING is a sleep with a time limit, when something is left to age: only much garbage rings.
 * ASLEEP has no limit: any published bin rings, else the last batch would be stranded.
 *
 * Touched by  the GC thread (announce, retract, sleep, nap), every thread (ring)
 * Progress    ring: wait-free, one futex call at the most, one wake for each sleep
 * Edges       doorbell.state  announce -> ring (seq_cst), with garbage.hand (seq_cst) as its other
 *                             half; so are the counts by which the GC knows of pending bins
 *                             (cache.h) and of kept large blocks (large_keep.c)
 */
#ifndef TIDE_DOORBELL_H
#define TIDE_DOORBELL_H

#include "atomic.h"
#include "config.h"
#include "os.h"
#include "yield.h"

enum { TIDE_GC_AWAKE, TIDE_GC_DOZING, TIDE_GC_ASLEEP };

struct tide_doorbell {
	/* writers  the GC thread, store; every thread, CAS to AWAKE   readers  every thread
	 * order    seq_cst                                            edges    doorbell.state */
	TIDE_OWN_LINE _Atomic uint32_t state;
	/* writers  who rang  readers statistics  order relaxed: a counter  edges none */
	_Atomic uint64_t wakes;
	/* Much was published since the GC last asked.
	 * writers  who rings, the GC   readers  the GC   order  relaxed: advice   edges  none */
	_Atomic bool much;
	/* Whether there is a GC thread.
	 * writers  its start and end   readers  every thread   order  relaxed: advice   edges  none */
	TIDE_OWN_LINE _Atomic bool served;
};

TIDE_HIDDEN extern struct tide_doorbell tide_doorbell;

/* Whether somebody hears it: a GC thread, whose clock runs, and who does what can be done ahead. */
static inline bool tide_doorbell_served(void)
{
	return tide_load_relaxed(&tide_doorbell.served);
}

static inline void tide_doorbell_set_served(bool served)
{
	tide_store_relaxed(&tide_doorbell.served, served);
}

static inline void tide_doorbell_announce(uint32_t sleep)
{
	tide_store_seq_cst(&tide_doorbell.state, sleep); /* doorbell.state */
	TIDE_YIELD("doorbell.announced");
}

static inline void tide_doorbell_retract(void)
{
	tide_store_seq_cst(&tide_doorbell.state, (uint32_t)TIDE_GC_AWAKE);
}

/* After an announcement and a second look: sleep until rung, or for timeout_ns (0: no limit). */
static inline void tide_doorbell_sleep(uint32_t announced, uint64_t timeout_ns)
{
	tide_os_futex_wait(&tide_doorbell.state, announced, timeout_ns);
	TIDE_YIELD("doorbell.awake");
	tide_doorbell_retract();
}

/* Sleep for `ns`, while nobody rings. */
static inline void tide_doorbell_nap(uint64_t ns)
{
	tide_os_futex_wait(&tide_doorbell.state, TIDE_GC_AWAKE, ns);
}

/* Whether much was published since the last time. */
static inline bool tide_doorbell_heard_much(void)
{
	bool much = tide_load_relaxed(&tide_doorbell.much);
	if (much)
		tide_store_relaxed(&tide_doorbell.much, false);
	return much;
}

/* After something was published. `much`: enough of it to end a doze. */
static inline void tide_doorbell_ring(bool much)
{
	/* (Else each would take the line from all who ring.) */
	if (much && !tide_load_relaxed(&tide_doorbell.much))
		tide_store_relaxed(&tide_doorbell.much, true);
	TIDE_YIELD("doorbell.ring");
	uint32_t state = tide_load_seq_cst(&tide_doorbell.state); /* doorbell.state */
	if (state == TIDE_GC_AWAKE || (state == TIDE_GC_DOZING && !much))
		return;
	TIDE_YIELD("doorbell.seen");
	if (atomic_compare_exchange_strong_explicit(&tide_doorbell.state, &state,
	                                            (uint32_t)TIDE_GC_AWAKE, memory_order_seq_cst,
	                                            memory_order_relaxed)) {
		(void)tide_add_relaxed(&tide_doorbell.wakes, 1u);
		TIDE_YIELD("doorbell.wake");
		tide_os_futex_wake(&tide_doorbell.state, 1);
	}
}

#endif
