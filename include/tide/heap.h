/* Heaps: memory of its own for a part of a program, with a limit of its own, given back in one
 * call.
 *
 * A heap is used like malloc, by any number of threads at once; each has bins of its own in it. A
 * block may also be given to free, realloc and malloc_usable_size, which find its heap, a little
 * slower; it stays in its heap. Where a heap can be NULL, which is said there, that means the
 * process's own, from which malloc takes.
 *
 * Thread safety: every function may be called by any thread at any time, but for what is said of
 * tide_heap_destroy; none in a signal handler. Progress: lock-free, but where waiting for the GC is
 * said, at a limit, and for what the program's own functions do.
 *
 * Limits. A heap counts its bytes as it is told to and keeps the count at or below its hard limit:
 *
 *   BLOCKS   the bytes that were asked for, each block's rounded up to its size class
 *            (tide_malloc_usable_size): to 16 bytes at least, by 15 bytes at most up to 128 bytes,
 *            by less than a fifth of the block up to 1 MiB, to whole pages above. (From 9 KiB it
 *            may be a class that is longer by up to an eighth, within that fifth.) A block carries
 *            no length, so more than its class is not known when it is freed; tide_store counts
 *            what was asked for exactly (TIDE_STORE_BODIES). Blocks in a thread's bins count, so
 *            an allocation may fail up to (threads in the heap) * (what their bins hold: at most
 *            twice 128 blocks or 32 KiB of a class up to 32 KiB, and 4 MiB of larger blocks) before
 *            the live blocks reach the limit. They never pass it.
 *   HELD     memory that the heap holds: pages in use by blocks, the unused rest of slabs (up to 64
 *            KiB for a class) included, and free pages that were not given back yet. Allocator
 *            structures outside of the heap's regions (a few per cent) do not count.
 *   CHARGED  the same, and what the program adds with tide_heap_charge.
 *
 * At the hard limit an allocation first collects what is free: the thread's bins, those of ended
 * and idle threads, what waits for the GC. Then, if the heap has a reclaim function, it is called
 * and the allocation tried again, until it returns 0. Then the allocation fails: NULL and ENOMEM.
 * When the count passes the soft limit the reclaim function is called once, and again only after
 * the count was back below it; the allocation succeeds.
 */
#ifndef TIDE_HEAP_H
#define TIDE_HEAP_H

#include <stdint.h>
#include <tide/tide.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tide_heap;

enum tide_heap_counts { TIDE_HEAP_BLOCKS, TIDE_HEAP_HELD, TIDE_HEAP_CHARGED };

/* All 0: a heap without limit. */
struct tide_heap_options {
	size_t reserve_bytes; /* address space to map now, and to keep */
	int reserve_touched;  /* not 0: memory for it as well */
	size_t soft_bytes;    /* limits; 0: none */
	size_t hard_bytes;
	enum tide_heap_counts counts;
	/* Not NULL: a heap whose limit the bytes of this one count in as well (in its way of
	 * counting, beside a limit of this one's own). It outlives this one and is within none
	 * itself. At its limit only this heap's free memory is collected; the other's, and that of
	 * others within it, goes back with tide_heap_purge. */
	struct tide_heap *within;
	/* Make room: the heap (NULL: the process's) needs `bytes`. May free blocks of the heap and
	 * lower its charge; must not allocate in it. Called by an allocating thread in the middle
	 * of its allocation, by several threads at once perhaps. Returns how much it freed; 0:
	 * nothing is left to free. NULL: fail at the limit. */
	size_t (*reclaim)(struct tide_heap *heap, size_t bytes, void *context);
	void *context;
};

/* A new heap; `options` may be NULL. NULL and ENOMEM when there is no memory or there are 1024
 * heaps already; NULL and EINVAL for a soft limit above the hard one, or for a heap to be within
 * that counts in another way or is within a third. */
TIDE_API struct tide_heap *tide_heap_create(const struct tide_heap_options *options);
/* Give the heap and all of its blocks back to the system. No thread may be using the heap, nor do
 * so any more, nor any of its blocks; a thread that used it may end at the same time. NULL is
 * ignored. Waits for the GC. */
TIDE_API void tide_heap_destroy(struct tide_heap *heap);

/* As the functions of the malloc family. What takes a block takes those of this heap only. */
TIDE_API void *tide_heap_malloc(struct tide_heap *heap, size_t size);
TIDE_API void *tide_heap_calloc(struct tide_heap *heap, size_t count, size_t size);
TIDE_API void *tide_heap_realloc(struct tide_heap *heap, void *block, size_t size);
TIDE_API void *tide_heap_aligned_alloc(struct tide_heap *heap, size_t alignment, size_t size);
TIDE_API void tide_heap_free(struct tide_heap *heap, void *block);
TIDE_API size_t tide_heap_usable_size(struct tide_heap *heap, const void *block);
/* The heap of a block; NULL: the process's own, or `block` is NULL. What is in no block is reported
 * as by tide_free. Lock-free; the length of a look into the page map. */
TIDE_API struct tide_heap *tide_heap_of(const void *block);

/* Handles: what tide_malloc_in says about a block saves tide_free_in the look into the page map (in
 * a heap that was created, a pair is then a third of the instructions; in the process's own, which
 * `heap` NULL means, it is no gain unless the map is cold). A hint belongs to the block, and is
 * void once the block went through realloc: with a wrong one the heap is spoilt, which only option
 * `check` finds out. */
struct tide_hint {
	uint32_t word;
};
TIDE_API void *tide_malloc_in(struct tide_heap *heap, size_t size, struct tide_hint *hint);
TIDE_API void tide_free_in(struct tide_heap *heap, void *block, struct tide_hint hint);

/* Count memory of the program's own: more of it, or less. Returns 0, or ENOMEM when the heap counts
 * TIDE_HEAP_CHARGED, the hard limit is reached, and room could not be made; less is never refused.
 * `heap` may be NULL. */
TIDE_API int tide_heap_charge(struct tide_heap *heap, ptrdiff_t bytes);
/* The reclaim function of the process's own heap (heap NULL; option limit_policy 1), or the first
 * or another one of a heap; NULL: none any more. By any thread at any time: a call gets function
 * and context of one tide_heap_set_reclaim. Calls that have begun go on, with the old ones. */
TIDE_API void tide_heap_set_reclaim(struct tide_heap *heap,
                                    size_t (*reclaim)(struct tide_heap *heap, size_t bytes,
                                                      void *context),
                                    void *context);

/* Call `visit` for each live block of a heap that tide_heap_create made, in no order, until it
 * returns something else than 0, which is returned; 0 at the end. Exact when no other thread is in
 * a call for the heap meanwhile; else blocks that come or go may be missed or reported. Blocks that
 * were freed are not reported, wherever they are. Waits for the GC, and keeps it waiting: `visit`
 * must not allocate, free, create, destroy or purge; a thread that is cancelled there ends after
 * the walk. */
TIDE_API int tide_heap_walk(struct tide_heap *heap,
                            int (*visit)(void *block, size_t bytes, void *context), void *context);

/* Give the heap's free memory back to the system now; returns the number of bytes returned. `heap`
 * may be NULL. What other threads have in their bins stays there, if they are at work. Waits for
 * the GC. */
TIDE_API size_t tide_heap_purge(struct tide_heap *heap);

struct tide_heap_stats {
	uint64_t block_bytes;   /* in blocks, live or in threads' bins */
	uint64_t held_bytes;    /* memory in use by slabs and blocks, and free but not given back */
	uint64_t charged_bytes; /* by hand */
	uint64_t counted_bytes; /* what the limit is compared with; 0 without a limit */
	uint64_t soft_bytes;    /* the limits; 0: none */
	uint64_t hard_bytes;
	uint64_t mapped_bytes;   /* address space of regions and large blocks */
	uint64_t large_bytes;    /* in large blocks */
	uint64_t free_set_bytes; /* free chunks */
	uint64_t queued_bytes;   /* in the ready queues */
	uint64_t backlog_bytes;  /* waiting for the GC */
	uint64_t threads;        /* that have bins in the heap */
	/* Times that the hard limit refused bytes, to this heap or one within its limit; memory was
	 * collected then, perhaps with success. A failure without one is the system's. */
	uint64_t refusals;
};

/* Fill in `stats`, of which the caller's header knows `size` bytes (pass sizeof *stats). `heap` may
 * be NULL. Waits for the GC's step. */
TIDE_API void tide_heap_stats(struct tide_heap *heap, struct tide_heap_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
