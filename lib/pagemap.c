#include "pagemap.h"

#include "check.h"
#include "meta.h"
#include "os.h"
#include "yield.h"

_Atomic uint8_t tide_pagemap_shift;

static const struct tide_pagemap_window no_window;
/* NULL: none yet.
 * writers  the thread whose window wins, by CAS   readers  every thread
 * order    cas-release, load-acquire              edges    pagemap.near */
static _Atomic(const struct tide_pagemap_window *) window;

const struct tide_pagemap_window *tide_pagemap_near(void)
{
	const struct tide_pagemap_window *near = tide_load_acquire(&window); /* pagemap.near */
	return near != NULL ? near : &no_window;
}

/* The tree's top.
 * writers  the thread whose leaf wins, by CAS   readers  every thread
 * order    cas-release, load-acquire            edges    pagemap.leaf */
static TIDE_APART _Atomic(struct tide_pagemap_leaf *) leaves[TIDE_LEAVES];

static struct tide_pagemap_leaf *leaf_find(uintptr_t address)
{
	uintptr_t idx = address >> TIDE_LEAF_SHIFT;
	if (idx >= TIDE_LEAVES)
		return NULL;
	return tide_load_acquire(&leaves[idx]); /* pagemap.leaf */
}

static uintptr_t page_in_leaf(uintptr_t address)
{
	return (address >> TIDE_PAGE_SHIFT) & (TIDE_LEAF_PAGES - 1);
}

static TIDE_USUAL struct tide_pagemap_leaf *leaf_make(uintptr_t address)
{
	uintptr_t start = address & ~(TIDE_LEAF_BYTES - 1);
	const struct tide_pagemap_window *own = tide_pagemap_near();
	uintptr_t near_page = (start - own->base) >> TIDE_PAGE_SHIFT;
	bool near = near_page < own->pages;
	size_t own_bytes = sizeof(struct tide_pagemap_leaf) + (near ? 0 : TIDE_LEAF_PAGES);

	struct tide_pagemap_leaf *leaf = tide_os_map(0, own_bytes);
	if (leaf == NULL)
		return NULL;
	leaf->cls = near ? own->map + near_page : (_Atomic uint8_t *)(leaf + 1);
	struct tide_pagemap_leaf *seen = NULL;
	TIDE_YIELD("pagemap.leaf");
	if (tide_cas_acq_rel(&leaves[address >> TIDE_LEAF_SHIFT], &seen, leaf)) /* pagemap.leaf */
		return leaf;
	(void)tide_os_discard(leaf, own_bytes);
	return seen;
}

TIDE_USUAL bool tide_pagemap_prepare(uintptr_t start, size_t bytes)
{
	uintptr_t last = start + bytes - 1;
	if (last >> TIDE_ADDRESS_BITS != 0)
		return false;
	for (uintptr_t at = start & ~(TIDE_LEAF_BYTES - 1); at <= last; at += TIDE_LEAF_BYTES) {
		if (leaf_find(at) == NULL && leaf_make(at) == NULL)
			return false;
	}
	return true;
}

TIDE_USUAL void tide_pagemap_init(uintptr_t address)
{
	const struct tide_pagemap_window *none = NULL;
	if (tide_pagemap_near() != &no_window)
		return;
	uint64_t window_bytes = TIDE_NEAR_MAX_BYTES;
	if (tide_os_address_limit_bytes() / 4 < window_bytes / TIDE_PAGE_BYTES * 16)
		window_bytes = TIDE_NEAR_MIN_BYTES;

	/* The kernel maps downwards: most of the window lies below the first address. */
	uintptr_t top = (address | (TIDE_LEAF_BYTES - 1)) + 1;
	size_t map_bytes = window_bytes / TIDE_PAGE_BYTES;
	struct tide_pagemap_window *own = tide_meta_alloc(sizeof *own);
	void *map = own != NULL ? tide_os_map(0, map_bytes) : NULL;
	if (map == NULL)
		return;
	own->base = top > window_bytes ? top - window_bytes : 0;
	own->pages = map_bytes;
	own->map = map;
	TIDE_YIELD("pagemap.window");
	if (!tide_cas_release(&window, &none, own)) { /* pagemap.near */
		(void)tide_os_discard(map, map_bytes);
		return;
	}
	TIDE_YIELD("pagemap.chosen");
	/* Its leaf now, before the first region: else the leaf takes the place where the system
	 * would have put the second one, side by side with the first. */
	(void)tide_pagemap_prepare(address, 1);
}

void tide_pagemap_set(uintptr_t start, size_t pages, unsigned cls)
{
	uint8_t place = (uint8_t)tide_pagemap_place(cls);
	for (size_t i = 0; i < pages; i++) {
		uintptr_t address = start + i * TIDE_PAGE_BYTES;
		struct tide_pagemap_leaf *leaf = leaf_find(address);
		tide_store_relaxed(&leaf->cls[page_in_leaf(address)], place);
	}
}

void tide_pagemap_set_region(uintptr_t start, struct tide_region *region)
{
	struct tide_pagemap_leaf *leaf = leaf_find(start);
	uintptr_t idx = (start >> TIDE_REGION_SHIFT) & (TIDE_LEAF_REGIONS - 1);
	tide_store_relaxed(&leaf->region[idx], region);
}

unsigned tide_pagemap_class(uintptr_t address)
{
	struct tide_pagemap_leaf *leaf = leaf_find(address);
	if (leaf == NULL)
		return TIDE_CLASS_NONE;
	return tide_pagemap_class_of_place(tide_load_relaxed(&leaf->cls[page_in_leaf(address)]));
}

struct tide_region *tide_pagemap_region(uintptr_t address)
{
	struct tide_pagemap_leaf *leaf = leaf_find(address);
	uintptr_t idx = (address >> TIDE_REGION_SHIFT) & (TIDE_LEAF_REGIONS - 1);
	return leaf != NULL ? tide_load_relaxed(&leaf->region[idx]) : NULL;
}

_Atomic(struct tide_large *) *tide_pagemap_large(uintptr_t address)
{
	struct tide_pagemap_leaf *leaf = leaf_find(address);
	return leaf != NULL ? &leaf->large[page_in_leaf(address)] : NULL;
}
