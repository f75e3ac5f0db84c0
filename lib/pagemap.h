/* Page map: from any address to the size class of the blocks in its page, without touching the
 * page.
 *
 * A two-level radix tree over 4 KiB pages: 2^17 leaves of 1 GiB, mapped on demand and never freed.
 * A leaf has a byte for each page (its class), a pointer for each 4 MiB (the region) and a pointer
 * for each page where a large block starts. Leaves inside one window of address space, near which
 * all regions are mapped as long as the system agrees, keep their class bytes side by side in one
 * array, so that the fast path needs one subtraction, one compare and one dependent load:
 *
 *   class = near.map[(address - near.base) >> 12]   when that index is below near.pages
 *
 * Anything outside goes through the tree, with the same answer. An address that was never ours
 * reads TIDE_CLASS_NONE; nothing is dereferenced.
 *
 * Touched by  writers: whoever owns the pages concerned (they made the region, the chunk or the
 *             large block); readers: every thread, with any address
 * Progress    wait-free but for a leaf's first use, which is lock-free (one mmap, one CAS)
 * Edges       pagemap.leaf  the thread that maps a leaf -> any reader
 *             pagemap.near  the thread that maps the window -> any reader
 *             An address that the system gives out again: its locks of the address space order the
 *             unmapper's last write before the next mapper's first.
 *             Everything else travels with the block's pointer: who frees a block got it from
 *             somebody, and so sees what was written before it was handed out.
 */
#ifndef TIDE_PAGEMAP_H
#define TIDE_PAGEMAP_H

#include "atomic.h"
#include "config.h"

struct tide_region;
struct tide_large;

/* 0, or in profile mode TIDE_RETURN_SHIFT: what is added, in the page map and for the place of the
 * bin that free fills, to the classes that have ready bins.
 * writers  the threads that start the process, all the same, before the first page is entered
 * readers  every thread   order  relaxed: as options   edges  none */
TIDE_HIDDEN extern _Atomic uint8_t tide_pagemap_shift;

/* What the page map says of a page of class `cls`: the number too of the bin that free fills. */
static inline unsigned tide_pagemap_place(unsigned cls)
{
	bool binned = cls - TIDE_CLASS_SMALL_FIRST <= TIDE_CLASS_BINNED_LAST - 1u;
	return cls + (binned ? tide_load_relaxed(&tide_pagemap_shift) : 0u);
}

static inline unsigned tide_pagemap_class_of_place(unsigned place)
{
	return place >= TIDE_RETURN_SHIFT ? place - TIDE_RETURN_SHIFT : place;
}

struct tide_pagemap_leaf {
	/* Class of each page. Plain pointer: written before pagemap.leaf; its bytes:
	 * writers  the owner of the page    readers  every thread
	 * order    relaxed, see above       edges    none */
	_Atomic uint8_t *cls;
	/* writers  the owner of the region  readers  every thread  order  relaxed  edges  none */
	_Atomic(struct tide_region *) region[TIDE_LEAF_REGIONS];
	/* writers  the owner of the block; its freer, by swap     readers  every thread
	 * order    relaxed; swap acq-rel: one freer wins          edges    none */
	_Atomic(struct tide_large *) large[TIDE_LEAF_PAGES];
};

/* The window: plain, written before pagemap.near publishes it, never changed. */
struct tide_pagemap_window {
	uintptr_t base;
	uintptr_t pages; /* 0: there is none */
	_Atomic uint8_t *map;
};

/* The window in force: one that is empty until tide_pagemap_init. */
TIDE_HIDDEN const struct tide_pagemap_window *tide_pagemap_near(void);

/* Choose the window, around `address`, a mapping of ours, unless there is one. Every thread calls
 * it before it maps its first region, so that all see the same one. Without it, when the map for it
 * can't be had, everything goes through the tree. Lock-free: the loser of a race unmaps its own
 * map. */
TIDE_HIDDEN void tide_pagemap_init(uintptr_t address);

/* Make sure that the pages of [start, start + bytes) have leaves. False: no memory for them. */
TIDE_HIDDEN bool tide_pagemap_prepare(uintptr_t start, size_t bytes);

/* Set the class of `pages` pages from `start`; they must be prepared. */
TIDE_HIDDEN void tide_pagemap_set(uintptr_t start, size_t pages, unsigned cls);
TIDE_HIDDEN void tide_pagemap_set_region(uintptr_t start, struct tide_region *region);

/* Class of the page of `address`, through the tree: any address will do. */
TIDE_HIDDEN unsigned tide_pagemap_class(uintptr_t address);

/* The region around `address`, which must lie in a page of ours; NULL in a large block. */
TIDE_HIDDEN struct tide_region *tide_pagemap_region(uintptr_t address);

/* The slot of the large block that starts in the page of `address`; NULL when there is no leaf. */
TIDE_HIDDEN _Atomic(struct tide_large *) *tide_pagemap_large(uintptr_t address);

#endif
