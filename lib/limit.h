/* At a heap's limit: what is tried before malloc fails (budget.h counts).
 *
 *   1. the thread's own bins, parked caches, garbage, queues and idle threads' bins go back to the
 *      free sets, and where held memory counts, back to the system
 *   2. the program's reclaim function is called, and 1. done again, as long as it says that it
 *      freed something
 *
 * Touched by  app threads, each with its own cache
 * Progress    1. waits for the GC token, up to 10 ms; 2. is the program's code
 */
#ifndef TIDE_LIMIT_H
#define TIDE_LIMIT_H

#include "cache.h"
#include "heap.h"

typedef size_t tide_limit_reclaim(struct tide_heap *heap, size_t bytes, void *context);

/* What the program makes room with, from now on; NULL: nothing. */
TIDE_COLD TIDE_HIDDEN void tide_limit_set_reclaim(struct tide_heap *heap,
                                                  tide_limit_reclaim *reclaim, void *context);
/* After an allocation of `bytes` failed: whether to try again. *tries starts at 0. */
TIDE_COLD TIDE_HIDDEN bool tide_limit_make_room(struct tide_cache *cache, size_t bytes,
                                                unsigned *tries);
/* In a heap without a limit, when the system refused: 1. alone, and for a large block to the
 * system. False: the heap never had so much. */
TIDE_COLD TIDE_HIDDEN bool tide_limit_collect(struct tide_cache *cache, size_t bytes);
/* After an allocation: tell the program, once each time, that its soft limit was passed. */
TIDE_HIDDEN void tide_limit_tell(struct tide_cache *cache);

/* A bin out of the heap's queue, when the limit lets it. */
TIDE_INLINE struct tide_bin *tide_limit_queue_pop(struct tide_heap *heap, unsigned cls)
{
	struct tide_bin *bin = tide_queue_pop(&heap->queues, cls);
	if (bin == NULL || !tide_load_relaxed(&heap->budget.counts_blocks) ||
	    tide_budget_charge(&heap->budget, bin->count * tide_class_bytes(cls)))
		return bin;
	tide_queue_push(&heap->queues, bin);
	return NULL;
}

#endif
