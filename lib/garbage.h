/* Garbage bins of one thread: full bins on their way to the GC.
 *
 * An unbounded single-producer single-consumer queue linked through the bins themselves (after
 * M. Michael and M. Scott, PODC 1996, reduced to one end each as in D. Vyukov's SPSC queue): the
 * producer stores one pointer, the consumer follows it. There is no slot that can be occupied, so
 * no bin waits in private for a slot to become free, and the last batch of a thread that goes idle
 * is never stranded. The consumer keeps the last bin it emptied as the place where the producer
 * will hang the next one.
 *
 *   head (emptied) -> bin -> bin -> tail
 *
 * Touched by  producer: the thread that owns the cache (or who adopted it, under the GC token);
 *             consumer: the holder of the GC token
 * Progress    wait-free at both ends; no compare-and-swap
 * Weak order  the store of `next` is also a release: the bin and its blocks come with it. A bin
 *             that the consumer lets go is not the producer's tail any more: `next` was read from
 *             it. Who repairs after a producer that is gone has tide_fence_after_system behind it
 * Edges       garbage.hand  publish (store of `next`) -> consume (load of `next`). It is
 *             sequentially consistent because it is also one half of the doorbell (doorbell.h).
 */
#ifndef TIDE_GARBAGE_H
#define TIDE_GARBAGE_H

#include "bin.h"
#include "classes.h"
#include "yield.h"

struct tide_garbage {
	/* Producer's line. Blocks of memory ever published, in bytes.
	 * writers  the producer               readers  every thread
	 * order    relaxed: a counter         edges    none */
	TIDE_OWN_LINE _Atomic uint64_t published_bytes;
	struct tide_bin *tail; /* plain: the producer's */

	/* Consumer's line. The same, taken out again.
	 * writers  the holder of the token    readers  every thread
	 * order    relaxed: a counter         edges    none */
	TIDE_OWN_LINE _Atomic uint64_t drained_bytes;
	struct tide_bin *head; /* plain: the token's */
};

/* Start with the empty bin `first` in the queue. Before anybody else sees it. */
static inline void tide_garbage_init(struct tide_garbage *garbage, struct tide_bin *first)
{
	tide_store_relaxed(&first->node.next, NULL);
	garbage->head = first;
	garbage->tail = first;
}

static inline void tide_garbage_publish(struct tide_garbage *garbage, struct tide_bin *bin)
{
	uint64_t bytes = bin->count * (uint64_t)tide_class_bytes(bin->cls);
	tide_store_relaxed(&bin->node.next, NULL);
	tide_count_owned(&garbage->published_bytes, bytes);
	TIDE_YIELD("garbage.publish");
	tide_store_seq_cst(&garbage->tail->node.next, &bin->node); /* garbage.hand */
	TIDE_YIELD("garbage.linked");
	garbage->tail = bin;
}

/* For who takes over from a producer that vanished between its two stores, with the token in hand:
 * the tail may have been consumed since, the head is in the queue for certain. */
static inline void tide_garbage_repair(struct tide_garbage *garbage)
{
	struct tide_node *next;
	garbage->tail = garbage->head;
	while ((next = tide_load_relaxed(&garbage->tail->node.next)) != NULL)
		garbage->tail = (struct tide_bin *)next;
}

static inline bool tide_garbage_is_empty(struct tide_garbage *garbage)
{
	return tide_load_seq_cst(&garbage->head->node.next) == NULL;
}

/* The next bin, for its blocks; it stays in the queue as the new head, so it must not be recycled
 * but emptied. *spent is the bin that may be recycled. NULL when there is none. */
static inline struct tide_bin *tide_garbage_consume(struct tide_garbage *garbage,
                                                    struct tide_bin **spent)
{
	struct tide_bin *head = garbage->head;
	struct tide_bin *bin =
	    (struct tide_bin *)tide_load_seq_cst(&head->node.next); /* garbage.hand */
	if (bin == NULL)
		return NULL;
	uint64_t bytes = bin->count * (uint64_t)tide_class_bytes(bin->cls);
	tide_count_owned(&garbage->drained_bytes, bytes);
	TIDE_YIELD("garbage.consume");
	garbage->head = bin;
	*spent = head;
	return bin;
}

static inline uint64_t tide_garbage_backlog_racy(struct tide_garbage *garbage)
{
	uint64_t drained = tide_load_relaxed(&garbage->drained_bytes);
	TIDE_YIELD("garbage.backlog");
	uint64_t published = tide_load_relaxed(&garbage->published_bytes);
	return published > drained ? published - drained : 0;
}

#endif
