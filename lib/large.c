#include "large.h"

#include "config.h"
#include "heap.h"
#include "huge.h"
#include "large_keep.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "regret.h"
#include "yield.h"

/* How far back tide_large_is_inside looks, for a message. */
#define SEARCH_PAGES (1u << 18)
/* A kept block is worth lengthening when it is at least this part of what is needed: calloc clears
 * all of what was in use before in part. */
#define LENGTHEN_PART 2
/* A rest shorter than this stays with the block before it. */
#define SLACK_BYTES(bytes) ((bytes) / 4 < 64ul << 10 ? (bytes) / 4 : 64ul << 10)

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
	/* What is kept may be what is missing: address space can have a limit. */
	if (start == NULL && tide_large_trim(0) > 0)
		start = tide_os_map_aligned(0, bytes, align_bytes);
	if (start != NULL && !tide_pagemap_prepare((uintptr_t)start, bytes)) {
		(void)tide_os_discard(start, bytes);
		return NULL;
	}
	return start;
}

static void want_huge(void *start, size_t bytes)
{
	if (bytes >= TIDE_HUGE_PAGE_BYTES && !tide_huge_is_dear() &&
	    tide_load_relaxed(&live_bytes) + bytes >= (uint64_t)tide_option(TIDE_OPTION_HUGE_BYTES))
		tide_os_huge(start, bytes, true);
}

/* Fresh memory at that address and nowhere else. */
static bool map_at(uintptr_t base, size_t bytes)
{
	if (!tide_os_map_at(base, bytes))
		return false;
	if (!tide_pagemap_prepare(base, bytes)) {
		(void)tide_os_discard((void *)base, bytes);
		return false;
	}
	want_huge((void *)base, bytes);
	return true;
}

/* A kept block that is too short, with fresh memory before or after it if nothing else is there. */
static struct tide_large *lengthen(size_t bytes)
{
	struct tide_large *large = tide_large_keep_take_longest(bytes / LENGTHEN_PART);
	if (large == NULL)
		return NULL;
	uintptr_t base = tide_load_relaxed(&large->base);
	size_t has = tide_load_relaxed(&large->bytes);
	if (has < bytes && map_at(base + has - bytes, bytes - has)) {
		tide_store_relaxed(&large->base, base + has - bytes);
	} else if (has >= bytes || !map_at(base + has, bytes - has)) {
		tide_large_keep_put_back(large);
		return NULL;
	}
	tide_store_relaxed(&large->bytes, bytes);
	tide_regret_need(bytes - has);
	tide_large_keep_taken(has);
	return large;
}

/* A fresh mapping under a shared descriptor. */
static struct tide_large *map_new(size_t bytes, size_t align_bytes)
{
	struct tide_large *large = tide_large_descriptor_new();
	if (large == NULL)
		return NULL;
	/* Not at a multiple of a huge page: side by side with what is mapped already, one such page
	 * may span two blocks, and two free blocks become one. */
	void *start = map_prepared(bytes, align_bytes);
	if (start == NULL) {
		tide_large_descriptor_recycle(large);
		return NULL;
	}
	want_huge(start, bytes);
	tide_regret_need(bytes);
	tide_store_relaxed(&large->base, (uintptr_t)start);
	tide_store_relaxed(&large->bytes, bytes);
	return large;
}

/* A kept block for the heap. One with a limit gets no more than it asks and pays for. */
static struct tide_large *keep_take_for(struct tide_heap *heap, size_t bytes, size_t align_bytes)
{
	size_t slack = tide_budget_is_on(&heap->budget) ? 0 : SLACK_BYTES(bytes);
	return tide_large_keep_take(bytes, align_bytes, slack);
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
	if (large == NULL && align_bytes == TIDE_PAGE_BYTES)
		large = lengthen(bytes);
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
			(void)tide_os_discard(block, tide_load_relaxed(&own->bytes));
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

/* Longer by a free block that lies behind it; *want_bytes becomes how long. */
static bool join(void *block, size_t old_bytes, size_t exact_bytes, size_t *want_bytes)
{
	uintptr_t end = (uintptr_t)block + old_bytes;
	if (tide_large_keep_take_at(end, *want_bytes - old_bytes))
		return true;
	if (!tide_large_keep_take_at(end, exact_bytes - old_bytes))
		return false;
	*want_bytes = exact_bytes;
	return true;
}

/* The end of a block that shrinks is a free block of its own. */
static bool shorten(void *block, size_t old_bytes, size_t new_bytes)
{
	struct tide_large *rest = tide_large_descriptor_new();
	if (rest == NULL)
		return false;
	tide_store_relaxed(&rest->base, (uintptr_t)block + new_bytes);
	tide_store_relaxed(&rest->bytes, old_bytes - new_bytes);
	tide_large_keep(rest);
	return true;
}

/* The block longer, here or elsewhere; *want_bytes becomes how long. NULL: impossible. */
static void *remap(void *block, size_t old_bytes, size_t exact_bytes, size_t *want_bytes)
{
	if (join(block, old_bytes, exact_bytes, want_bytes))
		return block;
	tide_regret_need(*want_bytes - old_bytes);
	enum tide_os_resized resized = tide_os_grow(block, old_bytes, *want_bytes);
	if (resized == TIDE_OS_REFUSED)
		return NULL;
	if (resized == TIDE_OS_RESIZED) {
		if (tide_pagemap_prepare((uintptr_t)block, *want_bytes))
			return block;
		/* It grew into address space that the page map can't follow: back again. */
		(void)tide_os_discard((char *)block + old_bytes, *want_bytes - old_bytes);
		return NULL;
	}
	void *moved = map_prepared(*want_bytes, TIDE_PAGE_BYTES);
	if (moved == NULL && *want_bytes > exact_bytes) {
		*want_bytes = exact_bytes;
		moved = map_prepared(exact_bytes, TIDE_PAGE_BYTES);
	}
	if (moved == NULL || !tide_os_move(block, old_bytes, moved, *want_bytes))
		return NULL;
	return moved;
}

/* *want_bytes becomes how long it is. */
static void *resize(void *block, size_t old_bytes, size_t exact_bytes, size_t *want_bytes)
{
	if (exact_bytes > old_bytes)
		return remap(block, old_bytes, exact_bytes, want_bytes);
	if (exact_bytes == old_bytes || shorten(block, old_bytes, exact_bytes))
		return block;
	return NULL;
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
	void *moved = resize(block, old_bytes, exact_bytes, &want_bytes);
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
