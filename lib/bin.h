/* Bin: a bounded array of blocks of one class. Bins change hands whole; nobody walks a list of
 * blocks, so neither malloc nor free touches a block it hands over.
 *
 *   slot:  [0] NULL  [1] NULL  [2] first block ... [1 + count] last block ... [2 + mark] FULL
 *
 * A thread works on its ready bin through a pointer `top` to the last block. Two NULLs under the
 * blocks and FULL above the last usable slot make "empty" and "full" properties of the slot read:
 *
 *   empty  *top == top[-1]   (two NULLs; two equal blocks are a block freed twice in a row, which
 *                             the same compare catches)
 *   full   top[1] == FULL
 *
 * A bin is of one of two lengths, for ever: most threads have few blocks of most classes, and bins
 * of blocks that GC and threads have not come to yet are what fresh metadata goes to.
 *
 * Touched by  its holder only; between holders it travels by stack.hand or garbage.hand
 * Invariants  count <= mark <= slots; slot[2 + mark] == FULL and no other slot is;
 *             slots [2, 2 + count) are distinct free blocks of class `cls`
 * `count` is written when a bin leaves a thread's hands; before, `top` tells.
 *
 * fork copies a thread's bins between any two of its stores, and its child lets the GC adopt them.
 * So the order of the stores matters: a block is in its slot before it is counted, and out of one
 * bin before it is in the next. Memory order plays no part: fork makes pages read-only and waits
 * until no processor uses the old right, so a store is there for the child, or faults, and then
 * nothing that comes after it in its thread has happened. A few may be lost to the child that way,
 * none is there twice.
 */
#ifndef TIDE_BIN_H
#define TIDE_BIN_H

#include "check.h"
#include "config.h"
#include "stack.h"

#define TIDE_BIN_BASE 2
#define TIDE_BIN_FULL ((void *)1)

struct tide_bin {
	struct tide_node node; /* must be first */
	uint8_t count;
	uint8_t mark;
	uint8_t cls;
	uint8_t slots; /* for blocks */
	void *slot[];
};
static_assert(offsetof(struct tide_bin, node) == 0, "bin: a node is its bin");

/* An empty bin of class `cls` that holds `capacity` blocks; NULL when out of memory. Lock-free. */
TIDE_HIDDEN struct tide_bin *tide_bin_new(unsigned cls, unsigned capacity);
/* An empty bin that holds so many, in place of `empty` (or NULL); `empty` itself if that is all there
 * is. It may come to hold fewer. */
TIDE_HIDDEN struct tide_bin *tide_bin_fit(struct tide_bin *empty, unsigned cls, unsigned capacity);
/* Give back a bin whose blocks have all been taken. */
TIDE_HIDDEN void tide_bin_recycle(struct tide_bin *bin);
/* Bins in existence, for tests. */
TIDE_HIDDEN size_t tide_bin_total_racy(void);

/* In whole lines, so that bins of two threads share none. */
TIDE_INLINE size_t tide_bin_bytes(unsigned slots)
{
	size_t bytes =
	    offsetof(struct tide_bin, slot) + (TIDE_BIN_BASE + slots + 1) * sizeof(void *);
	return (bytes + TIDE_CACHE_LINE_BYTES - 1) & ~(size_t)(TIDE_CACHE_LINE_BYTES - 1);
}

TIDE_INLINE void **tide_bin_top(struct tide_bin *bin)
{
	return &bin->slot[TIDE_BIN_BASE - 1 + bin->count];
}

/* Move the FULL mark: to `capacity` or as far as there are slots, or above the blocks that are in the
 * bin already. */
TIDE_INLINE void tide_bin_set_capacity(struct tide_bin *bin, unsigned capacity)
{
	TIDE_ASSERT(bin->count <= bin->slots);
	unsigned mark = capacity < bin->slots ? capacity : bin->slots;
	if (mark < bin->count)
		mark = bin->count;
	if (bin->slot[TIDE_BIN_BASE + bin->mark] ==
	    TIDE_BIN_FULL) /* a block, when filled past it */
		bin->slot[TIDE_BIN_BASE + bin->mark] = NULL;
	bin->slot[TIDE_BIN_BASE + mark] = TIDE_BIN_FULL;
	bin->mark = (uint8_t)mark;
}

TIDE_INLINE void tide_bin_add(struct tide_bin *bin, void *block)
{
	TIDE_ASSERT(bin->count < bin->slots);
	bin->slot[TIDE_BIN_BASE + bin->count] = block;
	tide_order_stores(); /* a copy of us that fork makes here must not count what is not there */
	bin->count++;
}

TIDE_INLINE void *tide_bin_take(struct tide_bin *bin)
{
	return bin->slot[TIDE_BIN_BASE + --bin->count];
}

/* Whether a bin whose holder vanished with `count` blocks in it needs no repair. */
TIDE_HIDDEN bool tide_bin_is_whole(const struct tide_bin *bin, unsigned count);
/* Make a bin whose holder vanished valid again: what is not a block above the first such slot is
 * let go. */
TIDE_HIDDEN void tide_bin_repair(struct tide_bin *bin);
/* The first of its blocks that is in it once more below: freed twice, with others between. Its
 * number; bin->count when all are distinct. Exact; 13 instructions a block. */
TIDE_HIDDEN unsigned tide_bin_find_double(const struct tide_bin *bin);
/* Take out block number `at`; the last one takes its place. For a bin in nobody's sight. */
TIDE_INLINE void tide_bin_drop(struct tide_bin *bin, unsigned at)
{
	bin->slot[TIDE_BIN_BASE + at] = bin->slot[TIDE_BIN_BASE + bin->count - 1];
	bin->count--;
}
/* Whether the invariants hold for a bin with `count` blocks; that of a ready bin is not in it. */
TIDE_HIDDEN bool tide_bin_is_valid_with(const struct tide_bin *bin, size_t count);
static inline bool tide_bin_is_valid(const struct tide_bin *bin)
{
	return tide_bin_is_valid_with(bin, bin->count);
}

#endif
