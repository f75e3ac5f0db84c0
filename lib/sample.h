/* Which allocations the heap profile takes: each byte that is allocated is chosen with the same
 * small probability, on its own, and a block is taken when one of its bytes is: a block of S bytes
 * with probability 1 - exp(-S/R), R being the mean distance (option `profile_bytes`). What was
 * taken stands for 1 / (1 - exp(-S/R)) of its kind, and no size, class, thread or order of calls is
 * favoured. S is the block's size, not the size that was asked for.
 *
 * The chosen bytes of all the process are a Poisson process; so are those of a class in a thread,
 * and the whole is their sum. So each class in each cache counts down for itself, and needs no
 * count in the hit case of malloc:
 *
 *   - a ready bin that is handed to malloc holds no more blocks than the countdown says, and the
 *     countdown is less by as much: the call that finds it empty, with 0 left, is the one to take;
 *   - what the thread frees goes, by the hit case of free, to another bin, the one for returns:
 *     pages say the place of that bin (pagemap.h). When the ready bin is empty, the two change
 *     places.
 *
 * Both hit cases have not one instruction more than without profile. What is more is the change of
 * places, once in a bin's worth of calls, and that blocks go round in a thread's bins where they
 * would be used again at once.
 *
 * Blocks that come out of no bin (larger ones, aligned ones) are counted by bytes.
 *
 * Cost at the default mean: instructions by callgrind, three seeds, without the GC's steps, which
 * are more or less by as much from run to run; the process's start and the profile's writing
 * included; stacks by frame pointers and by libgcc. sqlite3 that fills, indexes and sorts 20,000
 * rows (253 million instructions), +0.67 % and +0.78 %. python3 with each of its objects a block
 * (PYTHONMALLOC=malloc): an object of 7,776 lists written as JSON and read three times (720
 * million), +0.65 % and +0.97 %; 18,000 objects with a list and a dictionary each made and dropped
 * 12 times (980 million), +0.51 % and +0.78 %. malloc and free of 64 bytes by turns and nothing
 * else, 3 to 4.6 on 39 for a pair. Time may say more where nothing is done but allocating, since
 * blocks are not used again at once.
 *
 * Touched by  the thread with its cache; who empties it
 * Invariants  countdown[c] - 1 and the blocks in the ready bin are the allocations to the next
 *             sample
 */
#ifndef TIDE_SAMPLE_H
#define TIDE_SAMPLE_H

#include "cache.h"

/* Whether the profile is on: from before the first block to the end, or never. */
static inline bool tide_sample_on(void)
{
	return TIDE_UNLIKELY(tide_load_relaxed(&tide_pagemap_shift) != 0);
}

/* Turn it on, before the first block; `seed` is for tests, 0: as chance has it. */
TIDE_HIDDEN void tide_sample_start(uint64_t mean_bytes, uint64_t seed);
TIDE_HIDDEN uint64_t tide_sample_mean_bytes(void);

/* -mean * ln(u), rounded down, for u uniform in (0, 1]. */
TIDE_HIDDEN uint64_t tide_sample_exponential(uint64_t *random, uint64_t mean);

/* tide_pagemap_place in profile mode. */
TIDE_INLINE unsigned tide_sample_place(unsigned cls)
{
	bool binned = cls - TIDE_CLASS_SMALL_FIRST <= TIDE_CLASS_BINNED_LAST - 1u;
	return binned ? cls + TIDE_RETURN_SHIFT : cls;
}

/* A program that allocates and frees by turns would change places every 16 blocks for ever, which
 * is 4 instructions a pair; so where the blocks of a full bin are small, a class that does it often
 * gets more of them: then it is one. */
#define TIDE_SAMPLE_GROWN_LAST 8 /* 128 blocks of 128 bytes */
TIDE_INLINE bool tide_sample_may_grow(const struct tide_cache *cache, size_t cls)
{
	/* (Where a bin may have to be split, there must be none for returns with blocks in it.) */
	return cls <= TIDE_SAMPLE_GROWN_LAST && cache->capacity[cls] < TIDE_BIN_SLOTS &&
	       cache->countdown[cls] > TIDE_BIN_SLOTS + 1;
}
TIDE_INLINE bool tide_sample_is_short(struct tide_cache *cache, unsigned cls)
{
	if (!tide_sample_may_grow(cache, cls))
		return false;
	tide_cache_missed(cache, cls);
	return 2 * tide_cache_blocks_at(cache, tide_sample_place(cls)) < cache->capacity[cls];
}

/* Whether the next allocation of the class, whose ready bin is empty, is to be taken. */
TIDE_HIDDEN bool tide_sample_is_due(struct tide_cache *cache, unsigned cls);
/* It was: count down to the next. */
TIDE_HIDDEN void tide_sample_redraw(struct tide_cache *cache, unsigned cls);
/* An allocation that was not taken, and came out of no bin. */
TIDE_HIDDEN void tide_sample_count(struct tide_cache *cache, unsigned cls);
/* Count a block that is no bin's business; whether it is to be taken. */
TIDE_HIDDEN bool tide_sample_bytes_are_due(struct tide_cache *cache, size_t bytes);

TIDE_INLINE void tide_sample_swap_places(struct tide_cache *cache, size_t cls, size_t place,
                                         bool in_slow)
{
	struct tide_bin *bin = cache->ready[place];
	struct tide_bin *empty = cache->ready[cls];
	void **full = cache->top[place];
	void **bottom = cache->top[cls];
	/* What fork copies between any two of these stores, or a thread that is cancelled there
	 * leaves, cache.c puts right: if it is known to be in the middle of something. */
	cache->in_slow = true;
	atomic_signal_fence(memory_order_release);
	cache->ready[place] = empty;
	cache->top[place] = bottom;
	tide_order_stores();
	cache->ready[cls] = bin;
	cache->top[cls] = full;
	atomic_signal_fence(memory_order_release);
	cache->in_slow = in_slow;
}

/* The bin of returns becomes the ready bin, which is empty; to be armed. False: it has nothing. */
TIDE_INLINE bool tide_sample_swap_any(struct tide_cache *cache, unsigned cls)
{
	unsigned place = tide_sample_place(cls);
	if (place == cls || *cache->top[place] == NULL)
		return false;
	tide_sample_swap_places(cache, cls, place, cache->in_slow);
	return true;
}

/* The same, false as well when there are so few that a refill is better. */
TIDE_INLINE bool tide_sample_swap(struct tide_cache *cache, unsigned cls)
{
	return *cache->top[tide_sample_place(cls)] != NULL && !tide_sample_is_short(cache, cls) &&
	       tide_sample_swap_any(cache, cls);
}

/* For a ready bin that is empty, of a class that has bins: all of the usual case, in profile mode,
 * without a call. False: it is another case, and nothing has changed but the bins' places. */
TIDE_INLINE bool tide_sample_quick(struct tide_cache *cache, size_t cls, void **block)
{
	const struct tide_bin *bin = cache->ready[cls + TIDE_RETURN_SHIFT];
	if (TIDE_UNLIKELY(bin == NULL) || *cache->top[cls] != NULL)
		return false;
	void **top = cache->top[cls + TIDE_RETURN_SHIFT];
	size_t blocks = (size_t)(top - &bin->slot[TIDE_BIN_BASE - 1]);
	if (blocks == 0 || blocks >= cache->countdown[cls] || tide_sample_may_grow(cache, cls))
		return false;
	cache->countdown[cls] -= (uint32_t)blocks;
	tide_sample_swap_places(cache, cls, cls + TIDE_RETURN_SHIFT, false);
	*block = *top;
	if (TIDE_UNLIKELY(*block == top[-1])) /* freed twice in a row */
		return false;
	cache->top[cls] = top - 1;
	if (TIDE_AUDITED)
		tide_count_owned(&cache->mallocs[cls], 1u);
	return true;
}
/* A ready bin was installed: hold back what is beyond the countdown. */
TIDE_HIDDEN void tide_sample_arm_slow(struct tide_cache *cache, unsigned cls);
TIDE_INLINE void tide_sample_arm(struct tide_cache *cache, unsigned cls)
{
	uint32_t blocks = (uint32_t)tide_cache_blocks_at(cache, cls);
	if (TIDE_LIKELY(cache->countdown[cls] > blocks && cache->countdown[cls] > 1))
		cache->countdown[cls] -= blocks;
	else
		tide_sample_arm_slow(cache, cls);
}

#endif
