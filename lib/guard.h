/* Guarded blocks: now and then a block gets a page of its own between two pages that nobody may
 * touch, and the page is closed when the block is freed. What touches it outside of its bounds or
 * its life is caught by the hardware, and the report says where the block was allocated and where
 * it was freed. The idea and the name of its parts are those of GWP-ASan
 * (llvm.org/docs/GwpAsan.html), which samples one allocation in 5000; here only calls that miss the
 * bins are counted (option `guard_every`; off by default), so that the hit case knows nothing of
 * it.
 *
 *   |guard|slot 0|guard|slot 1|guard| ... |guard|     each one page; the page map says NONE of all
 *
 *   FREE --malloc--> TAKEN --> LIVE --free--> TAKEN --> FREED --malloc--> TAKEN ...
 *
 * Slots are given out in turn, so that one that was freed stays closed as long as can be.
 *
 * Touched by  app threads in slow calls; the handler of SIGSEGV
 * Progress    lock-free: a ticket, a bounded number of CAS, one or two system calls
 * Ownership   of a slot's plain fields: who took it by CAS to TAKEN; the handler reads them racily,
 *             for a process that is about to end
 * Edges       guard.pool  who maps the pool -> every thread
 *             guard.slot  store of LIVE or FREED -> who takes the slot next
 */
#ifndef TIDE_GUARD_H
#define TIDE_GUARD_H

#include "atomic.h"
#include "config.h"

#define TIDE_GUARD_SLOTS 256u
#define TIDE_GUARD_POOL_BYTES ((2ul * TIDE_GUARD_SLOTS + 1) * TIDE_PAGE_BYTES)

/* First address of the pool; 0: there is none.
 * writers  who maps it, once, by CAS    readers  every thread
 * order    cas-release, load-acquire    edges    guard.pool */
TIDE_HIDDEN extern _Atomic uintptr_t tide_guard_pool;

/* Whether the address lies in the pool. A racy no is right: who has a block of it saw the pool. */
static inline bool tide_guard_owns(const void *address)
{
	uintptr_t pool = tide_load_acquire(&tide_guard_pool); /* guard.pool */
	return TIDE_UNLIKELY(pool != 0 && (uintptr_t)address - pool < TIDE_GUARD_POOL_BYTES);
}

/* Map the pool and install the handler, unless that was done; harmless to repeat. No memory: there
 * will be no guarded blocks. */
TIDE_HIDDEN void tide_guard_start(void);

/* A guarded block; what is left of its page is filled, and looked at when it is freed. NULL when
 * there is no slot, or none for that size. `frame`: of the function that the program called, see
 * tide_guard_free. */
TIDE_HIDDEN void *tide_guard_malloc(size_t bytes, void *const *frame);
/* Free an address in the pool. `frame` is __builtin_frame_address(0) in a function that was called,
 * or jumped to, from where the program called in: a chain of frame pointers, if the program has
 * them. */
TIDE_HIDDEN void tide_guard_free(void *block, const char *function, void *const *frame);
/* What was asked for; reported in the name of `function`, and SIZE_MAX, when no live block starts
 * there. */
TIDE_HIDDEN size_t tide_guard_bytes(const void *block, const char *function);

#endif
