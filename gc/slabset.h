/* Free blocks of the small classes: bits in their slabs, and for each class a bitmap of the slabs
 * that have any, by region and by place, so that refilling goes from the oldest region and in
 * address order: new blocks lie side by side, and young regions drain.
 *
 * Touched by  the holder of the GC token only
 * Invariants  slab.free_blocks == bits set; a slab is in slab_partial exactly when it has any; a
 *             slab that is wholly free becomes a free chunk at once
 */
#ifndef TIDE_GC_SLABSET_H
#define TIDE_GC_SLABSET_H

#include "step.h"

/* Note block `idx` as free. False: it was so already. */
TIDE_HIDDEN bool tide_gc_slab_put(struct tide_slab *slab, unsigned idx);
/* The same for all blocks of a bin of a small class, quickly; those that are no blocks or
 * free already stay in the bin. */
TIDE_HIDDEN void tide_gc_slab_put_bin(struct tide_heap *heap, struct tide_bin *bin);
/* What a thread kept of a slab (stash.h), which was taken out of its stash. */
TIDE_HIDDEN void tide_gc_slab_take_over(struct tide_slab *slab);
/* Up to `want` free blocks of the bin's class into the bin, no more than fit under its mark, the
 * lowest address on top. */
TIDE_HIDDEN unsigned tide_gc_slab_take(struct tide_heap *heap, struct tide_bin *bin, unsigned want);
/* Cut a free chunk into blocks of the class, all free. False: no chunk, or no descriptor. */
TIDE_HIDDEN bool tide_gc_slab_carve(struct tide_heap *heap, unsigned cls);
/* For a sweep, which notes in each slab that it saw its free blocks: pages of the region, in the
 * word-wise bitmap `pages`, in which all blocks of a slab are free. */
TIDE_HIDDEN void tide_gc_slab_sweep(struct tide_region *region, uint64_t *pages);
TIDE_HIDDEN bool tide_gc_slab_is_valid(const struct tide_slab *slab);

#endif
