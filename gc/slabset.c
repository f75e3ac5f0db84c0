#include "slabset.h"

#include "check.h"
#include "doorbell.h"
#include "freeset.h"
#include "frontier.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "slab.h"
#include "stash.h"

#include <string.h>

static void list_partial(struct tide_slab *slab)
{
	struct tide_region *region = slab->region;
	struct gc *gc = &region->heap->gc;
	unsigned page = slab->page;
	uint32_t group = region->index / 64;
	region->slab_partial[slab->cls][page / 64] |= 1ull << (page % 64);
	tide_region_group_of(&region->heap->regions, region->index)->slab[slab->cls] |=
	    1ull << (region->index % 64);
	if (group < gc->slab_first[slab->cls])
		gc->slab_first[slab->cls] = group;
}

static void unlist_partial(struct tide_slab *slab)
{
	struct tide_region *region = slab->region;
	unsigned page = slab->page;
	uint64_t *words = region->slab_partial[slab->cls];
	words[page / 64] &= ~(1ull << (page % 64));
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
		if (words[i] != 0)
			return;
	}
	tide_region_group_of(&region->heap->regions, region->index)->slab[slab->cls] &=
	    ~(1ull << (region->index % 64));
}

static void slab_free_to_chunk(struct tide_slab *slab)
{
	struct tide_region *region = slab->region;
	struct gc *gc = &region->heap->gc;
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	unsigned page = slab->page;
	tide_count_owned(&gc->free_blocks[slab->cls], -(uint64_t)shape->blocks);
	tide_count_owned(&gc->made_blocks[slab->cls], -(uint64_t)shape->blocks);
	uint64_t bytes = (uint64_t)shape->blocks * shape->block_bytes;
	tide_count_owned(&gc->count.made_bytes, -bytes);
	/* Counted as dirty pages from here on. */
	int64_t fresh_bytes = (int64_t)(shape->blocks - slab->swept_blocks) * shape->block_bytes;
	gc->slab_fresh_bytes -= fresh_bytes;
	if (gc->sweep_region != 0)
		gc->sweep_fresh_bytes -= fresh_bytes;
	unlist_partial(slab);

	/* Not "dirty": which pages hold memory was noted block by block. */
	tide_slab_unmake(slab);
	tide_gc_chunk_free(region, page * TIDE_PAGE_GRANULES, shape->pages * TIDE_PAGE_GRANULES,
	                   false);
}

/* All blocks of the slab were out. take_from has noted so for the pages of those that were here
 * before; those that a thread carved come for the first time. Not each time a block is put: that
 * was a fifth of the work of putting it. */
static void pages_were_used(struct tide_slab *slab)
{
	uint64_t *clean = slab->region->page_clean;
	unsigned end = slab->page + tide_slab_shape[slab->cls].pages;
	for (unsigned page = slab->page; page < end; page++)
		clean[page / 64] &= ~(1ull << (page % 64));
}

/* What a thread keeps was freed before; in checked mode, those bits say something else. */
static struct tide_slab_side free_side(unsigned cls)
{
	uint64_t mask = tide_option(TIDE_OPTION_CHECK) != 0 ? 0 : UINT64_MAX;
	return (struct tide_slab_side){ 0, (uint16_t)tide_slab_words(cls), mask };
}

/* False: the block was free already. */
TIDE_INLINE bool set_free(struct tide_slab *slab, unsigned idx)
{
	struct tide_slab_side side = free_side(slab->cls);
	_Atomic uint64_t *bits = &slab->bits[idx / 64];
	uint64_t word = tide_load_relaxed(bits + side.in);
	uint64_t other = tide_load_relaxed(bits + side.other) & side.other_mask;
	uint64_t bit = 1ull << (idx % 64);
	if (TIDE_UNLIKELY(((word | other) & bit) != 0))
		return false;
	tide_store_relaxed(bits + side.in, word | bit);
	return true;
}

/* Count so many blocks more as free, at least one, whose bits are set. True: the whole slab is. */
TIDE_INLINE bool add_free(struct tide_slab *slab, unsigned blocks)
{
	if (TIDE_UNLIKELY(slab->free_blocks == 0)) {
		list_partial(slab);
		pages_were_used(slab);
	}
	slab->free_blocks = (uint16_t)(slab->free_blocks + blocks);
	return slab->free_blocks == tide_slab_shape[slab->cls].blocks;
}

static void count_put(struct gc *gc, unsigned cls, unsigned blocks)
{
	tide_count_owned(&gc->free_blocks[cls], (uint64_t)blocks);
	gc->slab_fresh_bytes += (int64_t)blocks * tide_slab_shape[cls].block_bytes;
	gc->unsettled = true;
}

bool tide_gc_slab_put(struct tide_slab *slab, unsigned idx)
{
	if (!set_free(slab, idx))
		return false;
	count_put(&slab->region->heap->gc, slab->cls, 1);
	if (add_free(slab, 1))
		slab_free_to_chunk(slab);
	return true;
}

/* Of blocks far from each other, descriptors are asked for so many slabs ahead: each lies three
 * dependent loads away. */
#define SLABS_AHEAD 8

void tide_gc_slab_put_bin(struct tide_heap *heap, struct tide_bin *bin)
{
	unsigned cls = bin->cls;
	struct tide_slab_side side = free_side(cls);
	void **slot = &bin->slot[TIDE_BIN_BASE];
	void **end = slot + bin->count;
	unsigned blocks = 0;
	bin->count = 0;
	while (slot < end) {
		struct tide_slab *slab = tide_slab_of(*slot);
		if (slot + SLABS_AHEAD < end)
			__builtin_prefetch(tide_slab_of(slot[SLABS_AHEAD]));
		if (TIDE_UNLIKELY(slab == NULL || slab->cls != cls)) {
			tide_bin_add(bin, *slot++);
			continue;
		}
		tide_gc_region_list(slab->region);
		unsigned put;
		slot += tide_slab_put_run(slab, cls, side, bin, slot, end, &put);
		blocks += put;
		if (TIDE_LIKELY(put == 0 || !add_free(slab, put)))
			continue;
		/* Counted before it goes. */
		count_put(&heap->gc, cls, blocks);
		blocks = 0;
		slab_free_to_chunk(slab);
	}
	count_put(&heap->gc, cls, blocks);
}

void tide_gc_slab_take_over(struct tide_slab *slab)
{
	_Atomic uint64_t *own = tide_slab_own_bits(slab);
	unsigned blocks = slab->own_free;
	for (unsigned i = 0; i < tide_slab_words(slab->cls); i++) {
		uint64_t word = tide_load_relaxed(&slab->bits[i]) | tide_load_relaxed(&own[i]);
		tide_store_relaxed(&slab->bits[i], word);
		tide_store_relaxed(&own[i], 0);
	}
	tide_stash_let_go(slab);
	tide_gc_region_list(slab->region);
	count_put(&slab->region->heap->gc, slab->cls, blocks);
	if (add_free(slab, blocks))
		slab_free_to_chunk(slab);
}

/* How many slabs are looked at for some of the own lane, for one bin. */
#define LANE_LOOKS 8

/* The first slab with free blocks, or one of the own lane that comes soon after. */
static struct tide_slab *oldest_in(struct tide_region *region, unsigned cls, unsigned *looks)
{
	const uint64_t *words = region->slab_partial[cls];
	struct tide_slab *first = NULL;
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
		for (uint64_t word = words[i]; word != 0; word &= word - 1) {
			unsigned page = i * 64 + (unsigned)__builtin_ctzll(word);
			struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
			first = first != NULL ? first : slab;
			if (slab->lane == tide_lane)
				return slab;
			if (*looks <= 1)
				return first;
			--*looks;
		}
	}
	return first;
}

/* One with free blocks, of the oldest in address order: the first that is of the lane which blocks
 * are wanted for, so that lanes share few cache lines, else the first. `*looks`: more than that are
 * not looked at, but for the first. */
static struct tide_slab *oldest(struct tide_heap *heap, unsigned cls, unsigned *looks)
{
	struct gc *gc = &heap->gc;
	struct tide_slab *first = NULL;
	for (uint32_t group = gc->slab_first[cls]; gc->regions > group * 64 && first == NULL;
	     group++) {
		struct tide_region_group *own = tide_region_group_of(&heap->regions, group * 64);
		uint64_t listed = own->slab[cls];
		if (listed == 0)
			continue;
		gc->slab_first[cls] = group;
		for (; listed != 0; listed &= listed - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(listed);
			struct tide_region *region =
			    tide_load_acquire(&own->region[bit]); /* region.table */
			struct tide_slab *slab = oldest_in(region, cls, looks);
			if (slab != NULL && (slab->lane == tide_lane || first == NULL))
				first = slab;
			if (first != NULL && (*looks <= 1 || first->lane == tide_lane))
				return first;
		}
	}
	return first;
}

/* A class that has had this much is worth faulting in a whole slab for. */
#define DEMAND_BYTES (1u << 20)

/* The slab's memory was given back before: a class in demand gets all of it in one call. Where
 * there is a GC thread nobody else does so: who waits for a block is not to wait for 16 pages
 * (frontier.c). */
static void slab_prefault(struct tide_slab *slab)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	struct tide_region *region = slab->region;
	struct tide_heap *heap = region->heap;
	if (tide_doorbell_served() && !tide_cache_is_of_gc)
		return;
	uint64_t had = tide_heap_blocks_racy(heap, slab->cls);
	unsigned clean = 0;
	for (unsigned i = slab->page; i < slab->page + (unsigned)shape->pages; i++)
		clean += (unsigned)(region->page_clean[i / 64] >> (i % 64) & 1);
	if (clean == 0 || had * shape->block_bytes < DEMAND_BYTES ||
	    tide_option(TIDE_OPTION_PREFAULT_BYTES) == 0)
		return;
	tide_gc_need(heap, (uint64_t)clean * TIDE_PAGE_BYTES);
	tide_os_populate((void *)slab->base, (size_t)shape->pages * TIDE_PAGE_BYTES);
	for (unsigned i = slab->page; i < slab->page + (unsigned)shape->pages; i++)
		region->page_clean[i / 64] &= ~(1ull << (i % 64));
}

/* Blocks of this slab, the lowest first, into the slots [stop, end), from the end downwards; at
 * least one. Returns the last slot that was filled. */
static void **take_from(struct tide_slab *slab, void **stop, void **end)
{
	void **slot = tide_slab_take_run(slab, slab->bits, stop, end);
	slab->lane = tide_lane;
	slab->free_blocks = (uint16_t)(slab->free_blocks - (end - slot));
	if (slab->swept_blocks > slab->free_blocks)
		slab->swept_blocks = slab->free_blocks;
	if (slab->free_blocks == 0)
		unlist_partial(slab);

	/* Whatever lies between the first and the last is in use again, or may be. */
	TIDE_ASSERT(slot < end); /* who is on the list has one */
	struct tide_region *region = slab->region;
	uintptr_t base = tide_load_relaxed(&region->base);
	unsigned page = (unsigned)(((uintptr_t)end[-1] - base) >> TIDE_PAGE_SHIFT);
	uintptr_t last = (uintptr_t)*slot - base + tide_slab_shape[slab->cls].block_bytes - 1;
	if (region->page_clean[page / 64] >> (page % 64) & 1)
		slab_prefault(slab);
	unsigned clean = 0;
	for (; page <= last >> TIDE_PAGE_SHIFT; page++) {
		clean += (unsigned)(region->page_clean[page / 64] >> (page % 64) & 1);
		region->page_clean[page / 64] &= ~(1ull << (page % 64));
		region->page_aged[page / 64] &= ~(1ull << (page % 64));
	}
	if (clean > 0)
		tide_gc_need(region->heap, (uint64_t)clean * TIDE_PAGE_BYTES);
	return slot;
}

TIDE_USUAL unsigned tide_gc_slab_take(struct tide_heap *heap, struct tide_bin *bin, unsigned want)
{
	struct gc *gc = &heap->gc;
	TIDE_ASSERT(bin->count <= bin->mark);
	unsigned room = (unsigned)bin->mark - bin->count;
	void **bottom = &bin->slot[TIDE_BIN_BASE + bin->count];
	void **slot = bottom + (want < room ? want : room);
	void **end = slot;
	bool by_lane = tide_lanes_used_racy() > 1 && !tide_load_relaxed(&heap->budget.counts_held);
	unsigned looks = by_lane ? LANE_LOOKS : 1;
	while (slot > bottom) {
		struct tide_slab *slab = tide_load_relaxed(&gc->free_blocks[bin->cls]) > 0
		                             ? oldest(heap, bin->cls, &looks)
		                             : NULL;
		if (slab == NULL)
			break;
		void **first = take_from(slab, bottom, slot);
		uint64_t got = (uint64_t)(slot - first);
		tide_count_owned(&gc->free_blocks[bin->cls], -got);
		gc->slab_fresh_bytes -= (int64_t)got * tide_slab_shape[bin->cls].block_bytes;
		slot = first;
	}
	unsigned taken = (unsigned)(end - slot);
	if (slot > bottom)
		memmove(bottom, slot, taken * sizeof *slot);
	tide_order_stores(); /* as tide_bin_add does */
	bin->count = (uint8_t)(bin->count + taken);
	return taken;
}

bool tide_gc_slab_carve(struct tide_heap *heap, unsigned cls)
{
	struct gc *gc = &heap->gc;
	const struct tide_slab_shape *shape = &tide_slab_shape[cls];
	unsigned granules = shape->pages * TIDE_PAGE_GRANULES;
	struct tide_region *region;
	unsigned first;
	if (!tide_gc_chunk_take(heap, granules, TIDE_PAGE_GRANULES, &region, &first))
		return false;
	struct tide_slab *slab = tide_slab_make(region, first, cls);
	if (slab == NULL) {
		tide_gc_chunk_free(region, first, granules, true);
		return false;
	}
	for (unsigned i = 0; i < shape->blocks / 64; i++)
		tide_store_relaxed(&slab->bits[i], UINT64_MAX);
	if (shape->blocks % 64 != 0)
		tide_store_relaxed(&slab->bits[shape->blocks / 64],
		                   (1ull << (shape->blocks % 64)) - 1);
	slab->free_blocks = shape->blocks;
	tide_count_owned(&gc->free_blocks[cls], (uint64_t)shape->blocks);
	tide_count_owned(&gc->made_blocks[cls], (uint64_t)shape->blocks);
	uint64_t bytes = (uint64_t)shape->blocks * shape->block_bytes;
	tide_count_owned(&gc->count.made_bytes, bytes);
	gc->slab_fresh_bytes += (int64_t)bytes; /* and no dirty pages any more */
	list_partial(slab);
	slab_prefault(slab);
	return true;
}

/* Whether bits [from, to) are all set. */
static bool all_free(const struct tide_slab *slab, unsigned from, unsigned to)
{
	for (unsigned i = from / 64; i * 64 < to; i++) {
		uint64_t want = UINT64_MAX;
		if (i == from / 64)
			want <<= from % 64;
		if (to - i * 64 < 64)
			want &= (1ull << (to % 64)) - 1;
		if ((tide_load_relaxed(&slab->bits[i]) & want) != want)
			return false;
	}
	return true;
}

/* Pages of one slab in which every block is free. */
static void free_pages_of(const struct tide_slab *slab, uint64_t *pages)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	if ((unsigned)slab->free_blocks * shape->block_bytes < TIDE_PAGE_BYTES)
		return;
	for (unsigned i = 0; i < shape->pages; i++) {
		unsigned start = i << TIDE_PAGE_SHIFT;
		unsigned end = start + TIDE_PAGE_BYTES - 1;
		unsigned from = (unsigned)(((uint64_t)start * shape->reciprocal) >> 32);
		unsigned last = (unsigned)(((uint64_t)end * shape->reciprocal) >> 32);
		unsigned page = slab->page + i;
		if (all_free(slab, from, last + 1))
			pages[page / 64] |= 1ull << (page % 64);
	}
}

void tide_gc_slab_sweep(struct tide_region *region, uint64_t *pages)
{
	const struct tide_region_group *group =
	    tide_region_group_of(&region->heap->regions, region->index);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		if (!(group->slab[cls] >> (region->index % 64) & 1))
			continue;
		for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
			uint64_t word = region->slab_partial[cls][i];
			for (; word != 0; word &= word - 1) {
				unsigned page = i * 64 + (unsigned)__builtin_ctzll(word);
				struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
				slab->swept_blocks = slab->free_blocks;
				free_pages_of(slab, pages);
			}
		}
	}
}

bool tide_gc_slab_is_valid(const struct tide_slab *slab)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	unsigned set = 0;
	for (unsigned i = 0; i < tide_slab_words(slab->cls); i++)
		set += tide_bits_set(tide_load_relaxed(&slab->bits[i]));
	unsigned page = slab->page;
	bool partial = slab->region->slab_partial[slab->cls][page / 64] >> (page % 64) & 1;
	return set == slab->free_blocks && set < shape->blocks && partial == (set > 0) &&
	       slab->swept_blocks <= slab->free_blocks && slab->lane < TIDE_LANES;
}
