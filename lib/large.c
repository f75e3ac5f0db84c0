#include "large.h"

#include "config.h"
#include "heap.h"
#include "large_keep.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "yield.h"

/* How far back tide_large_is_inside looks, for a message. */
#define SEARCH_PAGES (1u << 18)
#define HUGE_PAGE_BYTES (2ul << 20)

/* writers every thread  readers every thread  order relaxed: a counter  edges none */
static _Atomic uint64_t live_bytes, live_blocks;

/* A descriptor of a heap that a program made. */
static struct tide_large *listed_new(struct tide_heap *heap)
{
	struct tide_larges *larges = &heap->larges;
	struct tide_large *large = (struct tide_large *)tide_stack_pop(&larges->spare);
	if (large != NULL)
		return large;
	large = tide_meta_alloc(sizeof *large);
	if (large == NULL)
		return NULL;
	large->heap = heap;
	large->all_next = tide_load_relaxed(&larges->all);
	while (!tide_cas_release(&larges->all, &large->all_next, large)) /* large.list */
		continue;
	return large;
}

/* The mapping of one descriptor to another. */
static struct tide_large *rehang(struct tide_large *from, struct tide_large *to)
{
	tide_store_relaxed(&to->base, tide_load_relaxed(&from->base));
	tide_store_relaxed(&to->bytes, tide_load_relaxed(&from->bytes));
	return to;
}

static void publish(struct tide_large *large)
{
	uintptr_t base = tide_load_relaxed(&large->base);
	size_t bytes = tide_load_relaxed(&large->bytes);
	(void)tide_add_relaxed(&live_bytes, bytes);
	(void)tide_add_relaxed(&live_blocks, 1u);
	(void)tide_add_relaxed(&large->heap->larges.live_bytes, bytes);
	tide_store_relaxed(tide_pagemap_large(base), large); /* large.slot */
	TIDE_YIELD("large.publish");
	tide_pagemap_set(base, 1, TIDE_CLASS_LARGE);
}

/* Take the block out of the page map: the caller owns it then. */
static struct tide_large *withdraw(const void *block)
{
	uintptr_t base = (uintptr_t)block;
	_Atomic(struct tide_large *) *slot = tide_pagemap_large(base);
	struct tide_large *large = slot != NULL ? tide_load_relaxed(slot) : NULL;
	if (large == NULL || tide_load_relaxed(&large->base) != base)
		return NULL;
	TIDE_YIELD("large.withdraw");
	large = tide_swap_acq_rel(slot, NULL); /* large.slot */
	if (large == NULL)
		return NULL;
	TIDE_YIELD("large.withdrawn");
	tide_pagemap_set(base, 1, TIDE_CLASS_NONE);
	size_t bytes = tide_load_relaxed(&large->bytes);
	(void)tide_sub_relaxed(&live_bytes, bytes);
	(void)tide_sub_relaxed(&live_blocks, 1u);
	(void)tide_sub_relaxed(&large->heap->larges.live_bytes, bytes);
	return large;
}

/* A mapping whose pages the page map can hold. */
static void *map_prepared(size_t bytes, size_t align_bytes)
{
	void *start = tide_os_map_aligned(0, bytes, align_bytes);
	if (start != NULL && !tide_pagemap_prepare((uintptr_t)start, bytes)) {
		(void)tide_os_unmap(start, bytes);
		return NULL;
	}
	return start;
}

/* A fresh mapping under a shared descriptor. */
static struct tide_large *map_new(size_t bytes, size_t align_bytes)
{
	struct tide_large *large = tide_large_descriptor_new();
	if (large == NULL)
		return NULL;
	bool huge = bytes >= HUGE_PAGE_BYTES && tide_load_relaxed(&live_bytes) + bytes >=
	                                            (uint64_t)tide_option(TIDE_OPTION_HUGE_BYTES);
	size_t map_align = huge && align_bytes < HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : align_bytes;
	void *start = map_prepared(bytes, map_align);
	if (start == NULL) {
		tide_large_descriptor_recycle(large);
		return NULL;
	}
	if (huge)
		tide_os_huge(start, bytes, true);
	tide_store_relaxed(&large->base, (uintptr_t)start);
	tide_store_relaxed(&large->bytes, bytes);
	return large;
}

/* A kept block for the heap, which pays for what it is longer than asked for. */
static struct tide_large *keep_take_for(struct tide_heap *heap, size_t bytes, size_t align_bytes)
{
	struct tide_large *large = tide_large_keep_take(bytes, align_bytes);
	if (large == NULL ||
	    tide_budget_large_in(&heap->budget, tide_load_relaxed(&large->bytes) - bytes))
		return large;
	if (!tide_large_keep_put(large))
		(void)tide_large_dispose(large);
	return NULL;
}

static struct tide_large *alloc(struct tide_heap *heap, size_t bytes, size_t align_bytes,
                                bool *zeroed)
{
	struct tide_large *own = NULL;
	if (heap != &tide_heap_default) {
		own = listed_new(heap);
		if (own == NULL)
			return NULL;
	}
	struct tide_large *large = keep_take_for(heap, bytes, align_bytes);
	if (large == NULL) {
		*zeroed = true;
		large = map_new(bytes, align_bytes);
	}
	if (own == NULL)
		return large;
	if (large == NULL) {
		tide_stack_push(&heap->larges.spare, &own->node);
		return NULL;
	}
	(void)rehang(large, own);
	tide_large_descriptor_recycle(large);
	return own;
}

void *tide_large_alloc(struct tide_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	*zeroed = false;
	if (bytes > PTRDIFF_MAX - align_bytes - TIDE_PAGE_BYTES || align_bytes > PTRDIFF_MAX / 2)
		return NULL;
	bytes = (bytes + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1);
	if (align_bytes < TIDE_PAGE_BYTES)
		align_bytes = TIDE_PAGE_BYTES;
	if (bytes <= TIDE_STEP_MAX_BYTES)
		bytes = TIDE_STEP_MAX_BYTES + TIDE_PAGE_BYTES;

	if (!tide_budget_large_in(&heap->budget, bytes))
		return NULL;
	struct tide_large *large = alloc(heap, bytes, align_bytes, zeroed);
	if (large == NULL) {
		tide_budget_large_out(&heap->budget, bytes);
		return NULL;
	}
	publish(large);
	return (void *)tide_load_relaxed(&large->base);
}

bool tide_large_free(void *block)
{
	struct tide_large *large = withdraw(block);
	if (large == NULL)
		return false;
	struct tide_heap *heap = large->heap;
	tide_budget_large_out(&heap->budget, tide_load_relaxed(&large->bytes));
	if (heap != &tide_heap_default) {
		struct tide_large *shared = tide_large_descriptor_new();
		struct tide_large *own = large;
		if (shared == NULL) { /* no memory to note where it is: straight to the system */
			(void)tide_os_unmap(block, tide_load_relaxed(&own->bytes));
			tide_store_relaxed(&own->base, 0);
			tide_stack_push(&heap->larges.spare, &own->node);
			return true;
		}
		large = rehang(own, shared);
		tide_store_relaxed(&own->base, 0);
		tide_stack_push(&heap->larges.spare, &own->node);
	}
	tide_large_keep(large);
	return true;
}

static struct tide_large *find(const void *block)
{
	_Atomic(struct tide_large *) *slot = tide_pagemap_large((uintptr_t)block);
	struct tide_large *large = slot != NULL ? tide_load_relaxed(slot) : NULL;
	if (large == NULL || tide_load_relaxed(&large->base) != (uintptr_t)block)
		return NULL;
	return large;
}

size_t tide_large_bytes(const void *block)
{
	struct tide_large *large = find(block);
	return large != NULL ? tide_load_relaxed(&large->bytes) : 0;
}

struct tide_heap *tide_large_heap(const void *block)
{
	struct tide_large *large = find(block);
	return large != NULL ? large->heap : NULL;
}

bool tide_large_is_live(struct tide_large *large)
{
	uintptr_t base = tide_load_relaxed(&large->base);
	return base != 0 && find((void *)base) == large;
}

void tide_large_free_all(struct tide_heap *heap)
{
	struct tide_large *large = tide_load_acquire(&heap->larges.all); /* large.list */
	for (; large != NULL; large = large->all_next) {
		if (tide_large_is_live(large))
			(void)tide_large_free((void *)tide_load_relaxed(&large->base));
	}
}

bool tide_large_is_inside(const void *address)
{
	uintptr_t page = (uintptr_t)address & ~(uintptr_t)(TIDE_PAGE_BYTES - 1);
	for (size_t back = 0; back <= SEARCH_PAGES && page >= TIDE_PAGE_BYTES; back++) {
		if (tide_pagemap_class(page) == TIDE_CLASS_LARGE)
			return tide_large_bytes((void *)page) > back * TIDE_PAGE_BYTES;
		page -= TIDE_PAGE_BYTES;
	}
	return false;
}

/* The mapping longer or shorter, here or elsewhere; *want_bytes becomes how long. NULL: impossible. */
static void *remap(void *block, size_t old_bytes, size_t exact_bytes, size_t *want_bytes)
{
	if (tide_os_resize(block, old_bytes, *want_bytes)) {
		if (tide_pagemap_prepare((uintptr_t)block, *want_bytes))
			return block;
		/* It grew into address space that the page map can't follow: back again. */
		(void)tide_os_resize(block, *want_bytes, old_bytes);
		return NULL;
	}
	void *moved = map_prepared(*want_bytes, TIDE_PAGE_BYTES);
	if (moved == NULL && *want_bytes > exact_bytes) {
		*want_bytes = exact_bytes;
		moved = map_prepared(exact_bytes, TIDE_PAGE_BYTES);
	}
	/* When the move fails, the target may be unmapped already, and another thread's by now: so
	 * it is not unmapped again, at the price of some address space. */
	if (moved == NULL || !tide_os_move(block, old_bytes, moved, *want_bytes))
		return NULL;
	return moved;
}

void *tide_large_resize(void *block, size_t bytes)
{
	if (bytes > PTRDIFF_MAX / 2)
		return NULL;
	struct tide_large *large = withdraw(block);
	if (large == NULL)
		return NULL;
	struct tide_budget *budget = &large->heap->budget;
	size_t old_bytes = tide_load_relaxed(&large->bytes);
	/* Growing: an eighth more address space than asked for, so that a block that grows by small
	 * steps is not remapped for each. What is not touched costs nothing. */
	size_t exact_bytes = (bytes + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1);
	size_t want_bytes = exact_bytes;
	if (bytes > old_bytes)
		want_bytes += bytes / 8 & ~(size_t)(TIDE_PAGE_BYTES - 1);
	if (tide_budget_is_on(budget))
		want_bytes = exact_bytes;
	uint64_t more = want_bytes > old_bytes ? want_bytes - old_bytes : 0;
	if (!tide_budget_large_in(budget, more)) {
		publish(large);
		return NULL;
	}
	void *moved = remap(block, old_bytes, exact_bytes, &want_bytes);
	if (moved == NULL) {
		tide_budget_large_out(budget, more);
		publish(large);
		return NULL;
	}
	/* What it shrank by, or what was charged for a length that could not be had. */
	tide_budget_large_out(budget, old_bytes + more - want_bytes);
	tide_store_relaxed(&large->base, (uintptr_t)moved);
	tide_store_relaxed(&large->bytes, want_bytes);
	publish(large);
	return moved;
}

uint64_t tide_large_live_bytes_racy(void)
{
	return tide_load_relaxed(&live_bytes);
}

uint64_t tide_large_live_blocks_racy(void)
{
	return tide_load_relaxed(&live_blocks);
}
