/* Slabs of object caches: which objects are raw. */
#include "object.h"

#include "heap.h"
#include "meta.h"
#include "pagemap.h"
#include "yield.h"

#include <tide/heap.h>

static struct tide_object_group *group_at(const struct tide_object_cache *cache, unsigned number)
{
	return tide_load_acquire(&cache->group[number]); /* object.group */
}

static void bit_set(_Atomic uint64_t *words, unsigned bit)
{
	(void)tide_or_acq_rel(&words[bit / 64], 1ull << (bit % 64));
}

/* Returns what the word was. */
static uint64_t bit_clear(_Atomic uint64_t *words, unsigned bit)
{
	return tide_and_acq_rel(&words[bit / 64], ~(1ull << (bit % 64)));
}

/* The slab has free objects from now on. */
static void advertise(struct tide_object_slab *slab)
{
	unsigned number = slab->index / TIDE_OBJECT_GROUP_SLABS;
	struct tide_object_group *group = group_at(slab->cache, number);
	TIDE_YIELD("object.advertise");
	bit_set(&group->some, slab->index % TIDE_OBJECT_GROUP_SLABS);
	TIDE_YIELD("object.advertised");
	bit_set(slab->cache->some, number);
}

static bool has_free(struct tide_object_slab *slab)
{
	uint32_t free = tide_load_acquire(&slab->free);
	return free != 0 && free != TIDE_OBJECT_RETIRED;
}

/* The slab was found without free objects. */
static void withdraw(struct tide_object_slab *slab)
{
	unsigned number = slab->index / TIDE_OBJECT_GROUP_SLABS;
	struct tide_object_group *group = group_at(slab->cache, number);
	unsigned bit = slab->index % TIDE_OBJECT_GROUP_SLABS;
	TIDE_YIELD("object.withdraw");
	uint64_t others = bit_clear(&group->some, bit) & ~(1ull << bit);
	if (has_free(slab)) {
		advertise(slab);
		return;
	}
	if (others != 0)
		return;
	TIDE_YIELD("object.withdraw_group");
	(void)bit_clear(slab->cache->some, number);
	if (tide_load_acquire(&group->some) != 0)
		bit_set(slab->cache->some, number);
}

/* A right to up to `want` objects of the slab; returns how many. */
static unsigned reserve(struct tide_object_slab *slab, unsigned want)
{
	uint32_t free = tide_load_acquire(&slab->free);
	uint32_t got;
	do {
		if (free == 0 || free == TIDE_OBJECT_RETIRED)
			return 0;
		got = free < want ? free : want;
		TIDE_YIELD("object.reserve");
	} while (!tide_cas_acq_rel(&slab->free, &free, free - got)); /* object.free */
	return got;
}

/* The raw objects that `rights` stand for. A bit that somebody else claims before us has another
 * one in its place, perhaps where we looked already. */
static void claim(struct tide_object_slab *slab, void **objects, unsigned rights)
{
	uintptr_t base = tide_load_relaxed(&slab->base);
	uint32_t stride = slab->cache->stride;
	for (unsigned i = 0; rights > 0; i = (i + 1) % TIDE_OBJECT_WORDS) {
		uint64_t word = tide_load_relaxed(&slab->raw[i]);
		for (; word != 0 && rights > 0; word &= word - 1) {
			unsigned idx = i * 64 + (unsigned)__builtin_ctzll(word);
			TIDE_YIELD("object.claim");
			if (!(bit_clear(slab->raw, idx) & (word & -word))) /* object.raw */
				continue;
			*objects++ = (void *)(base + (uintptr_t)idx * stride);
			rights--;
		}
	}
}

static unsigned take_from_slabs(struct tide_object_cache *cache, void **objects, unsigned want)
{
	unsigned taken = 0;
	for (unsigned w = 0; w < TIDE_OBJECT_GROUPS / 64; w++) {
		uint64_t groups;
		while (taken < want && (groups = tide_load_acquire(&cache->some[w])) != 0) {
			unsigned number = w * 64 + (unsigned)__builtin_ctzll(groups);
			struct tide_object_group *group = group_at(cache, number);
			uint64_t slabs = tide_load_acquire(&group->some);
			if (slabs == 0) {
				(void)bit_clear(cache->some, number);
				if (tide_load_acquire(&group->some) != 0)
					bit_set(cache->some, number);
				continue;
			}
			struct tide_object_slab *slab = &group->slab[__builtin_ctzll(slabs)];
			unsigned got = reserve(slab, want - taken);
			if (got == 0)
				withdraw(slab);
			claim(slab, objects + taken, got);
			taken += got;
		}
	}
	return taken;
}

/* The group of that number, made if need be; NULL: no memory. */
static struct tide_object_group *group_make(struct tide_object_cache *cache, unsigned number)
{
	struct tide_object_group *group = group_at(cache, number);
	if (group != NULL)
		return group;
	struct tide_object_group *fresh = tide_meta_alloc(sizeof *fresh);
	if (fresh == NULL)
		return NULL;
	for (unsigned i = 0; i < TIDE_OBJECT_GROUP_SLABS; i++) {
		fresh->slab[i].cache = cache;
		fresh->slab[i].index = number * TIDE_OBJECT_GROUP_SLABS + i;
	}
	TIDE_YIELD("object.group");
	/* Who loses this race wastes a few pages that were never touched but for their headers. */
	if (tide_cas_acq_rel(&cache->group[number], &group, fresh)) /* object.group */
		return fresh;
	return group;
}

static struct tide_object_slab *descriptor_take(struct tide_object_cache *cache)
{
	struct tide_object_slab *slab = (struct tide_object_slab *)tide_stack_pop(&cache->spare);
	if (slab != NULL)
		return slab;
	uint32_t index = tide_load_relaxed(&cache->slabs_used);
	struct tide_object_group *group;
	do {
		if (index >= TIDE_OBJECT_SLABS_MAX)
			return NULL;
		group = group_make(cache, index / TIDE_OBJECT_GROUP_SLABS);
		if (group == NULL)
			return NULL;
		TIDE_YIELD("object.index");
	} while (!tide_cas_release(&cache->slabs_used, &index, index + 1));
	return &group->slab[index % TIDE_OBJECT_GROUP_SLABS];
}

/* What the region says of the slab's pages. */
static void pages_set(const struct tide_object_slab *slab, struct tide_object_slab *value)
{
	uintptr_t base = tide_load_relaxed(&slab->base);
	struct tide_region *region = tide_pagemap_region(base);
	unsigned page = (unsigned)(base >> TIDE_PAGE_SHIFT) % TIDE_REGION_PAGES;
	for (unsigned i = 0; i < slab->cache->slab_bytes / TIDE_PAGE_BYTES; i++)
		tide_store_relaxed(&region->objects[page + i], value);
}

/* A new slab, of which the first `want` objects are the caller's. */
static unsigned take_from_new_slab(struct tide_object_cache *cache, void **objects, unsigned want)
{
	struct tide_object_slab *slab = descriptor_take(cache);
	if (slab == NULL)
		return 0;
	void *block = cache->heap != NULL
	                  ? tide_heap_aligned_alloc(cache->heap, TIDE_PAGE_BYTES, cache->slab_bytes)
	                  : tide_aligned_alloc(TIDE_PAGE_BYTES, cache->slab_bytes);
	if (block == NULL) {
		tide_stack_push(&cache->spare, &slab->node);
		return 0;
	}
	uintptr_t base = (uintptr_t)block;
	if (want > cache->objects)
		want = cache->objects;
	tide_store_relaxed(&slab->base, base);
	/* To free and realloc the block is not one, so that they report an object they
	 * are given. */
	slab->page_class = tide_pagemap_class(base);
	tide_pagemap_set(base, 1, TIDE_CLASS_INSIDE);
	pages_set(slab, slab);
	for (unsigned idx = 0; idx < cache->objects; idx++) {
		if (idx < want)
			objects[idx] = (void *)(base + (uintptr_t)idx * cache->stride);
		else
			bit_set(slab->raw, idx);
	}
	(void)tide_add_relaxed(&cache->count.made, (uint64_t)1);
	TIDE_YIELD("object.made");
	tide_store_release(&slab->free, cache->objects - want); /* object.free */
	if (want < cache->objects)
		advertise(slab);
	return want;
}

unsigned tide_object_take_raw(struct tide_object_cache *cache, void **objects, unsigned want)
{
	unsigned taken = take_from_slabs(cache, objects, want);
	return taken > 0 ? taken : take_from_new_slab(cache, objects, want);
}

bool tide_object_find(const struct tide_object_cache *cache, const void *object,
                      struct tide_object_slab **slab, unsigned *idx)
{
	uintptr_t address = (uintptr_t)object;
	if (tide_pagemap_class(address) != TIDE_CLASS_INSIDE)
		return false;
	struct tide_region *region = tide_pagemap_region(address);
	unsigned page = (unsigned)(address >> TIDE_PAGE_SHIFT) % TIDE_REGION_PAGES;
	*slab = region != NULL ? tide_load_relaxed(&region->objects[page]) : NULL;
	if (*slab == NULL || (*slab)->cache != cache)
		return false;
	uintptr_t offset = address - tide_load_relaxed(&(*slab)->base);
	*idx = (unsigned)(offset / cache->stride);
	return offset % cache->stride == 0 && *idx < cache->objects;
}

/* The slab is the caller's, and nobody will have an object of it. */
static void retire(struct tide_object_slab *slab)
{
	struct tide_object_cache *cache = slab->cache;
	uintptr_t base = tide_load_relaxed(&slab->base);
	for (unsigned i = 0; i < TIDE_OBJECT_WORDS; i++)
		tide_store_relaxed(&slab->raw[i], 0);
	pages_set(slab, NULL);
	tide_pagemap_set(base, 1, slab->page_class);
	(void)tide_add_relaxed(&cache->count.returned, (uint64_t)1);
	TIDE_YIELD("object.retired");
	tide_stack_push(&cache->spare, &slab->node);
	tide_free((void *)base);
}

void tide_object_put_raw(struct tide_object_slab *slab, unsigned idx)
{
	struct tide_object_cache *cache = slab->cache;
	bit_set(slab->raw, idx); /* object.raw */
	TIDE_YIELD("object.put");
	uint32_t before =
	    atomic_fetch_add_explicit(&slab->free, 1u, memory_order_acq_rel); /* object.free */
	if (before == 0)
		advertise(slab);
	uint32_t whole = cache->objects;
	TIDE_YIELD("object.retire");
	if (before + 1 == whole &&
	    tide_cas_acq_rel(&slab->free, &whole, TIDE_OBJECT_RETIRED)) /* object.free */
		retire(slab);
}

uint64_t tide_object_drop_slabs(struct tide_object_cache *cache)
{
	uint64_t out = 0;
	uint32_t used = tide_load_relaxed(&cache->slabs_used);
	for (uint32_t index = 0; index < used; index++) {
		struct tide_object_group *group = group_at(cache, index / TIDE_OBJECT_GROUP_SLABS);
		struct tide_object_slab *slab = &group->slab[index % TIDE_OBJECT_GROUP_SLABS];
		uint32_t free = tide_load_acquire(&slab->free);
		/* A slab that was never made, or that is spare, has no base in the page map. */
		if (free == TIDE_OBJECT_RETIRED || tide_load_relaxed(&slab->base) == 0)
			continue;
		out += cache->objects - free;
		for (unsigned i = 0; i < TIDE_OBJECT_WORDS; i++)
			tide_store_relaxed(&slab->live[i], 0);
		tide_store_release(&slab->free, TIDE_OBJECT_RETIRED);
		retire(slab);
	}
	return out;
}

bool tide_object_slabs_are_valid(struct tide_object_cache *cache, uint64_t *raw)
{
	uint64_t slabs = 0;
	uint32_t used = tide_load_relaxed(&cache->slabs_used);
	*raw = 0;
	for (uint32_t index = 0; index < used; index++) {
		struct tide_object_group *group = group_at(cache, index / TIDE_OBJECT_GROUP_SLABS);
		struct tide_object_slab *slab = &group->slab[index % TIDE_OBJECT_GROUP_SLABS];
		uint32_t free = tide_load_acquire(&slab->free);
		unsigned bits = 0;
		for (unsigned i = 0; i < TIDE_OBJECT_WORDS; i++)
			bits += tide_bits_set(tide_load_relaxed(&slab->raw[i]));
		if (free == TIDE_OBJECT_RETIRED || tide_load_relaxed(&slab->base) == 0) {
			if (bits != 0)
				return false;
			continue;
		}
		bool told =
		    tide_load_relaxed(&group->some) >> (index % TIDE_OBJECT_GROUP_SLABS) & 1;
		if (bits != free || free >= cache->objects || (free > 0 && !told))
			return false;
		*raw += free;
		slabs++;
	}
	return slabs ==
	       tide_load_relaxed(&cache->count.made) - tide_load_relaxed(&cache->count.returned);
}
