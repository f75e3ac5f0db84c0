/* Atomic operations with the order in the name. The stress program also runs on other allocators,
 * so it takes nothing from the library but its public headers. */
#ifndef STRESS_ORDER_H
#define STRESS_ORDER_H

#include <stdatomic.h>

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define cas_acquire(p, old, v)                                                                     \
	atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_acquire,             \
	                                        memory_order_relaxed)
/* A counter with one writer: load and store are enough. */
#define count_owned(p, n) store_relaxed((p), load_relaxed(p) + (n))

#endif
