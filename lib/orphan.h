/* Orphans: free blocks for which there was no memory to put them into a bin. They wait, linked
 * through their own first word, for the GC to take them all at once. Only reached when the system
 * has no page left, which is when losing memory would be worst.
 *
 * Touched by  every thread pushes; the holder of the GC token takes
 * Progress    push lock-free, take wait-free. There is no single pop, hence no ABA.
 * Weak order  a push keeps the chain of releases, being a read-modify-write: the taker's one
 *             acquire meets the pushes of all it takes, so each orphan's first word is there
 * Edges       orphan.hand  push (CAS release) -> take (swap acquire)
 */
#ifndef TIDE_ORPHAN_H
#define TIDE_ORPHAN_H

#include "atomic.h"
#include "yield.h"

struct tide_orphan {
	struct tide_orphan *next; /* plain: the pusher's, then the taker's, by orphan.hand */
};

/* The orphans of a heap. */
struct tide_orphans {
	/* writers  every thread, by CAS; the taker by swap   readers  the same
	 * order    release, acq-rel                          edges    orphan.hand */
	_Atomic(struct tide_orphan *) first;
};

static inline void tide_orphan_push(struct tide_orphans *orphans, void *block)
{
	struct tide_orphan *orphan = block;
	struct tide_orphan *head = tide_load_relaxed(&orphans->first);
	do {
		orphan->next = head;
		TIDE_YIELD("orphan.push");
	} while (!tide_cas_release(&orphans->first, &head, orphan)); /* orphan.hand */
}

/* All orphans, linked; NULL when there are none. */
static inline struct tide_orphan *tide_orphan_take_all(struct tide_orphans *orphans)
{
	if (tide_load_relaxed(&orphans->first) == NULL)
		return NULL;
	TIDE_YIELD("orphan.take");
	return tide_swap_acq_rel(&orphans->first, NULL); /* orphan.hand */
}

#endif
