/* Large blocks that are free, shared by all heaps, and the descriptors that serve any of them
 * (large.h). A freed one is pushed to an inbox; who needs one, or has too many, takes the right to the
 * extents, puts the inbox in, where neighbours merge, and cuts out what it needs: memory that was in
 * use costs no page faults, whatever sizes it was in use in.
 *
 * Touched by  every thread; the GC ages what is kept. The extents belong to who took the right to
 *             them by swap. Nobody waits for it: who finds it taken does with what is in the inbox,
 *             or without. A thread frozen with it costs the others what is kept, within its bound.
 * Progress    lock-free: a bounded number of exchanges and system calls
 * Edges       stack.hand  the inbox
 *             large.keep  store of `taken` by who leaves -> swap by who enters: the extents
 */
#ifndef TIDE_LARGE_KEEP_H
#define TIDE_LARGE_KEEP_H

#include "large.h"

/* A descriptor without a block, of the default heap; NULL: no memory. */
TIDE_HIDDEN struct tide_large *tide_large_descriptor_new(void);
TIDE_HIDDEN void tide_large_descriptor_recycle(struct tide_large *large);

/* Keep a free block, or give it back when there is too much. */
TIDE_HIDDEN void tide_large_keep(struct tide_large *large);
/* One of `bytes`, or a little more; NULL: there is none. */
TIDE_HIDDEN struct tide_large *tide_large_keep_take(size_t bytes, size_t align_bytes);
/* The longest there is, if it has least_bytes; NULL: none has. */
TIDE_HIDDEN struct tide_large *tide_large_keep_take_longest(size_t least_bytes);
/* Take exactly [base, base + bytes), if a free block starts there. */
TIDE_HIDDEN bool tide_large_keep_take_at(uintptr_t base, size_t bytes);
/* For the only thread of a forked process: what another had in hand is lost to it. */
TIDE_HIDDEN void tide_large_keep_adopt(void);

#endif
