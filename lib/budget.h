/* What a heap may still take: one count of bytes, raised before memory is taken and lowered after
 * it is given back, by bin, chunk or large block and never by block.
 *
 * What is counted, one of
 *   BLOCKS   blocks that are live or in a thread's bins, each as long as its class
 *   HELD     memory of regions in slabs and blocks, and free chunks that hold memory; large blocks
 *   CHARGED  the same and what the program charges by hand
 *
 * A heap without a limit counts nothing. One within another heap's limit counts as that one does,
 * and each byte there as well.
 *
 * Touched by  every thread
 * Progress    wait-free
 * Invariant   used <= hard_bytes (and, within another one, is part of its used), but for charges
 *             that are not asked for (`tide_budget_add`) and for the time between a charge that is
 *             refused and its withdrawal
 */
#ifndef TIDE_BUDGET_H
#define TIDE_BUDGET_H

#include "atomic.h"
#include "config.h"

#include <tide/heap.h>

struct tide_budget {
	/* What counts, and the limits (UINT64_MAX: none).
	 * writers  who creates the heap, before it is used   readers  every thread
	 * order    relaxed: known with the heap              edges    none */
	_Atomic bool counts_blocks, counts_held, counts_charged;
	_Atomic uint64_t soft_bytes, hard_bytes;
	/* That of the heap whose limit it is within, or NULL: plain, likewise. It is within
	 * none. */
	struct tide_budget *within;

	/* writers  every thread, by fetch-add   readers  every thread
	 * order    relaxed: a count             edges    none */
	TIDE_OWN_LINE _Atomic int64_t used;
	_Atomic int64_t charged;   /* by hand; likewise */
	_Atomic uint64_t refusals; /* times that the hard limit was in the way; likewise */
	/* The soft limit was passed, and the program told so.
	 * writers  every thread, by swap   readers  every thread
	 * order    acq-rel: one tells      edges    none */
	_Atomic bool soft_told;
};

static inline bool tide_budget_is_on(struct tide_budget *budget)
{
	return tide_load_relaxed(&budget->counts_blocks) || tide_load_relaxed(&budget->counts_held);
}

static inline enum tide_heap_counts tide_budget_counts(struct tide_budget *budget)
{
	if (tide_load_relaxed(&budget->counts_charged))
		return TIDE_HEAP_CHARGED;
	return tide_load_relaxed(&budget->counts_held) ? TIDE_HEAP_HELD : TIDE_HEAP_BLOCKS;
}

/* A limit of 0 is none. Leaves the counts alone. */
static inline void tide_budget_set(struct tide_budget *budget, enum tide_heap_counts counts,
                                   uint64_t soft_bytes, uint64_t hard_bytes)
{
	struct tide_budget *within = budget->within;
	bool on =
	    soft_bytes != 0 || hard_bytes != 0 || (within != NULL && tide_budget_is_on(within));
	tide_store_relaxed(&budget->soft_bytes, soft_bytes != 0 ? soft_bytes : UINT64_MAX);
	tide_store_relaxed(&budget->hard_bytes, hard_bytes != 0 ? hard_bytes : UINT64_MAX);
	tide_store_relaxed(&budget->counts_charged, on && counts == TIDE_HEAP_CHARGED);
	tide_store_relaxed(&budget->counts_held, on && counts != TIDE_HEAP_BLOCKS);
	tide_store_relaxed(&budget->counts_blocks, on && counts == TIDE_HEAP_BLOCKS);
}

static inline void tide_budget_clear(struct tide_budget *budget)
{
	if (budget->within != NULL)
		(void)tide_sub_relaxed(&budget->within->used, tide_load_relaxed(&budget->used));
	budget->within = NULL;
	tide_budget_set(budget, TIDE_HEAP_BLOCKS, 0, 0);
	tide_store_relaxed(&budget->used, 0);
	tide_store_relaxed(&budget->charged, 0);
	tide_store_relaxed(&budget->refusals, 0);
	tide_store_relaxed(&budget->soft_told, false);
}

static inline void tide_budget_add(struct tide_budget *budget, int64_t bytes)
{
	(void)tide_add_relaxed(&budget->used, bytes);
	if (budget->within != NULL)
		(void)tide_add_relaxed(&budget->within->used, bytes);
}

static inline bool tide_budget_charge_one(struct tide_budget *budget, uint64_t bytes)
{
	uint64_t hard = tide_load_relaxed(&budget->hard_bytes);
	int64_t before = tide_load_relaxed(&budget->used);
	/* Asked before it is added: what can't be had is in nobody's way, and no sum overflows. */
	bool fits = bytes <= hard && bytes <= INT64_MAX &&
	            (before <= 0 || (uint64_t)before <= hard - bytes);
	if (fits) {
		int64_t after = tide_add_relaxed(&budget->used, (int64_t)bytes) + (int64_t)bytes;
		if (after <= 0 || (uint64_t)after <= hard)
			return true;
		(void)tide_sub_relaxed(&budget->used, (int64_t)bytes);
	}
	(void)tide_add_relaxed(&budget->refusals, 1u);
	return false;
}

/* False: it would pass the hard limit, or the one that it is within. */
static inline bool tide_budget_charge(struct tide_budget *budget, uint64_t bytes)
{
	if (!tide_budget_charge_one(budget, bytes))
		return false;
	if (budget->within == NULL || tide_budget_charge_one(budget->within, bytes))
		return true;
	(void)tide_sub_relaxed(&budget->used, (int64_t)bytes);
	return false;
}

/* Blocks come into a thread's hands: at most `want`, as many as may be. */
static inline TIDE_USUAL unsigned tide_budget_blocks_in(struct tide_budget *budget, unsigned want,
                                                        size_t block_bytes)
{
	if (!tide_load_relaxed(&budget->counts_blocks))
		return want;
	while (want > 0 && !tide_budget_charge(budget, want * block_bytes))
		want /= 2;
	return want;
}

/* And leave them. */
static inline void tide_budget_blocks_out(struct tide_budget *budget, unsigned blocks,
                                          size_t block_bytes)
{
	if (tide_load_relaxed(&budget->counts_blocks))
		tide_budget_add(budget, -(int64_t)(blocks * block_bytes));
}

/* Memory of a region gets a use. False: it may not. */
static inline bool tide_budget_held_in(struct tide_budget *budget, uint64_t bytes)
{
	return !tide_load_relaxed(&budget->counts_held) || tide_budget_charge(budget, bytes);
}

/* The same unasked, or the other way. */
static inline void tide_budget_held_add(struct tide_budget *budget, int64_t bytes)
{
	if (tide_load_relaxed(&budget->counts_held))
		tide_budget_add(budget, bytes);
}

/* A large block, which all ways of counting count. */
static inline bool tide_budget_large_in(struct tide_budget *budget, uint64_t bytes)
{
	return !tide_budget_is_on(budget) || tide_budget_charge(budget, bytes);
}

static inline void tide_budget_large_out(struct tide_budget *budget, uint64_t bytes)
{
	if (tide_budget_is_on(budget))
		tide_budget_add(budget, -(int64_t)bytes);
}

#endif
