/* Read sections and grace periods, of liburcu's mb flavour, for which threads are registered at
 * their first section here and unregistered at their end.
 *
 * Why this flavour. qsbr asks every thread of the program to report quiescent states. bp registers
 * threads by itself, too, but who waits for a grace period looks every 10 ms whether it is over,
 * and at a limit puts wait for it; with mb (and memb) the last reader wakes the waiter. memb, the
 * default, saves sections their two fences, but a program may well use it, and would register its
 * threads a second time, which liburcu does not bear. (liburcu 0.13.2: src/urcu-bp.c, src/urcu.c,
 * wait_for_readers.)
 *
 * liburcu orders by fences in a library that ThreadSanitizer does not see into, so a build for it
 * says the same once more: all before the end of a section is before what follows a grace period
 * that waited for it (edge rcu.grace). That is less than liburcu's promise, and what the store
 * relies on.
 *
 * Touched by  every thread
 * Progress    sections: wait-free, but for a thread's first; a grace period waits for sections
 */
#ifndef TIDE_STORE_RCU_H
#define TIDE_STORE_RCU_H

#include "atomic.h"

#include <urcu/urcu-mb.h>

/* Sections that ended; counted for ThreadSanitizer only.
 * writers  every thread       readers  who waited for a grace period
 * order    release, acquire   edges    rcu.grace */
TIDE_HIDDEN extern _Atomic uint64_t tide_rcu_ended;

/* Before all else; false: the process has no thread-specific key left. */
TIDE_HIDDEN bool tide_rcu_init(void);
/* Whether liburcu knows this thread. */
TIDE_HIDDEN extern TIDE_THREAD_LOCAL bool tide_rcu_registered;
TIDE_HIDDEN TIDE_COLD void tide_rcu_register(void);

static inline void tide_rcu_begin(void)
{
	if (TIDE_UNLIKELY(!tide_rcu_registered))
		tide_rcu_register();
	urcu_mb_read_lock();
}

static inline void tide_rcu_end(void)
{
	if (TIDE_TSAN)
		(void)atomic_fetch_add_explicit(&tide_rcu_ended, 1,
		                                memory_order_release); /* rcu.grace */
	urcu_mb_read_unlock();
}

static inline bool tide_rcu_is_reading(void)
{
	return urcu_mb_read_ongoing() != 0;
}

/* Wait until every section that had begun has ended. Not in a section. */
static inline void tide_rcu_wait(void)
{
	urcu_mb_synchronize_rcu();
	if (TIDE_TSAN)
		(void)tide_load_acquire(&tide_rcu_ended); /* rcu.grace */
}

#endif
