/* Free sets: free chunks by length. Exact for 1 to 128 granules, above that four sets per doubling.
 *
 * A set is kept per region (a list through arrays beside the tags) with a bitmap over the regions,
 * so adding, removing any given chunk, and taking from the oldest region are all O(1), need no
 * memory and so cannot fail. Whether a neighbour is free its tag says; no search is made.
 *
 * Measured instead, on 3,500 free chunks in 200 regions, random frees and takes of 9 to 40 KiB,
 * 0.33 merges each: a hash set of addresses. The set operations that one free and one take need
 * cost 1,100 ns in ck_hs 0.7.1 (with ck_hs_gc every 100,000 operations, as its tombstones demand)
 * and 140 ns in an open-addressing table with backward shift; the whole of a free and a take here,
 * with tags, page bitmaps and finding the oldest region, which a hash set can't, costs 350 ns, of
 * which set_insert and set_remove are 70 ns. And a table must grow, so freeing could fail.
 *
 * Touched by  the holder of the GC token only
 * Invariants  no two free chunks are neighbours; page_free has exactly the pages that lie wholly in
 *             free chunks; a chunk is in the set of its length
 */
#ifndef TIDE_GC_FREESET_H
#define TIDE_GC_FREESET_H

#include "step.h"

/* Free a chunk: untagged, or tagged as anything. Merges it with a free prev and next. */
TIDE_HIDDEN void tide_gc_chunk_free(struct tide_region *region, unsigned first, unsigned granules,
                                    bool dirty);
/* Take `granules` at a multiple of `align` granules (a power of two): the smallest set that has
 * one, there the oldest region. The rest goes back. False when there is none. The chunk is
 * untagged. */
TIDE_HIDDEN bool tide_gc_chunk_take(struct tide_heap *heap, unsigned granules, unsigned align,
                                    struct tide_region **region, unsigned *first);
/* Its pages hold memory from now on, as far as the GC knows. */
TIDE_HIDDEN void tide_gc_chunk_will_be_used(struct tide_region *region, unsigned first,
                                            unsigned granules);
/* Take the region's only chunk out of the sets, when it covers the whole region. */
TIDE_HIDDEN void tide_gc_chunk_withdraw(struct tide_region *region);
static inline bool tide_gc_region_is_free(const struct tide_region *region)
{
	return tide_load_relaxed(&region->tag[0]) ==
	       (TIDE_TAG_FREE | tide_load_relaxed(&region->granules));
}
/* The set for chunks of that length. */
TIDE_HIDDEN unsigned tide_gc_set_of(unsigned granules);
TIDE_HIDDEN bool tide_gc_freeset_is_valid(const struct tide_region *region, unsigned end);

#endif
