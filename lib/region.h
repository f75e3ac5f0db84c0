/* Regions and what is cut from them: chunks, and slabs of small blocks.
 *
 * A region is one mapping of at least 1 MiB, aligned to 4 MiB. Its descriptor lies elsewhere
 * (meta.h): no metadata of ours lies between user blocks. It is cut into chunks of whole granules:
 *
 *   tag[first] = flags | granules      tag[last] = flags | granules      all other tags are 0
 *
 * so from any chunk its next starts at first + granules, and its prev ends at first - 1. A chunk's
 * two tags are written by its owner only: the thread that carved it, or the GC. A tag that is still
 * 0 belongs to a chunk that was carved a moment ago, hence not free: reading it is always safe.
 *
 *   FREE   in a free set of the GC       ISSUED  a medium block, live or in a bin
 *   SLAB   cut into small blocks         (never carved: beyond the frontier, no tags)
 *
 * Touched by  the mapper, carving threads (their own chunk's cells), the holder of the GC token
 * Progress    lock-free: see frontier.h for who gets a chunk
 * Memory      descriptors are type-stable and keep their index for ever
 * Weak order  a neighbour's tag may be read late, but never FREE when it is not: FREE is written
 *             and taken away with the token alone, and all else, also what is read stale, means
 *             "not free"
 * Edges       region.table  the mapper's fields -> the GC
 *             a block's pointer carries everything about its own chunk
 */
#ifndef TIDE_REGION_H
#define TIDE_REGION_H

#include "classes.h"
#include "stack.h"

#define TIDE_TAG_GRANULES 0x1fffu
#define TIDE_TAG_FREE 0x2000u
#define TIDE_TAG_SLAB 0x4000u
#define TIDE_TAG_ISSUED 0x8000u

struct tide_heap;
struct tide_object_slab;

#define TIDE_PAGE_WORDS (TIDE_REGION_PAGES / 64)

/* 64 regions of a heap, and which of them have what: bit i stands for region 64 * group + i. Made
 * with the first of its regions, so that freeing never needs memory. Plain, the GC token's, but for
 * the last. */
struct tide_region_group {
	uint64_t chunk[TIDE_CHUNK_SETS];          /* a free chunk of that set */
	uint64_t slab[TIDE_CLASS_SMALL_LAST + 1]; /* a partly free slab of that class */
	/* Descriptors by index.
	 * writers  the mapper that took the index, once   readers  the GC, statistics
	 * order    store-release, load-acquire            edges    region.table */
	_Atomic(struct tide_region *) region[64];
};

/* The regions of a heap. */
struct tide_regions {
	/* writers every mapper, by fetch-add  readers every thread  order relaxed: tickets and
	 * counters edges none */
	TIDE_OWN_LINE _Atomic uint32_t used;
	_Atomic uint64_t mapped_bytes;
	_Atomic uint64_t maps;
	_Atomic uint64_t unmaps;
	struct tide_stack unmapped;
	/* writers  mappers, by CAS   readers  the GC
	 * order    cas-release, load-acquire   edges  region.table */
	_Atomic(struct tide_region_group *) group[TIDE_REGIONS_MAX / 64];
};

struct tide_stash;

struct tide_region {
	struct tide_node node; /* must be first: spare, sealed or unmapped (frontier.c, region.c) */
	uint32_t index;        /* plain: for ever */
	struct tide_heap *heap; /* likewise */
	/* First address, and size.
	 * writers  the mapper   readers  every thread; a stale one only until its CAS fails
	 * order    relaxed      edges    none: see frontier.h */
	_Atomic uintptr_t base;
	_Atomic uint32_t granules;
	/* writers  who seals, before the push of the region   readers  the GC, after the pop
	 * order    relaxed      edges    none: stack.hand carries it */
	_Atomic uint32_t sealed_from;
	/* writers  the chunk's owner   readers  the GC, checks
	 * order    relaxed: see above  edges    none */
	_Atomic uint16_t tag[TIDE_REGION_GRANULES];
	/* The slab over each page.
	 * writers  the slab's maker, the GC   readers  the GC, checks
	 * order    relaxed             edges    none: the block's pointer carries it */
	_Atomic(struct tide_slab *) slab[TIDE_REGION_PAGES];
	/* The same for blocks that object caches cut up (object.h). */
	_Atomic(struct tide_object_slab *) objects[TIDE_REGION_PAGES];
	/* In checked mode, bit g: the medium block at granule g is live.
	 * writers  whoever allocates or frees it   readers  the same
	 * order    acq-rel: one freer wins         edges    none: the result is all that counts */
	_Atomic uint64_t live[TIDE_REGION_GRANULES / 64];

	/* The rest is plain and belongs to the holder of the GC token (gc/state.h explains). */
	uint64_t page_free[TIDE_PAGE_WORDS];  /* lies wholly in a free chunk */
	uint64_t page_clean[TIDE_PAGE_WORDS]; /* holds no memory: purged, or never handed out */
	uint64_t page_aged[TIDE_PAGE_WORDS];  /* was free and not clean one decay tick ago */
	bool listed;                          /* in the GC's tables */
	bool refuses_huge;                    /* told the system so: purging broke huge pages */
	bool asked_huge;                      /* for huge pages: by who maps it, for who opens it */
	uint16_t set_head[TIDE_CHUNK_SETS];   /* 1 + granule of the first free chunk, 0: none */
	uint64_t slab_partial[TIDE_CLASS_SMALL_LAST + 1][TIDE_PAGE_WORDS]; /* by first page */
	uint16_t set_next[TIDE_REGION_GRANULES];
	uint16_t set_prev[TIDE_REGION_GRANULES];
};

/* A chunk cut into equal blocks of a small class. */
struct tide_slab {
	struct tide_node node; /* must be first: spare slabs of the class */
	uintptr_t base;        /* plain: set by the maker, read with a block of the slab in hand */
	struct tide_region *region;
	tide_class cls;
	uint8_t lane;  /* plain: of who carves it, then the token's: of who took blocks last */
	uint16_t page; /* first page, in the region */
	/* Plain, the GC token's: blocks that are free and in no bin; those of them that the last
	 * sweep saw. */
	uint16_t free_blocks, swept_blocks;
	uint16_t own_free; /* plain, the owner's: blocks that it keeps (stash.h) */
	bool own_listed;   /* likewise: it is in the owner's list; false: it is not, or just in */
	struct tide_slab *own_next; /* likewise: the next there */
	/* Of the thread that keeps blocks of this slab; NULL: none does.
	 * writers  who puts the first block by, by CAS; who took the last
	 * readers  every thread   order   cas-acquire, store-release   edges   slab.own */
	_Atomic(struct tide_stash *) owner;
	/* bits[0 .. words): bit set = free and in no bin; the GC token's.
	 * bits[words .. 2 * words): bit set = the owner keeps it; in checked mode, in which nobody
	 * does: it is live (see `live` above).
	 * order  relaxed: others look for a block that was freed twice, or walk a heap at rest */
	_Atomic uint64_t bits[];
};

static inline unsigned tide_slab_words(unsigned cls)
{
	return (tide_slab_shape[cls].blocks + 63u) / 64u;
}

/* The bits of what the owner keeps, or of what is live. */
static inline _Atomic uint64_t *tide_slab_own_bits(struct tide_slab *slab)
{
	return slab->bits + tide_slab_words(slab->cls);
}

/* Map a region for the heap and enter it in page map and table. NULL: no memory. */
TIDE_HIDDEN struct tide_region *tide_region_map(struct tide_heap *heap);
/* What a region that nobody uses looks like to the GC: never handed out. */
TIDE_HIDDEN void tide_region_reset(struct tide_region *region);
/* Give the mapping and the descriptor back; false when the system refused. The caller owns all of
 * it: the GC, when the region is one free chunk and no frontier. */
TIDE_HIDDEN bool tide_region_unmap(struct tide_region *region);
/* The group that region `index` is in; there is one for every region that exists. */
static inline struct tide_region_group *tide_region_group_of(struct tide_regions *regions,
                                                             uint32_t index)
{
	return tide_load_acquire(&regions->group[index / 64]); /* region.table */
}
/* Region number `index`, NULL when there is none yet. Indices below tide_region_count are in
 * use. */
TIDE_HIDDEN struct tide_region *tide_region_at(struct tide_regions *regions, uint32_t index);
TIDE_HIDDEN uint32_t tide_region_count(struct tide_regions *regions);
/* Address space in regions now. */
static inline uint64_t tide_region_mapped_bytes_racy(struct tide_regions *regions)
{
	return tide_load_relaxed(&regions->mapped_bytes);
}

/* Whether tags tile the region up to `end` without gap, for a region nobody is carving. */
TIDE_HIDDEN bool tide_region_is_valid(const struct tide_region *region, unsigned end);

static inline void tide_region_tag(struct tide_region *region, unsigned first, unsigned granules,
                                   unsigned flags)
{
	uint16_t tag = (uint16_t)(flags | granules);
	tide_store_relaxed(&region->tag[first], tag);
	tide_store_relaxed(&region->tag[first + granules - 1], tag);
}

static inline void *tide_region_address(const struct tide_region *region, unsigned granule)
{
	return (void *)(tide_load_relaxed(&region->base) + (uintptr_t)granule * TIDE_GRANULE_BYTES);
}

static inline unsigned tide_region_granule(const struct tide_region *region, const void *address)
{
	return (unsigned)(((uintptr_t)address - tide_load_relaxed(&region->base)) >>
	                  TIDE_GRANULE_SHIFT);
}

/* Turn the chunk at `granule` (page-aligned, of the class's pages, the caller's) into a slab. All
 * bits are 0: no block is free yet. NULL when there is no descriptor to be had. */
TIDE_HIDDEN struct tide_slab *tide_slab_make(struct tide_region *region, unsigned granule,
                                             unsigned cls);
/* Make a slab from which no block is out a chunk again: untagged, its pages INSIDE. */
TIDE_HIDDEN void tide_slab_unmake(struct tide_slab *slab);

/* Whether `block`, in a page of small or medium class `cls`, is the start of a block, and where the
 * record of it is. For a small block *slab and *idx are set; for a medium one *slab is NULL and
 * *idx is the granule. */
TIDE_HIDDEN bool tide_region_find_block(const void *block, unsigned cls,
                                        struct tide_region **region, struct tide_slab **slab,
                                        unsigned *idx);

/* Whether `tag` is the first tag of a block of medium class `cls`. */
static inline bool tide_region_tag_is_of(unsigned tag, unsigned cls)
{
	return tag == (TIDE_TAG_ISSUED | tide_class_granules(cls));
}
/* Whether a block of medium class `cls`, as its page says, starts at `block`. */
TIDE_HIDDEN bool tide_region_is_start(const void *block, unsigned cls);

/* The class of the block at the start of which `block` is, as the slab or the tag tells it, for
 * pages that do not say; TIDE_CLASS_NONE: no block starts there. */
TIDE_HIDDEN unsigned tide_region_class(const void *block);

/* For a message: whether an address in an INSIDE page is inside a medium block. */
TIDE_HIDDEN bool tide_region_is_inside_block(const void *address);

/* Checked mode: note that `block` is live from now on, or no longer. False: it was so already. */
TIDE_HIDDEN bool tide_region_set_live(const void *block, unsigned cls, bool live);

#endif
