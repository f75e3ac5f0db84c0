/* Seats: where a thread finds its caches in the heaps that the program made. The table hangs on the
 * thread's cache in the default heap, has an entry for each heap that there may be, and is made
 * when the thread first uses such a heap.
 *
 * A seat holds as long as its heap is of the same generation: destroying a heap takes all caches in
 * it away, and what threads still have in their tables is void.
 *
 * Touched by  its thread
 */
#ifndef TIDE_SEAT_H
#define TIDE_SEAT_H

#include "cache.h"
#include "heap.h"

/* The calling thread's cache in a heap that the program made; NULL: it has none yet. */
TIDE_INLINE struct tide_cache *tide_seat_find(const struct tide_heap *heap)
{
	return tide_cache_seated(tide_cache_self, heap->slot, tide_load_relaxed(&heap->generation));
}

/* The same for any heap, made if need be; NULL when there is no memory for it. */
TIDE_HIDDEN struct tide_cache *tide_seat_take(struct tide_heap *heap);
/* The thread of the cache ends: leave all heaps. */
TIDE_HIDDEN void tide_seat_leave_all(struct tide_cache *self);
/* Empty the calling thread's bins, in all heaps, into its garbage. */
TIDE_HIDDEN void tide_self_empty(void);

#endif
