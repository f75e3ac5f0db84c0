/* Blocks of a slab as bits: bins put in and filled. Whose bits those are, and who may do so, is the
 * caller's: those of the free set, bits[0 .. words), are the token's holder's (slabset.h); those
 * that a thread keeps, bits[words .. 2 * words), that thread's (stash.h).
 */
#ifndef TIDE_SLAB_H
#define TIDE_SLAB_H

#include "bin.h"
#include "pagemap.h"
#include "region.h"

/* The slab that the page of the block belongs to; NULL: to none. */
TIDE_INLINE struct tide_slab *tide_slab_of(const void *block)
{
	struct tide_region *region = tide_pagemap_region((uintptr_t)block);
	if (TIDE_UNLIKELY(region == NULL))
		return NULL;
	unsigned page = (unsigned)((uintptr_t)block >> TIDE_PAGE_SHIFT) % TIDE_REGION_PAGES;
	return tide_load_relaxed(&region->slab[page]);
}

/* Among which of a slab's words of bits blocks are set, and in which they may not be as well. */
struct tide_slab_side {
	uint16_t in, other;
	uint64_t other_mask; /* 0: never mind */
};

/* Set the bit of a block in its word; `product` is its offset times the reciprocal (classes.h),
 * from the first block of the slab or of any word. False: it is set, or this is inside a block. */
TIDE_INLINE bool tide_slab_set(uint64_t *word, uint64_t product, uint64_t reciprocal)
{
	uint64_t bit = 1ull << (product >> 32) % 64;
	if (TIDE_UNLIKELY((uint32_t)product >= reciprocal || (*word & bit) != 0))
		return false;
	*word |= bit;
	return true;
}

/* The same for those of [slot, end), all in the word whose first block is at `first`. Those for
 * which it is false go back into the bin. */
static TIDE_COLD TIDE_UNUSED uint64_t tide_slab_set_each(uint64_t word, uintptr_t first,
                                                         uint64_t reciprocal, struct tide_bin *bin,
                                                         void **slot, void **end)
{
	for (; slot < end; slot++)
		if (!tide_slab_set(&word, ((uintptr_t)*slot - first) * reciprocal, reciprocal))
			tide_bin_add(bin, *slot);
	return word;
}

/* Set the bits of blocks from `slot` on and before `end`, as long as they lie in the slab; the
 * first does. Those that are no blocks, or set already, go back into the bin, which has never more
 * than were read. Returns how many there were, and in `*put` how many were set.
 *
 * Word by word, each in a register: blocks freed together lie together, and one would wait for the
 * other's store. Whether all were blocks, and not set before, is seen when those of a word are
 * through, and only if not, one by one. */
TIDE_INLINE unsigned tide_slab_put_run(struct tide_slab *slab, unsigned cls,
                                       struct tide_slab_side side, struct tide_bin *bin,
                                       void **slot, void **end, unsigned *put)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[cls];
	uint64_t reciprocal = shape->reciprocal;
	uint64_t slab_bytes = (uint64_t)shape->pages * TIDE_PAGE_BYTES;
	uint64_t word_bytes = 64u * (uint64_t)shape->block_bytes;
	uintptr_t base = slab->base;
	void **start = slot;
	unsigned kept = bin->count;
	uint64_t offset;
	while (slot < end && (offset = (uintptr_t)*slot - base) < slab_bytes) {
		uint64_t at = offset * reciprocal >> 38;
		_Atomic uint64_t *bits = &slab->bits[at];
		uint64_t word = tide_load_relaxed(bits + side.in);
		uint64_t before = word | (tide_load_relaxed(bits + side.other) & side.other_mask);
		uint64_t busy = before;
		/* Whether the next may be of this word: of blocks far from each other none is. */
		if (slot + 1 >= end ||
		    (uintptr_t)slot[1] - (uintptr_t)*slot + word_bytes >= 2 * word_bytes) {
			if (!tide_slab_set(&busy, offset * reciprocal, reciprocal))
				tide_bin_add(bin, *slot);
			tide_store_relaxed(bits + side.in, word | (busy ^ before));
			slot++;
			continue;
		}
		uintptr_t first = base + at * word_bytes;
		uint64_t left_bytes = slab_bytes - at * word_bytes;
		uint64_t bytes = left_bytes < word_bytes ? left_bytes : word_bytes;
		uint64_t products = 0;
		void **from = slot;
		for (; slot < end && (offset = (uintptr_t)*slot - first) < bytes; slot++) {
			uint64_t product = offset * reciprocal;
			products |= product;
			busy |= 1ull << (product >> 32);
		}
		if (TIDE_UNLIKELY((uint32_t)products >= reciprocal ||
		                  tide_bits_set(busy ^ before) != (unsigned)(slot - from)))
			busy = tide_slab_set_each(before, first, reciprocal, bin, from, slot);
		tide_store_relaxed(bits + side.in, word | (busy ^ before));
	}
	*put = (unsigned)(slot - start) - (bin->count - kept);
	return (unsigned)(slot - start);
}

/* Blocks whose bits are set, the lowest first, into the slots [stop, end), from the end downwards.
 * Returns the last slot that was filled. */
TIDE_INLINE void **tide_slab_take_run(const struct tide_slab *slab, _Atomic uint64_t *bits,
                                      void **stop, void **end)
{
	uintptr_t block_bytes = tide_slab_shape[slab->cls].block_bytes;
	unsigned words = tide_slab_words(slab->cls);
	void **slot = end;
	for (unsigned i = 0; i < words && slot > stop; i++) {
		uint64_t word = tide_load_relaxed(&bits[i]);
		if (word == 0)
			continue;
		uintptr_t first = slab->base + i * 64u * block_bytes;
		uint64_t carried = word + (word & -word);
		/* Side by side, as most of what is freed at once. */
		if ((carried & (carried - 1)) == 0) {
			unsigned lowest = (unsigned)__builtin_ctzll(word);
			unsigned behind = carried != 0 ? (unsigned)__builtin_ctzll(carried) : 64;
			if (behind - lowest > (unsigned)(slot - stop))
				behind = lowest + (unsigned)(slot - stop);
			uintptr_t block = first + lowest * block_bytes;
#pragma GCC unroll 4
			for (unsigned blocks = behind - lowest; blocks > 0; blocks--) {
				*--slot = (void *)block;
				block += block_bytes;
			}
			word = behind < 64 ? word & (-1ull << behind) : 0;
		}
		for (; word != 0 && slot > stop; word &= word - 1)
			*--slot = (void *)(first + (uintptr_t)__builtin_ctzll(word) * block_bytes);
		tide_store_relaxed(&bits[i], word);
	}
	return slot;
}

/* Whether a thread keeps the block, or the free set has it: for one in the caller's hands, it was
 * freed twice. Not in checked mode. */
TIDE_INLINE bool tide_slab_is_free(const void *block, unsigned cls)
{
	struct tide_slab *slab = tide_slab_of(block);
	if (slab == NULL || slab->cls != cls)
		return false;
	uint64_t product = ((uintptr_t)block - slab->base) * tide_slab_shape[cls].reciprocal;
	unsigned idx = (unsigned)(product >> 32);
	uint64_t word = tide_load_relaxed(&slab->bits[idx / 64]) |
	                tide_load_relaxed(&tide_slab_own_bits(slab)[idx / 64]);
	return (uint32_t)product < tide_slab_shape[cls].reciprocal && (word >> (idx % 64) & 1) != 0;
}

#endif
