/* The GC token: the right to be the GC, hence to touch free sets, slab bits and the consuming end
 * of every garbage bin. The GC thread holds it for a step at a time; a thread that misses may take
 * it, if it is free, for one bounded step.
 *
 * Those who wait go before those who try: where more threads miss than there are processors, the
 * token would be gone again each time before one who was woken runs. In turn: after a wait that was
 * granted, one try is owed, so that many forks at once do not keep the GC from its work. A waiter
 * that is frozen stops the GC as a frozen holder does, and nobody else.
 *
 * A holder that is cancelled asynchronously would take the token with it, so cancellation waits
 * until it is released. (POSIX forbids such a cancellation in malloc; a process goes on all the
 * same.) One that ends by a raw system call does take it: gc/lost.c finds that out by the id that
 * the holder leaves here, but for the few instructions before it is there and after it is gone.
 *
 * Touched by  every thread
 * Progress    try and release: wait-free. wait: blocks; only for tide_purge, fork and tide_gc_stop,
 *             never on a path of malloc or free.
 * Weak order  plain fields under the token need no more: try acquires what release released, and
 *             who announces in between that it waits does so by a swap, which keeps the chain
 * Edges       token.pass  release -> try: everything the GC owns
 */
#ifndef TIDE_TOKEN_H
#define TIDE_TOKEN_H

#include "atomic.h"
#include "os.h"
#include "yield.h"

enum { TIDE_TOKEN_FREE, TIDE_TOKEN_HELD, TIDE_TOKEN_AWAITED };

/* writers  every thread        readers  every thread
 * order    cas-acquire, swap acq-rel     edges    token.pass */
TIDE_HIDDEN extern _Atomic uint32_t tide_token;
/* How many wait, and whether a try may go before them.
 * writers  who waits, by add; the token's holder    readers  who tries
 * order    relaxed: advice                          edges    none */
TIDE_HIDDEN extern _Atomic uint32_t tide_token_waiters;
TIDE_HIDDEN extern _Atomic bool tide_token_owed;
/* How the holder could be cancelled before. Plain: the holder's. */
TIDE_HIDDEN extern int tide_token_cancel;
/* The holder's thread id in the lower half, for who waits long (gc/lost.c); 0: nobody, or not said
 * yet. Above it, how many have said theirs: a new thread may have the id of one that let go.
 * It wraps: 2^32 holders would have to come and go within one look.
 * writers  the holder    readers  the next holder; who can't have the token
 * order    relaxed: the id is gone before the token is, and the next holder sees the count, by
 *          token.pass; who asked the system for the thread looks again behind its fence
 *          (tide_os_thread_exists)                                        edges    none */
TIDE_HIDDEN extern _Atomic uint64_t tide_token_holder;
static inline uint32_t tide_token_thread_id(uint64_t holder)
{
	return (uint32_t)holder;
}

/* What this thread says as the holder: its id, noted beforehand, since a step of a thread that is
 * alone asks the system for nothing (it may be in a sandbox); 0: it was not noted. */
TIDE_HIDDEN extern TIDE_THREAD_LOCAL uint32_t tide_token_own_id;
static inline void tide_token_sign(void)
{
	uint64_t holders = (tide_load_relaxed(&tide_token_holder) >> 32) + 1;
	tide_store_relaxed(&tide_token_holder, holders << 32 | tide_token_own_id);
}

static inline bool tide_token_try(void)
{
	uint32_t seen = TIDE_TOKEN_FREE;
	TIDE_YIELD("token.try");
	if (tide_load_relaxed(&tide_token) != TIDE_TOKEN_FREE ||
	    (tide_load_relaxed(&tide_token_waiters) != 0 && !tide_load_relaxed(&tide_token_owed)))
		return false;
	int cancel = tide_os_cancel_defer();
	if (!tide_cas_acquire(&tide_token, &seen, TIDE_TOKEN_HELD)) { /* token.pass */
		tide_os_cancel_restore(cancel);
		return false;
	}
	tide_token_cancel = cancel;
	tide_token_sign();
	if (tide_load_relaxed(&tide_token_owed))
		tide_store_relaxed(&tide_token_owed, false);
	return true;
}

TIDE_HIDDEN void tide_token_release(void);
/* Wait for the token, at most timeout_ns (0: for ever). */
TIDE_HIDDEN bool tide_token_wait(uint64_t timeout_ns);
/* In the child of a fork: those who waited are gone. */
TIDE_HIDDEN void tide_token_forget_waiters(void);

#endif
