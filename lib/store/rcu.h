/* Read sections and grace periods: liburcu's bp flavour, which registers a thread at its first
 * section by itself. A forgotten registration, which the other flavours ask of every thread, would be
 * a use of freed memory and not an error; it costs a section one test. Where the kernel has
 * membarrier, sections have no fence (liburcu 0.13, urcu/static/urcu-bp.h).
 *
 * liburcu orders by fences of its own in a library that ThreadSanitizer does not see into, so a build
 * for it says the same once more: all before the end of a section is before what follows a grace
 * period that waited for it (edge rcu.grace). That is less than liburcu's promise, and what the store
 * relies on.
 *
 * Touched by  every thread
 * Progress    sections: wait-free, but for a thread's first; a grace period waits for sections
 */
#ifndef TIDE_STORE_RCU_H
#define TIDE_STORE_RCU_H

#include "atomic.h"

#include <urcu/urcu-bp.h>

/* Sections that ended; counted for ThreadSanitizer only.
 * writers  every thread       readers  who waited for a grace period
 * order    release, acquire   edges    rcu.grace */
TIDE_HIDDEN extern _Atomic uint64_t tide_rcu_ended;

static inline void tide_rcu_begin(void)
{
	urcu_bp_read_lock();
}

static inline void tide_rcu_end(void)
{
	if (TIDE_TSAN)
		(void)atomic_fetch_add_explicit(&tide_rcu_ended, 1,
		                                memory_order_release); /* rcu.grace */
	urcu_bp_read_unlock();
}

static inline bool tide_rcu_is_reading(void)
{
	return urcu_bp_read_ongoing() != 0;
}

/* Wait until every section that had begun has ended. Not in a section. */
static inline void tide_rcu_wait(void)
{
	urcu_bp_synchronize_rcu();
	if (TIDE_TSAN)
		(void)tide_load_acquire(&tide_rcu_ended); /* rcu.grace */
}

#endif
