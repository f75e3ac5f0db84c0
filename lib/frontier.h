/* The frontier: memory that was never issued, and how a thread takes some without waiting.
 *
 * Two open regions, one for slabs (whole pages) and one for chunks (granules), and for each small
 * class and lane one open slab. Each is a single word, {descriptor, next unit}, advanced by CAS; an
 * exhausted one is replaced by one thread, by CAS. Whoever advances the word owns what it passed
 * over.
 *
 *   slab    descriptor << 16 | next
 *   region  descriptor << 16 | halvings << 13 | next        length = 4 MiB >> halvings
 *
 * A word may be compared after its descriptor was recycled; that is harmless, since an equal word
 * says the truth of now, whatever it said before. How much there is follows from the word alone: a
 * slab's descriptor is for one class for ever, and a region's, which may stand for a shorter region
 * when the word is equal again, is not asked. All else is read after the CAS, with ownership in
 * hand. There is an open slab in each lane, so that lanes share no cache lines, and the threads of
 * a lane share it: threads by the hundred then cost no hundreds of half-used slabs.
 *
 * Touched by  every thread
 * Progress    lock-free. A thread that fails between mapping and publishing has only its own
 *             mapping in hand; the loser of a race keeps its region or slab for the next.
 * Weak order  tags and page map bytes are written after the word was advanced, unordered with it;
 *             only who got the block's pointer relies on them. frontier.hold needs seq_cst on both
 *             sides of it, not where the word is advanced: who unmaps read the word as another one
 *             left it before it reads the hold
 * Edges       frontier.word  who made the region or slab (CAS release) -> who carves (load acquire)
 *             stack.hand     who seals a region -> the GC, which takes over its rest
 */
#ifndef TIDE_FRONTIER_H
#define TIDE_FRONTIER_H

#include "bin.h"
#include "lane.h"
#include "region.h"

enum { TIDE_FRONTIER_SLABS, TIDE_FRONTIER_CHUNKS, TIDE_FRONTIERS };

struct tide_frontier_word {
	/* writers  every thread, by CAS   readers  every thread
	 * order    acq-rel, acquire       edges    frontier.word */
	TIDE_OWN_LINE _Atomic uint64_t word;
};

/* The frontier of a heap. */
struct tide_frontier {
	struct tide_frontier_word open_region[TIDE_FRONTIERS];
	struct tide_frontier_word open_slab[TIDE_LANES][TIDE_CLASS_SMALL_LAST + 1];
	TIDE_OWN_LINE struct tide_stack spare_region;
	TIDE_OWN_LINE struct tide_stack ready_slab[TIDE_CLASS_SMALL_LAST + 1];
	/* Regions whose frontier was left behind: from `sealed_from` on they belong to the GC. */
	TIDE_OWN_LINE struct tide_stack sealed;
	/* Blocks carved, by class.
	 * writers every thread  readers audit, policy  order relaxed: counters  edges none */
	_Atomic uint64_t carved_blocks[TIDE_CLASS_SLOTS];
	/* The region in which memory is being faulted in, NULL when none is.
	 * writers  the GC thread   readers  who would unmap a region
	 * order    seq_cst         edges    frontier.hold */
	_Atomic(const struct tide_region *) held_region;
	/* Plain, the GC thread's: how far the slab frontier was, and up to where it is faulted
	 * in. */
	const struct tide_region *ahead_region;
	unsigned ahead_next, ahead_to;
};

/* Fill `bin` with up to `want` fresh blocks of its small class, side by side; returns how many.
 * They may be zero or not (recycled slabs are not): the caller must not assume. 0: out of
 * memory. */
TIDE_HIDDEN unsigned tide_frontier_carve(struct tide_heap *heap, struct tide_bin *bin,
                                         unsigned want);

/* A fresh medium block of class `cls`, never touched, at a multiple of `align_bytes` (1 KiB or 4
 * KiB). NULL: out of memory. */
TIDE_HIDDEN void *tide_frontier_chunk(struct tide_heap *heap, unsigned cls, size_t align_bytes);

/* Make the medium block, the last before the frontier, longer in place. False: it is not the
 * last. */
TIDE_HIDDEN bool tide_frontier_extend(void *block, unsigned old_cls, unsigned new_cls);

/* Fault in memory beyond the slab frontier, as much as it has advanced since the last call (up to
 * 16 times option `prefault_bytes`), so that threads find it touched. Returns whether there was
 * anything to do. The GC thread only, without the token: it may take long. */
TIDE_HIDDEN bool tide_frontier_prefault_ahead(struct tide_frontier *frontier);

/* Whether a frontier still stands in `region`, or its memory is being faulted in. Once false for a
 * region it stays so until the region is mapped anew. Edge frontier.hold: prefault_ahead says which
 * region it holds before it looks whether that is still open; we look in the opposite order. */
TIDE_HIDDEN bool tide_frontier_is_in(const struct tide_region *region);

/* Blocks of the class ever carved at the frontier, for the audit. */
static inline uint64_t tide_frontier_carved_racy(struct tide_frontier *frontier, unsigned cls)
{
	return tide_load_relaxed(&frontier->carved_blocks[cls]);
}
/* Blocks of the lane's open slab of `cls` that are not carved yet, and where it is (NULL:
 * none). */
TIDE_HIDDEN unsigned tide_frontier_open_rest(struct tide_frontier *frontier, unsigned lane,
                                             unsigned cls, struct tide_slab **slab);
/* First granule beyond the frontier in `region`; its size when there is none. */
TIDE_HIDDEN unsigned tide_frontier_end(const struct tide_region *region);

#endif
