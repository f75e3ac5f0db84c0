#include "frontier.h"

#include "check.h"
#include "doorbell.h"
#include "heap.h"
#include "huge.h"
#include "large.h"
#include "options.h"
#include "orphan.h"
#include "os.h"
#include "pagemap.h"
#include "regret.h"
#include "yield.h"

#define NEXT_BITS 16
#define NEXT_MASK ((1ull << NEXT_BITS) - 1)

static_assert(TIDE_REGION_MIN_BYTES >= TIDE_MEDIUM_MAX_BYTES, "frontier: any chunk fits a region");
static_assert(TIDE_SLAB_MAX_PAGES * TIDE_PAGE_BYTES <= TIDE_MEDIUM_MAX_BYTES,
              "frontier: a slab's chunk can be a medium block");

/* The word of an open region says its length too, halved so many times. */
#define PLACE_BITS 13
#define PLACE_MASK ((1ull << PLACE_BITS) - 1)

static_assert(TIDE_REGION_GRANULES <= PLACE_MASK, "frontier: a place in a region fits its word");
static_assert(TIDE_REGION_BYTES >> ((1u << (NEXT_BITS - PLACE_BITS)) - 1) <= TIDE_REGION_MIN_BYTES,
              "frontier: any length of a region fits its word");

#define AHEAD_STEPS 16u

static void *word_pointer(uint64_t word)
{
	return (void *)(uintptr_t)(word >> NEXT_BITS);
}

static uint64_t word_of(const void *pointer, unsigned next)
{
	return ((uint64_t)(uintptr_t)pointer << NEXT_BITS) | next;
}

static uint64_t region_word(const struct tide_region *region, unsigned next)
{
	unsigned granules = tide_load_relaxed(&region->granules);
	unsigned halvings = (unsigned)__builtin_ctz(TIDE_REGION_GRANULES / granules);
	return word_of(region, halvings << PLACE_BITS | next);
}

static unsigned region_next(uint64_t word)
{
	return (unsigned)(word & PLACE_MASK);
}

static unsigned region_end(uint64_t word)
{
	return TIDE_REGION_GRANULES >> ((word & NEXT_MASK) >> PLACE_BITS);
}

static void region_open_to_sealed(struct tide_region *region, unsigned next)
{
	if (next == tide_load_relaxed(&region->granules))
		return;
	tide_store_relaxed(&region->sealed_from, next);
	TIDE_YIELD("frontier.seal");
	tide_stack_push(&region->heap->frontier.sealed, &region->node);
}

/* Take `granules` at the frontier `kind`. */
static struct tide_region *take_paid(struct tide_heap *heap, int kind, unsigned granules,
                                     unsigned *first)
{
	struct tide_frontier *frontier = &heap->frontier;
	_Atomic uint64_t *word = &frontier->open_region[kind].word;
	uint64_t seen = tide_load_acquire(word); /* frontier.word */
	for (;;) {
		struct tide_region *region = word_pointer(seen);
		unsigned next = region_next(seen);
		/* The descriptor may stand for another region by now, and for this one again when
		 * the word is compared, of another length: hence not its `granules`. */
		if (region != NULL && next + granules <= region_end(seen)) {
			TIDE_YIELD("frontier.take");
			if (tide_cas_acq_rel(word, &seen, seen + granules)) { /* frontier.word */
				*first = next;
				return region;
			}
			continue;
		}
		struct tide_region *fresh =
		    (struct tide_region *)tide_stack_pop(&frontier->spare_region);
		if (fresh == NULL)
			fresh = tide_region_map(heap);
		/* What is kept of large blocks may be what is missing: address space can have a
		 * limit. */
		if (fresh == NULL && tide_large_trim(0) > 0)
			fresh = tide_region_map(heap);
		if (fresh == NULL)
			return NULL;
		TIDE_YIELD("frontier.region");
		if (tide_cas_acq_rel(word, &seen,
		                     region_word(fresh, granules))) { /* frontier.word */
			TIDE_YIELD("frontier.opened");
			if (region != NULL)
				region_open_to_sealed(region, next);
			if (fresh->asked_huge)
				tide_huge_time((void *)tide_load_relaxed(&fresh->base),
				               (size_t)tide_load_relaxed(&fresh->granules) *
				                   TIDE_GRANULE_BYTES);
			*first = 0;
			return fresh;
		}
		tide_stack_push(&frontier->spare_region, &fresh->node);
	}
}

static TIDE_USUAL struct tide_region *take(struct tide_heap *heap, int kind, unsigned granules,
                                           unsigned *first)
{
	uint64_t bytes = (uint64_t)granules * TIDE_GRANULE_BYTES;
	if (!tide_budget_held_in(&heap->budget, bytes))
		return NULL;
	struct tide_region *region = take_paid(heap, kind, granules, first);
	if (region == NULL)
		tide_budget_held_add(&heap->budget, -(int64_t)bytes);
	else if (heap == &tide_heap_default)
		tide_regret_need(bytes);
	return region;
}

static TIDE_USUAL void *chunk_issue(struct tide_region *region, unsigned first, unsigned cls)
{
	void *block = tide_region_address(region, first);
	TIDE_YIELD("frontier.issue");
	tide_region_tag(region, first, tide_class_granules(cls), TIDE_TAG_ISSUED);
	TIDE_YIELD("frontier.tagged");
	tide_pagemap_set((uintptr_t)block, 1, tide_heap_page_class(region->heap, cls));
	(void)tide_add_relaxed(&region->heap->frontier.carved_blocks[cls], 1u);
	return block;
}

static struct tide_slab *slab_fresh(struct tide_heap *heap, unsigned cls)
{
	struct tide_stack *ready = &heap->frontier.ready_slab[cls];
	struct tide_slab *slab = (struct tide_slab *)tide_stack_pop(ready);
	if (slab != NULL)
		return slab;
	unsigned first;
	unsigned granules = tide_slab_shape[cls].pages * TIDE_PAGE_GRANULES;
	struct tide_region *region = take(heap, TIDE_FRONTIER_SLABS, granules, &first);
	if (region == NULL)
		return NULL;
	slab = tide_slab_make(region, first, cls);
	if (slab == NULL) /* no descriptor to be had: it becomes a free block of its length */
		tide_orphan_push(&heap->orphans,
		                 chunk_issue(region, first, tide_class_of_granules(granules)));
	return slab;
}

/* Whether threads fault memory in ahead of its first use: not where a GC thread does that, in the
 * default heap. (64 KiB cost a call 10 us, and one malloc in 10,000 of two threads took that long, 2
 * us without: tide-latency, steady and cross.) */
static bool prefaults(const struct tide_heap *heap)
{
	return heap != &tide_heap_default || !tide_doorbell_served();
}

/* Not for the first slabs of a class: what a small program never touches must cost nothing. Then a
 * step is an eighth of what the class has used. */
static void prefault(const struct tide_slab *slab, unsigned idx, unsigned taken, uint64_t carved)
{
	const struct tide_slab_shape *shape = &tide_slab_shape[slab->cls];
	uint64_t step = (uint64_t)tide_option(TIDE_OPTION_PREFAULT_BYTES);
	uint64_t slab_bytes = (uint64_t)shape->pages * TIDE_PAGE_BYTES;
	uint64_t used = carved * shape->block_bytes;
	if (step > used / 8)
		step = used / 8;
	step &= ~(uint64_t)(TIDE_PAGE_BYTES - 1);
	if (step < 2ul * TIDE_PAGE_BYTES)
		return;
	if (step > slab_bytes)
		step = slab_bytes;
	uint64_t start = (uint64_t)idx * shape->block_bytes;
	uint64_t end = start + (uint64_t)taken * shape->block_bytes;
	/* At the first block that reaches into a step, the whole step. */
	uint64_t next = (start + step - 1) / step * step;
	if (next >= end && start != 0)
		return;
	uint64_t stop = (end + step - 1) / step * step;
	if (stop > slab_bytes)
		stop = slab_bytes;
	if (next < stop)
		tide_os_populate((void *)(slab->base + next), stop - next);
}

unsigned tide_frontier_carve(struct tide_heap *heap, struct tide_bin *bin, unsigned want)
{
	unsigned cls = bin->cls;
	const struct tide_slab_shape *shape = &tide_slab_shape[cls];
	struct tide_frontier *frontier = &heap->frontier;
	/* Where held memory has a limit, open slabs of all lanes would be much of it. */
	uint8_t lane = tide_load_relaxed(&heap->budget.counts_held) ? 0 : tide_lane;
	struct tide_frontier_word *open = &frontier->open_slab[lane][cls];
	uint64_t seen = tide_load_acquire(&open->word); /* frontier.word */
	struct tide_slab *slab;
	unsigned idx;
	unsigned taken;
	for (;;) {
		slab = word_pointer(seen);
		idx = (unsigned)(seen & NEXT_MASK);
		if (slab != NULL && idx < shape->blocks) {
			taken = shape->blocks - idx < want ? shape->blocks - idx : want;
			TIDE_YIELD("frontier.carve");
			if (tide_cas_acq_rel(&open->word, &seen, seen + taken)) /* frontier.word */
				break;
			continue;
		}
		slab = slab_fresh(heap, cls);
		if (slab == NULL)
			return 0;
		slab->lane = lane;
		idx = 0;
		taken = want < shape->blocks ? want : shape->blocks;
		TIDE_YIELD("frontier.slab");
		if (tide_cas_acq_rel(&open->word, &seen, word_of(slab, taken))) /* frontier.word */
			break;
		tide_stack_push(&frontier->ready_slab[cls], &slab->node);
	}
	TIDE_YIELD("frontier.carved");
	uint64_t carved = tide_add_relaxed(&frontier->carved_blocks[cls], (uint64_t)taken);
	if (prefaults(heap))
		prefault(slab, idx, taken, carved);
	/* Highest first, so that they leave the bin in address order. */
	for (unsigned i = taken; i-- > 0;)
		tide_bin_add(bin, (void *)(slab->base + (uintptr_t)(idx + i) * shape->block_bytes));
	return taken;
}

void *tide_frontier_chunk(struct tide_heap *heap, unsigned cls, size_t align_bytes)
{
	unsigned granules = tide_class_granules(cls);
	unsigned first;
	struct tide_region *region;
	if (align_bytes <= TIDE_GRANULE_BYTES) {
		region = take(heap, TIDE_FRONTIER_CHUNKS, granules, &first);
	} else {
		/* The slab frontier stands on pages; what it gives must end on one. */
		TIDE_CHECK(align_bytes <= TIDE_PAGE_BYTES && granules % TIDE_PAGE_GRANULES == 0);
		region = take(heap, TIDE_FRONTIER_SLABS, granules, &first);
	}
	if (region == NULL)
		return NULL;
	return chunk_issue(region, first, cls);
}

bool tide_frontier_extend(void *block, unsigned old_cls, unsigned new_cls)
{
	struct tide_region *region = tide_pagemap_region((uintptr_t)block);
	struct tide_frontier *frontier = &region->heap->frontier;
	unsigned first = tide_region_granule(region, block);
	unsigned old_granules = tide_class_granules(old_cls);
	unsigned granules = tide_class_granules(new_cls);
	_Atomic uint64_t *word = &frontier->open_region[TIDE_FRONTIER_CHUNKS].word;
	uint64_t seen = region_word(region, first + old_granules);
	uint64_t more_bytes = (uint64_t)(granules - old_granules) * TIDE_GRANULE_BYTES;
	struct tide_budget *budget = &region->heap->budget;
	if (first + granules > tide_load_relaxed(&region->granules))
		return false;
	/* Either way of counting counts them. */
	if (!tide_budget_large_in(budget, more_bytes))
		return false;
	TIDE_YIELD("frontier.extend");
	if (!tide_cas_acq_rel(word, &seen,
	                      region_word(region, first + granules))) { /* frontier.word */
		tide_budget_large_out(budget, more_bytes);
		return false;
	}
	tide_store_relaxed(&region->tag[first + old_granules - 1], 0);
	TIDE_YIELD("frontier.extended");
	tide_region_tag(region, first, granules, TIDE_TAG_ISSUED);
	tide_pagemap_set((uintptr_t)block, 1, tide_heap_page_class(region->heap, new_cls));
	(void)tide_sub_relaxed(&frontier->carved_blocks[old_cls], 1u);
	(void)tide_add_relaxed(&frontier->carved_blocks[new_cls], 1u);
	return true;
}

bool tide_frontier_is_in(const struct tide_region *region)
{
	struct tide_frontier *frontier = &region->heap->frontier;
	for (int kind = 0; kind < TIDE_FRONTIERS; kind++) {
		uint64_t seen =
		    tide_load_seq_cst(&frontier->open_region[kind].word); /* frontier.word */
		if (word_pointer(seen) == region)
			return true;
	}
	TIDE_YIELD("frontier.is_in");
	return tide_load_seq_cst(&frontier->held_region) == region; /* frontier.hold */
}

bool tide_frontier_prefault_ahead(struct tide_frontier *frontier)
{
	_Atomic uint64_t *word = &frontier->open_region[TIDE_FRONTIER_SLABS].word;
	uint64_t seen = tide_load_acquire(word); /* frontier.word */
	struct tide_region *region = word_pointer(seen);
	unsigned next = region_next(seen);
	size_t step_bytes = (size_t)tide_option(TIDE_OPTION_PREFAULT_BYTES);
	unsigned most = (unsigned)(AHEAD_STEPS * step_bytes / TIDE_GRANULE_BYTES);
	if (region == NULL || region != frontier->ahead_region || next < frontier->ahead_next) {
		frontier->ahead_region = region;
		frontier->ahead_next = frontier->ahead_to = next;
		return false;
	}
	unsigned ahead = next - frontier->ahead_next;
	frontier->ahead_next = next;
	if (frontier->ahead_to < next)
		frontier->ahead_to = next;
	unsigned want = next + (ahead < most ? ahead : most);
	unsigned end = region_end(seen);
	if (want > end)
		want = end;
	want &= ~(TIDE_PAGE_GRANULES - 1);
	if (want <= frontier->ahead_to)
		return false;

	bool done = false;
	TIDE_YIELD("frontier.ahead");
	tide_store_seq_cst(&frontier->held_region, region); /* frontier.hold */
	TIDE_YIELD("frontier.hold");
	seen = tide_load_seq_cst(word);
	/* (It may be another region by now, and shorter.) */
	if (word_pointer(seen) == region && want <= region_end(seen)) {
		TIDE_YIELD("frontier.populate");
		tide_os_populate(tide_region_address(region, frontier->ahead_to),
		                 (size_t)(want - frontier->ahead_to) * TIDE_GRANULE_BYTES);
		frontier->ahead_to = want;
		done = true;
	}
	tide_store_seq_cst(&frontier->held_region, NULL);
	return done;
}

unsigned tide_frontier_end(const struct tide_region *region)
{
	struct tide_frontier *frontier = &region->heap->frontier;
	for (int kind = 0; kind < TIDE_FRONTIERS; kind++) {
		uint64_t seen =
		    tide_load_acquire(&frontier->open_region[kind].word); /* frontier.word */
		if (word_pointer(seen) == region)
			return region_next(seen);
	}
	return tide_load_relaxed(&region->granules);
}

unsigned tide_frontier_open_rest(struct tide_frontier *frontier, unsigned lane, unsigned cls,
                                 struct tide_slab **slab)
{
	uint64_t seen = tide_load_acquire(&frontier->open_slab[lane][cls].word); /* frontier.word */
	*slab = word_pointer(seen);
	return *slab != NULL ? tide_slab_shape[cls].blocks - (unsigned)(seen & NEXT_MASK) : 0;
}
