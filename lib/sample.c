#include "sample.h"

#include "check.h"
#include "heap.h"

#include <string.h>
#include <sys/auxv.h>

/* writers  who starts the process   readers  every thread   order  relaxed: as options, before the
 * first block   edges  none */
static _Atomic uint64_t mean_bytes;
static _Atomic uint64_t first_seed;
/* writers every thread, by fetch-add  readers the same  order relaxed: tickets  edges none */
static _Atomic uint64_t seeds;

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t next(uint64_t *random)
{
	return mix(*random += 0x9e3779b97f4a7c15u);
}

void tide_sample_start(uint64_t bytes, uint64_t seed)
{
	const void *gift = (const void *)getauxval(AT_RANDOM);
	if (seed == 0 && gift != NULL)
		memcpy(&seed, gift, sizeof seed);
	tide_store_relaxed(&mean_bytes, bytes);
	tide_store_relaxed(&first_seed, mix(seed));
	tide_store_relaxed(&tide_pagemap_shift, (uint8_t)TIDE_RETURN_SHIFT);
}

uint64_t tide_sample_mean_bytes(void)
{
	return tide_load_relaxed(&mean_bytes);
}

/* log2(x) in 1/2^32, rounded down: the integer part, then by squaring bit by bit. x is not 0. */
static uint64_t log2_of(uint64_t x)
{
	unsigned shift = (unsigned)__builtin_clzll(x);
	uint64_t result = 63u - shift;
	x <<= shift; /* 1 <= x / 2^63 < 2 */
	for (unsigned bit = 0; bit < 32; bit++) {
		unsigned __int128 square = (unsigned __int128)x * x >> 63;
		unsigned carry = (unsigned)(square >> 64);
		x = (uint64_t)(square >> carry);
		result = result << 1 | carry;
	}
	return result;
}

#define LN_2 2977044472u /* in 1/2^32 */

uint64_t tide_sample_exponential(uint64_t *random, uint64_t mean)
{
	uint64_t u = next(random);
	uint64_t bits = (64ull << 32) - log2_of(u != 0 ? u : 1);
	return (uint64_t)((unsigned __int128)mean * bits * LN_2 >> 64);
}

static uint64_t draw(struct tide_cache *cache)
{
	if (cache->sample_random == 0)
		cache->sample_random =
		    tide_load_relaxed(&first_seed) + mix(tide_add_relaxed(&seeds, (uint64_t)1) + 1);
	return tide_sample_exponential(&cache->sample_random, tide_sample_mean_bytes());
}

/* With the mean at 1 GiB, its highest, and 45 times that drawn, it fits. */
void tide_sample_redraw(struct tide_cache *cache, unsigned cls)
{
	cache->countdown[cls] = (uint32_t)(draw(cache) / tide_class_bytes(cls)) + 1;
}

bool tide_sample_is_due(struct tide_cache *cache, unsigned cls)
{
	if (TIDE_UNLIKELY(cache->countdown[cls] == 0))
		tide_sample_redraw(cache, cls);
	return cache->countdown[cls] == 1;
}

void tide_sample_count(struct tide_cache *cache, unsigned cls)
{
	cache->countdown[cls]--;
}

bool tide_sample_bytes_are_due(struct tide_cache *cache, size_t bytes)
{
	if (TIDE_UNLIKELY(cache->countdown_bytes == 0))
		cache->countdown_bytes = draw(cache) + 1;
	if (cache->countdown_bytes - 1 >= bytes) {
		cache->countdown_bytes -= bytes;
		return false;
	}
	cache->countdown_bytes = draw(cache) + 1;
	return true;
}

/* More than the countdown says lies in the ready bin: into one that holds just so much, and the
 * rest to the returns, where there is none. */
static TIDE_COLD void split(struct tide_cache *cache, unsigned cls, unsigned wanted)
{
	struct tide_bin *some = tide_bin_new(cls, TIDE_BIN_SLOTS);
	unsigned place = tide_pagemap_place(cls);
	if (some ==
	    NULL) { /* then all goes uncounted: a bin's worth, of a process without memory */
		cache->countdown[cls] = 1;
		return;
	}
	bool in_slow = cache->in_slow; /* as for the swap */
	cache->in_slow = true;
	atomic_signal_fence(memory_order_release);
	struct tide_bin *rest = tide_cache_remove_ready(cache, cls);
	struct tide_bin *empty = tide_cache_remove_ready(cache, place);
	for (unsigned i = 0; i < wanted; i++) {
		void *block = tide_bin_take(rest);
		tide_order_stores(); /* see bin.h */
		tide_bin_add(some, block);
	}
	TIDE_ASSERT(empty == NULL || empty->count == 0);
	if (empty != NULL)
		tide_bin_recycle(empty);
	tide_cache_install_at(cache, place, rest);
	tide_cache_install(cache, some);
	atomic_signal_fence(memory_order_release);
	cache->in_slow = in_slow;
	cache->countdown[cls] = 1;
}

void tide_sample_arm_slow(struct tide_cache *cache, unsigned cls)
{
	unsigned blocks = (unsigned)tide_cache_blocks_at(cache, cls);
	if (cache->countdown[cls] == 0)
		tide_sample_redraw(cache, cls);
	/* For a call that is not to be a sample: it was not asked, and needs a block in the bin. */
	if (cache->countdown[cls] == 1)
		cache->countdown[cls] = 2;
	if (blocks < cache->countdown[cls])
		cache->countdown[cls] -= blocks;
	else
		split(cache, cls, cache->countdown[cls] - 1);
}
