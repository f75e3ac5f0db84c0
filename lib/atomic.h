/* Order-named atomic operations: the order shows at every call site, and none is the default.
 * The only file that includes stdatomic.h or ck.
 *
 * Single words are C11 atomics, which ThreadSanitizer sees. The double-width compare-and-swap,
 * which C11 compilers hand to a library that may lock, is Concurrency Kit's; a ThreadSanitizer
 * build, blind to ck's inline assembly, takes the compiler's instead.
 *
 * Orders are C11's, so they hold wherever the compiler knows the machine; none of them leans on
 * x86, where loads and stores keep their order but for a store before a load. Two things are not
 * the compiler's. ck's operations order nothing by themselves (on 64-bit Arm theirs is a bare pair
 * of load- and store-exclusive), so fences of C11 stand around the one that is used here, and never
 * ck's own, whose strength a header of the package settles when that is built. And the kernel: see
 * tide_fence_after_system.
 */
#ifndef TIDE_ATOMIC_H
#define TIDE_ATOMIC_H

#include "compiler.h"

#include <stdatomic.h>
#if !TIDE_TSAN
#include <ck_pr.h>
#endif

#define tide_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define tide_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define tide_load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)
#define tide_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define tide_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define tide_store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define tide_swap_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define tide_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define tide_add_seq_cst(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define tide_sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define tide_or_relaxed(p, v) atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define tide_or_acq_rel(p, v) atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define tide_and_acq_rel(p, v) atomic_fetch_and_explicit((p), (v), memory_order_acq_rel)
#define tide_cas_seq_cst(p, old, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_seq_cst,             \
	                                        memory_order_seq_cst)
#define tide_cas_acq_rel(p, old, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_acq_rel,             \
	                                        memory_order_acquire)
#define tide_cas_acquire(p, old, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_acquire,             \
	                                        memory_order_relaxed)
#define tide_cas_release(p, old, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_release,             \
	                                        memory_order_relaxed)

/* A counter with one writer: load and store are enough. */
#define tide_count_owned(p, n) tide_store_relaxed((p), tide_load_relaxed(p) + (n))

/* Stores before are made before stores after, as far as this thread and a fork of it are concerned:
 * no instruction, only the compiler is bound. (Between threads, use an edge.) */
#define tide_order_stores() atomic_signal_fence(memory_order_seq_cst)

/* What another thread wrote before the kernel did what a system call has just told us of (it ended,
 * say) is seen from here on. The kernel's own locks order what it reads after what it was told;
 * this keeps our loads behind its. Pairs with the end of that thread, on which the kernel locks. */
static inline void tide_fence_after_system(void)
{
#if !TIDE_TSAN /* which knows no fences, and takes no notice of the kernel either */
	atomic_thread_fence(memory_order_acquire);
#endif
}

/* In a loop that looks whether another processor is done. */
static inline void tide_spin_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb"); /* yield does nothing on most */
#endif
}

/* A pointer and its modification count, changed together. */
struct tide_tagged {
	_Alignas(16) _Atomic(void *) pointer;
	_Atomic uintptr_t tag;
};

/* Replace {old_pointer, old_tag} by {pointer, tag}. Order: acquire and release, by the two fences;
 * they are no instructions on x86. It may fail although both are as they were; loops try again. */
static inline bool tide_cas2_acq_rel(struct tide_tagged *word, void *old_pointer, uintptr_t old_tag,
                                     void *pointer, uintptr_t tag)
{
#if TIDE_TSAN
	unsigned __int128 old = ((unsigned __int128)old_tag << 64) | (uintptr_t)old_pointer;
	unsigned __int128 new = ((unsigned __int128)tag << 64) | (uintptr_t)pointer;
	return __sync_bool_compare_and_swap((unsigned __int128 *)(void *)word, old, new);
#else
	void *old[2] = { old_pointer, (void *)old_tag };
	void *new[2] = { pointer, (void *)tag };
	void *seen[2];
	atomic_thread_fence(memory_order_release);
	bool done = ck_pr_cas_ptr_2_value(word, old, new, seen);
	atomic_thread_fence(memory_order_acquire);
	return done;
#endif
}

#endif
