/* Large blocks: above the medium sizes, in whole pages mapped for them.
 *
 * The descriptor of a block hangs in the page map at the block's first page. A
 * freed one is kept for a while (large_keep.h), merged with its neighbours, so that the next is
 * served without page faults; the GC's clock gives back what is kept, and it is bounded in bytes.
 *
 * Touched by  every thread; the GC ages what is kept
 * Ownership   of a descriptor: whoever took it out of its page-map slot by swap, or off a stack
 * Progress    lock-free; a few system calls at the most
 * Edges       large.slot  store into the page map (with the block's pointer) -> the freer's swap
 *             large.keep  see large_keep.h
 *             large.list  who makes a heap's descriptor -> who walks its blocks
 */
#ifndef TIDE_LARGE_H
#define TIDE_LARGE_H

#include "config.h"
#include "stack.h"

struct tide_heap;

struct tide_large {
	struct tide_node node; /* must be first: spare descriptors */
	/* Address and mapped size.
	 * writers  the owner   readers  every thread that has the block's pointer
	 * order    relaxed     edges    none: ownership comes by large.slot and stack.hand */
	_Atomic uintptr_t base;
	_Atomic size_t bytes;
	/* Plain: for ever. A descriptor of a heap that a program made serves its blocks alone, and
	 * is listed there. */
	struct tide_heap *heap;
	struct tide_large *all_next;
};

/* The large blocks of a heap. */
struct tide_larges {
	/* Descriptors, live or spare; the default heap lists none.
	 * writers  the maker of one, by CAS   readers  who walks or destroys the heap
	 * order    cas-release, load-acquire  edges    large.list */
	TIDE_OWN_LINE _Atomic(struct tide_large *) all;
	struct tide_stack spare;
	/* writers every thread  readers every thread  order relaxed: a counter  edges none */
	_Atomic uint64_t live_bytes;
};

/* A block of the heap, of at least `bytes` at a multiple of `align_bytes` (a power of two). *zeroed
 * tells whether it is known to be zero. NULL: out of memory. */
TIDE_HIDDEN void *tide_large_alloc(struct tide_heap *heap, size_t bytes, size_t align_bytes,
                                   bool *zeroed);
/* Free the large block that starts at `block`; false when none does. */
TIDE_HIDDEN bool tide_large_free(void *block);
/* Its size, 0 when no large block starts there. */
TIDE_HIDDEN size_t tide_large_bytes(const void *block);
/* Its heap; NULL when no large block starts there. */
TIDE_HIDDEN struct tide_heap *tide_large_heap(const void *block);
/* Free those of a heap that a program made. */
TIDE_HIDDEN void tide_large_free_all(struct tide_heap *heap);
/* Whether the descriptor has a block. */
TIDE_HIDDEN bool tide_large_is_live(struct tide_large *large);
/* For a message: whether the address lies inside a large block (of up to 1 GiB). */
TIDE_HIDDEN bool tide_large_is_inside(const void *address);
/* Resize: in place or moved by the system without copying; NULL when that is impossible (the block
 * is then as before). */
TIDE_HIDDEN void *tide_large_resize(void *block, size_t bytes);

/* The GC's part, at each tick: give back what was not needed since the last one; returns bytes.
 * Call only with the token. */
TIDE_HIDDEN size_t tide_large_age(void);
/* Give back what is kept until it is no more than enough_bytes, unless another thread is at it;
 * returns bytes. Any thread. */
TIDE_HIDDEN size_t tide_large_trim(uint64_t enough_bytes);
/* Give back all that is kept, waiting for who is at it, but not for ever; returns bytes. */
TIDE_HIDDEN size_t tide_large_purge(void);

TIDE_HIDDEN uint64_t tide_large_live_bytes_racy(void);
TIDE_HIDDEN uint64_t tide_large_live_blocks_racy(void);
TIDE_HIDDEN uint64_t tide_large_cached_bytes_racy(void);

#endif
