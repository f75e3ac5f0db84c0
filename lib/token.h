/* The GC token: the right to be the GC, hence to touch free sets, slab bits and the consuming end
 * of every garbage bin. The GC thread holds it for a step at a time; a thread that misses may take
 * it, if it is free, for one bounded step.
 *
 * Touched by  every thread
 * Progress    try and release: wait-free. wait: blocks; only for tide_purge, fork and tide_gc_stop,
 *             never on a path of malloc or free.
 * Weak order  plain fields under the token need no more: try acquires what release released, and who
 *             announces in between that it waits does so by a swap, which keeps the chain
 * Edges       token.pass  release -> try: everything the GC owns
 */
#ifndef TIDE_TOKEN_H
#define TIDE_TOKEN_H

#include "atomic.h"
#include "yield.h"

enum { TIDE_TOKEN_FREE, TIDE_TOKEN_HELD, TIDE_TOKEN_AWAITED };

/* writers  every thread        readers  every thread
 * order    cas-acquire, swap acq-rel     edges    token.pass */
TIDE_HIDDEN extern _Atomic uint32_t tide_token;

static inline bool tide_token_try(void)
{
	uint32_t seen = TIDE_TOKEN_FREE;
	TIDE_YIELD("token.try");
	return tide_load_relaxed(&tide_token) == TIDE_TOKEN_FREE &&
	       tide_cas_acquire(&tide_token, &seen, TIDE_TOKEN_HELD); /* token.pass */
}

TIDE_HIDDEN void tide_token_release(void);
/* Wait for the token, at most timeout_ns (0: for ever). */
TIDE_HIDDEN bool tide_token_wait(uint64_t timeout_ns);

#endif
