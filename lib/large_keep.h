/* Large blocks that are free, shared by all heaps, and the descriptors that serve any of them
 * (large.h). A freed one is pushed to an inbox; who needs one, or has too many, takes the right to
 * the extents, puts the inbox in, where neighbours merge, and cuts out what it needs: memory that
 * was in use costs no page faults, whatever sizes it was in use in.
 *
 * What was not needed between two ticks of the GC's clock, the lowest amount that was kept in
 * between, goes back to the system at the second. Without a clock a bound has to do.
 *
 * Touched by  every thread. The extents belong to who took the right to them by swap. Nobody on the
 *             way of malloc or free waits for it longer than a few looks: who finds it taken still
 *             does with what is on top of the inbox, or without. A thread frozen with it costs the
 *             others these looks, and what is kept, within the bound. tide_purge and fork wait a
 *             while.
 * Progress    lock-free: each step is repeated only because another thread's succeeded
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
/* One of `bytes`, or up to slack_bytes more; NULL: there is none. */
TIDE_HIDDEN struct tide_large *tide_large_keep_take(size_t bytes, size_t align_bytes,
                                                    size_t slack_bytes);
/* The longest there is, if it has least_bytes; NULL: none has. It counts as kept until it is said
 * to be taken, or put back as it was. */
TIDE_HIDDEN struct tide_large *tide_large_keep_take_longest(size_t least_bytes);
TIDE_HIDDEN void tide_large_keep_taken(size_t bytes);
TIDE_HIDDEN void tide_large_keep_put_back(struct tide_large *large);
/* Take and use exactly [base, base + bytes), if a free block starts there. */
TIDE_HIDDEN bool tide_large_keep_take_at(uintptr_t base, size_t bytes);

/* Around fork: the right to the extents, so that the child finds them whole; false: not to be had
 * in time. Then what is kept is lost to the child. */
TIDE_HIDDEN bool tide_large_keep_hold(void);
TIDE_HIDDEN void tide_large_keep_let_go(void);
TIDE_HIDDEN void tide_large_keep_adopt(bool held);

#endif
