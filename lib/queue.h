/* Ready queue: per class, full bins for whichever thread needs them.
 *
 * Stacks of bins, one in each lane, so that the warmest bin leaves first, with a level: how many
 * blocks they should hold together. The level is policy, not capacity: a push never fails, and
 * `has_room` is advice. That is what keeps memory bounded when the GC cannot run at all (its thread
 * frozen, say): threads then hand bins to each other beyond the level instead of to the GC.
 *
 * Touched by  every thread at both ends; the GC also refills it, and sets the level
 * Progress    lock-free (stack.h)
 * Edges       stack.hand
 */
#ifndef TIDE_QUEUE_H
#define TIDE_QUEUE_H

#include "bin.h"
#include "classes.h"
#include "lane.h"
#include "yield.h"

/* What a lane has of a class. */
struct tide_queue {
	TIDE_OWN_LINE struct tide_stack bins;
	/* Blocks in `bins`: raised before a push, lowered after a pop, so never too low.
	 * writers  every thread, by fetch-add   readers  every thread
	 * order    relaxed: advice              edges    none */
	_Atomic uint32_t blocks;
	/* Times a thread of the lane found all lanes empty, or no room in them.
	 * writers  every thread, by fetch-add   readers  the GC
	 * order    relaxed: counters            edges    none */
	_Atomic uint32_t misses;
	_Atomic uint32_t fulls;
};

#define TIDE_QUEUE_WORDS ((TIDE_CLASS_SLOTS + 63) / 64)

/* The queues of a heap. */
struct tide_queues {
	struct tide_queue of[TIDE_LANES][TIDE_CLASS_SLOTS];
	/* Blocks each should hold. Not in the queues: the first levels would make memory of all of
	 * them.
	 * writers  the GC                       readers  every thread
	 * order    relaxed: advice              edges    none */
	_Atomic uint32_t level[TIDE_CLASS_SLOTS];
	/* The lane of who found all empty last, for the GC to fill.
	 * writers  every thread                 readers  the GC
	 * order    relaxed: advice              edges    none */
	_Atomic uint8_t asks[TIDE_CLASS_SLOTS];
	/* Classes whose queue was found empty or full since the GC last looked, so that it need not
	 * visit all.
	 * writers  every thread sets bits; the GC clears by swap   readers  the same
	 * order    relaxed: advice                                 edges    none */
	_Atomic uint64_t attention[TIDE_QUEUE_WORDS];
};

static inline void tide_queue_attend(struct tide_queues *queues, unsigned cls)
{
	_Atomic uint64_t *word = &queues->attention[cls / 64];
	uint64_t bit = 1ull << (cls % 64);
	if (!(tide_load_relaxed(word) & bit))
		(void)tide_or_relaxed(word, bit);
}

static inline void tide_queue_note(struct tide_queues *queues, _Atomic uint32_t *counter,
                                   unsigned cls)
{
	(void)tide_add_relaxed(counter, 1u);
	TIDE_YIELD("queue.note");
	tide_queue_attend(queues, cls);
}

/* No lane had a bin. */
static inline void tide_queue_note_miss(struct tide_queues *queues, unsigned cls)
{
	if (tide_load_relaxed(&queues->asks[cls]) != tide_lane)
		tide_store_relaxed(&queues->asks[cls], tide_lane);
	tide_queue_note(queues, &queues->of[tide_lane][cls].misses, cls);
}

/* The nominal level, as the options have it; and set all levels to it. */
TIDE_HIDDEN uint32_t tide_queue_first_level(unsigned cls);
TIDE_HIDDEN void tide_queue_init(struct tide_queues *queues);

/* Count the blocks anew: a thread that is gone may have counted what it did not push. For the only
 * thread of a process. */
TIDE_HIDDEN void tide_queue_recount(struct tide_queues *queues);

/* Of all lanes, one after the other: a bin that goes from one to another meanwhile may be missed.
 */
TIDE_HIDDEN uint32_t tide_queue_blocks_racy(const struct tide_queues *queues, unsigned cls);
TIDE_HIDDEN uint32_t tide_queue_misses_racy(const struct tide_queues *queues, unsigned cls);
TIDE_HIDDEN uint32_t tide_queue_fulls_racy(const struct tide_queues *queues, unsigned cls);
TIDE_HIDDEN bool tide_queue_is_empty_racy(struct tide_queues *queues, unsigned cls);

/* The own lane's share is looked at before all the lanes: one may be filled to the level, and the
 * others to their shares after it. */
static inline bool tide_queue_has_room(struct tide_queues *queues, unsigned cls)
{
	struct tide_queue *queue = &queues->of[tide_lane][cls];
	uint32_t level = tide_load_relaxed(&queues->level[cls]);
	if (tide_load_relaxed(&queue->blocks) < level / tide_lanes_used_racy() ||
	    tide_queue_blocks_racy(queues, cls) < level)
		return true;
	tide_queue_note(queues, &queue->fulls, cls);
	return false;
}

static inline void tide_queue_push(struct tide_queues *queues, struct tide_bin *bin)
{
	struct tide_queue *queue = &queues->of[tide_lane][bin->cls];
	(void)tide_add_relaxed(&queue->blocks, (uint32_t)bin->count);
	TIDE_YIELD("queue.push");
	tide_stack_push(&queue->bins, &bin->node);
}

/* NULL when it is empty. */
static inline struct tide_bin *tide_queue_pop_from(struct tide_queues *queues, unsigned lane,
                                                   unsigned cls)
{
	struct tide_queue *queue = &queues->of[lane][cls];
	if (tide_stack_is_empty_racy(&queue->bins))
		return NULL;
	struct tide_bin *bin = (struct tide_bin *)tide_stack_pop(&queue->bins);
	TIDE_YIELD("queue.pop");
	if (bin != NULL)
		(void)tide_sub_relaxed(&queue->blocks, (uint32_t)bin->count);
	return bin;
}

/* Out of the calling thread's lane, else another's; NULL when all are empty. */
static inline struct tide_bin *tide_queue_pop(struct tide_queues *queues, unsigned cls)
{
	unsigned used = tide_lanes_used_racy();
	struct tide_bin *bin = NULL;
	for (unsigned turn = 0; turn < used && bin == NULL; turn++)
		bin = tide_queue_pop_from(queues, tide_lane_at(turn, used), cls);
	return bin;
}

#endif
