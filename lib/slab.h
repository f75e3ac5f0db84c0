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

/* What a block is set among, and what it may not be in as well. */
struct tide_slab_bits {
	_Atomic uint64_t *in;
	const _Atomic uint64_t *other;
	uint64_t other_mask; /* 0: never mind */
};

/* Set the bits of blocks from `slot` on and before `end`, as long as they lie in the slab; the
 * first does. Those that are no blocks, or set already, go back into the bin, which has never more
 * than were read. Returns how many there were, and in `*put` how many were set.
 *
 * The word that is being made stays in a register: blocks freed together lie together, and one
 * would wait for the other's store. */
TIDE_INLINE unsigned tide_slab_put_run(const struct tide_slab *slab, struct tide_slab_bits bits,
                                       struct tide_bin *bin, void **slot, void **end, unsigned *put)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[bin->cls];
	uint64_t reciprocal = shape->reciprocal;
	uint64_t slab_bytes = (uint64_t)shape->pages * TIDE_PAGE_BYTES;
	uintptr_t base = slab->base;
	void **start = slot;
	unsigned odd = 0;
	unsigned at = (unsigned)(((uintptr_t)*slot - base) * reciprocal >> 38);
	uint64_t word = tide_load_relaxed(&bits.in[at]);
	uint64_t other = tide_load_relaxed(&bits.other[at]) & bits.other_mask;
	for (; slot < end; slot++) {
		uint64_t offset = (uintptr_t)*slot - base;
		if (offset >= slab_bytes)
			break;
		uint64_t product = offset * reciprocal;
		unsigned idx = (unsigned)(product >> 32);
		if (idx / 64 != at) {
			tide_store_relaxed(&bits.in[at], word);
			at = idx / 64;
			word = tide_load_relaxed(&bits.in[at]);
			other = tide_load_relaxed(&bits.other[at]) & bits.other_mask;
		}
		uint64_t bit = 1ull << (idx % 64);
		/* An offset inside a block shows in the lower half (classes.h). */
		if (TIDE_UNLIKELY((uint32_t)product >= reciprocal || ((word | other) & bit) != 0)) {
			tide_bin_add(bin, *slot);
			odd++;
			continue;
		}
		word |= bit;
	}
	tide_store_relaxed(&bits.in[at], word);
	*put = (unsigned)(slot - start) - odd;
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
		unsigned lowest = (unsigned)__builtin_ctzll(word);
		if (word ==
		    -1ull << lowest) { /* all from there on: most of what is freed at once */
			uintptr_t block = first + lowest * block_bytes;
			unsigned blocks = 64 - lowest;
			if (blocks > (unsigned)(slot - stop))
				blocks = (unsigned)(slot - stop);
			lowest += blocks;
			for (; blocks > 0; blocks--, block += block_bytes)
				*--slot = (void *)block;
			word = lowest < 64 ? -1ull << lowest : 0;
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
