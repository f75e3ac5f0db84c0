/* Every compile-time constant of the core, with its unit in its name and the relations between
 * them asserted. What a user may tune at run time is in options.h instead.
 */
#ifndef TIDE_CONFIG_H
#define TIDE_CONFIG_H

#include <assert.h>
#include <stdint.h>

/* The OS page. Page map, purging and large blocks count in it. Where it is longer, as some kernels
 * for Arm have it (16 or 64 KiB), the process is ended at the first call (start.c). */
#define TIDE_PAGE_SHIFT 12
#define TIDE_PAGE_BYTES (1u << TIDE_PAGE_SHIFT)

/* A region is one mapping, aligned to its nominal size so that an address finds it by a shift.
 * Twice as much would double what an almost empty heap spends on tags; half as much would split
 * huge pages' benefit and double the number of mappings. */
#define TIDE_REGION_SHIFT 22
#define TIDE_REGION_BYTES (1u << TIDE_REGION_SHIFT)
#define TIDE_REGION_PAGES (TIDE_REGION_BYTES / TIDE_PAGE_BYTES)
/* Under a tight address-space limit a region may be as short as this. */
#define TIDE_REGION_MIN_BYTES (1u << 20)

/* A granule is the unit of chunks. */
#define TIDE_GRANULE_SHIFT 10
#define TIDE_GRANULE_BYTES (1u << TIDE_GRANULE_SHIFT)
#define TIDE_REGION_GRANULES (TIDE_REGION_BYTES / TIDE_GRANULE_BYTES)
#define TIDE_PAGE_GRANULES (TIDE_PAGE_BYTES / TIDE_GRANULE_BYTES)

/* Regions the tables can hold: 2^20 * 4 MiB = 4 TiB. */
#define TIDE_REGIONS_MAX (1u << 20)

/* Size classes. Small: 16-byte steps to 128, then four per doubling to 8 KiB. Medium: 1 KiB steps
 * to 128 KiB, then eight per doubling to 1 MiB. The numbers also index the page map's bytes, hence
 * 0 for "not ours".
 *
 * What is larger is mapped for itself (large.h). When that began at 128 KiB, 64 vectors that grew
 * to 1 MiB by realloc took 34 times the page faults: every step had fresh memory, and chunks have
 * used. */
#define TIDE_ALIGN_BYTES 16u
#define TIDE_SMALL_MAX_BYTES 8192u
#define TIDE_STEP_MAX_BYTES (128u * 1024u)
#define TIDE_MEDIUM_MAX_BYTES (1024u * 1024u)
#define TIDE_CLASS_NONE 0
#define TIDE_CLASS_SMALL_FIRST 1
#define TIDE_CLASS_SMALL_LAST 32
#define TIDE_CLASS_MEDIUM_FIRST 33
#define TIDE_CLASS_STEP_LAST 152
#define TIDE_CLASS_MEDIUM_LAST 176
#define TIDE_CLASS_INSIDE 177 /* a page of ours in which no block starts */
#define TIDE_CLASS_LARGE 178
#define TIDE_CLASS_HEAP 179 /* blocks of a heap that the program made: the slab or tag tells */
#define TIDE_CLASS_SLOTS 180

/* In profile mode (sample.h) free must not give a thread back what malloc counts down: the page of
 * a class that has ready bins says the class and this, which is the place of the bin for
 * returns. */
#define TIDE_RETURN_SHIFT TIDE_CLASS_SLOTS
#define TIDE_CLASS_BINNED_LAST 56
#define TIDE_PLACES (TIDE_RETURN_SHIFT + TIDE_CLASS_BINNED_LAST + 1)

/* Below this, the class comes from a table with one byte for each size. */
#define TIDE_TABLE_MAX_BYTES 1024u

/* The most pages a slab has; a class takes the largest multiple of its odd part up to it, so that
 * blocks fill the slab without a rest. Larger slabs empty less often; smaller ones cost more
 * descriptors. */
#define TIDE_SLAB_MAX_PAGES 16

/* Slots of a bin: with 64, trees that are built and dropped took 1.1 times as long; 248 measured no
 * better. And of a short one, for who is to hold few blocks: large ones, or those of a class that
 * the thread has little of. Three lines; room for what bins hold at first (option bin_blocks) and a
 * block to go under them (slow_free.c). */
#define TIDE_BIN_SLOTS 128
#define TIDE_BIN_SHORT_SLOTS 19
/* Up to 512 bytes. Blocks of these classes are many to a page: it matters that they are handed out
 * side by side (slow_free.c), and a thread keeps some for itself (stash.h). */
#define TIDE_STASH_LAST 16

/* The most that a ready queue of a medium class is to hold. */
#define TIDE_QUEUE_MEDIUM_BYTES (1ul << 20)

/* A thread's pool of medium blocks (pool.h). Classes above the first have no ready bin. A block may
 * be longer by a part than what is asked for. All threads together hold a part of the heap, each
 * within limits; and what a thread has of one class goes when that makes up a bin, half of one where
 * the thread is alone. */
#define TIDE_POOL_ONLY_BYTES (32u * 1024u)
#define TIDE_POOL_SLACK_PART 8
#define TIDE_POOL_HEAP_PART 8
#define TIDE_POOL_MIN_BYTES (512ul << 10)
#define TIDE_POOL_MAX_BYTES (4ul << 20)
#define TIDE_POOL_BIN_BYTES (512ul << 10)
#define TIDE_POOL_BIN_BLOCKS 8

/* Free chunks are kept by length: exact to 128 granules, above that four per doubling. */
#define TIDE_CHUNK_SETS 149

/* Address space of user programs, in leaves of 1 GiB: 47 bits on x86-64, 48 on 64-bit Arm. (More is
 * to be had on some machines of both, but only by asking for it.) */
#ifdef __aarch64__
#define TIDE_ADDRESS_BITS 48
#else
#define TIDE_ADDRESS_BITS 47
#endif
#define TIDE_LEAF_SHIFT 30
#define TIDE_LEAF_BYTES (1ul << TIDE_LEAF_SHIFT)
#define TIDE_LEAF_PAGES (1u << (TIDE_LEAF_SHIFT - TIDE_PAGE_SHIFT))
#define TIDE_LEAF_REGIONS (1u << (TIDE_LEAF_SHIFT - TIDE_REGION_SHIFT))
#define TIDE_LEAVES (1u << (TIDE_ADDRESS_BITS - TIDE_LEAF_SHIFT))

/* The window of the page map that the fast path reads with one load: at most so much address
 * space. 64 GiB cost 16 MiB of address space for the map (memory only where it is touched). */
#define TIDE_NEAR_MAX_BYTES (64ul << 30)
#define TIDE_NEAR_MIN_BYTES (4ul << 30)

/* Heaps that a program may have at once: a thread that uses one has a table with a seat for
 * each. */
#define TIDE_HEAPS_MAX 1024

/* Object caches at once: a thread that uses one has a table with an entry for each. Objects in a
 * slab, a bit each; slabs of a cache, which are 48 to 64 KiB but for very small and very large
 * objects. */
#define TIDE_OBJECT_CACHES_MAX 256
#define TIDE_OBJECT_SLAB_OBJECTS 2048
#define TIDE_OBJECT_SLABS_MAX (1u << 18)
#define TIDE_OBJECT_MAX_BYTES (64u * 1024u)
/* Constructed objects that a cache's depot keeps; what is above goes at the GC's next step. */
#define TIDE_OBJECT_DEPOT_BYTES (1ul << 20)

/* Metadata is mapped in arenas of this size between two guard pages. */
#define TIDE_META_ARENA_BYTES (256u * 1024u)

#define TIDE_CACHE_LINE_BYTES 64

static_assert(TIDE_CLASS_STEP_LAST - TIDE_CLASS_MEDIUM_FIRST + 1 ==
                  (TIDE_STEP_MAX_BYTES - TIDE_SMALL_MAX_BYTES) / TIDE_GRANULE_BYTES,
              "config: one class for each KiB");
static_assert(TIDE_MEDIUM_MAX_BYTES == TIDE_STEP_MAX_BYTES
                                           << (TIDE_CLASS_MEDIUM_LAST - TIDE_CLASS_STEP_LAST) / 8,
              "config: then eight classes for each doubling");
static_assert(TIDE_PLACES <= 256, "config: a class, shifted or not, is a byte of the page map");
static_assert(TIDE_CLASS_BINNED_LAST - TIDE_CLASS_MEDIUM_FIRST + 1 ==
                  (TIDE_POOL_ONLY_BYTES - TIDE_SMALL_MAX_BYTES) / TIDE_GRANULE_BYTES,
              "config: the last class with ready bins");
static_assert(TIDE_REGION_GRANULES <= 0x1fff, "config: a tag holds a length in 13 bits");
static_assert(TIDE_BIN_SLOTS <= 255, "config: counts of a bin fit in a byte");

#endif
