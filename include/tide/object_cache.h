/* Object caches: objects of one size and type, kept constructed while nobody uses them.
 *
 * After J. Bonwick's slab allocator (USENIX Summer 1994) and its magazines (Bonwick and Adams,
 * USENIX 2001): what a constructor sets up once (a lock, a list head, a buffer that the object
 * owns) stays set up from one user of the object to the next. tide_object_alloc and
 * tide_object_free work on bins of the calling thread, as malloc and free do, with fewer
 * instructions than these; full bins go round between threads through a depot; objects lie side by
 * side at exactly their size.
 *
 *   raw --construct--> free --alloc--> live --free--> free --destruct--> raw
 *
 * Objects that nobody took out of the depot for half of `decay_ms` are destructed, and a slab in
 * which all objects are raw goes back to its heap: by the GC, by threads that give objects back
 * when there is no GC thread, and by tide_purge. An idle thread keeps at most two bins, one of
 * which the GC takes; a thread that ends leaves its bins to the next one, or to the GC.
 *
 * Thread safety: every function may be called by any thread at any time, but for what is said of
 * tide_object_cache_destroy; none in a signal handler. Progress: all but that one are lock-free,
 * but for what constructor and destructor do, and at a limit of the heap.
 */
#ifndef TIDE_OBJECT_CACHE_H
#define TIDE_OBJECT_CACHE_H

#include <stdint.h>
#include <tide/tide.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tide_heap;
struct tide_object_cache;

struct tide_object_options {
	size_t size; /* of an object, 1 to 65536 bytes */
	/* A power of two up to 4096; 0: 8 or 16, as the size is a multiple of (an object of 24
	 * bytes takes up 24). */
	size_t alignment;
	/* Make an object out of memory of any content. Returns 0, or an error, which becomes errno.
	 * Called in tide_object_alloc by the allocating thread, for up to 128 objects at once,
	 * before they are needed. It may do what the caller may do, use this cache and others as
	 * well, but destroy none, and not leave by longjmp or an exception. NULL: objects come as
	 * they are. */
	int (*construct)(void *object, void *context);
	/* Undo what the constructor did; the object is as its last user left it. Called by any
	 * thread that is in a call for the cache, in tide_purge or in tide_gc_step. It must not
	 * destroy a cache, nor allocate or free objects of this one. */
	void (*destruct)(void *object, void *context);
	void *context; /* for both */
	/* Not 0: the GC thread may call `destruct`, so that an idle process lets go of its objects
	 * as well. It is a thread that the C library does not know: the destructor may then use
	 * memory, atomics, system calls that do not wait, and free and its relatives, but nothing
	 * else of the C library, no memory from malloc, and no thread-local variables. Without a
	 * destructor the GC drains the cache anyway. */
	int destruct_in_gc;
	/* Where slabs come from, and whose limit counts them, whole; NULL: the process's. It must
	 * outlive the cache. */
	struct tide_heap *heap;
};

/* A new cache. NULL and EINVAL for a size or alignment out of range; NULL and ENOMEM when there is
 * no memory, or there are 256 caches already. */
TIDE_API struct tide_object_cache *
tide_object_cache_create(const struct tide_object_options *options);
/* Destruct the cache's free objects and give its memory back. No thread may be using the cache, nor
 * do so any more; a thread that used it may end at the same time. Returns how many objects were
 * live: they are gone as well, without their destructor. NULL is ignored. Waits for the GC. */
TIDE_API uint64_t tide_object_cache_destroy(struct tide_object_cache *cache);

/* A constructed object; NULL and errno ENOMEM, or the constructor's error. */
TIDE_API void *tide_object_alloc(struct tide_object_cache *cache);
/* Give an object back, constructed as the next user expects it. NULL is ignored, errno is
 * preserved. What is not an object of the cache, or was given back before, is reported as by
 * tide_free: at the latest when it is destructed, with option `check` at once. */
TIDE_API void tide_object_free(struct tide_object_cache *cache, void *object);

/* Destruct the free objects of the depot and of the calling thread now, by the calling thread.
 * Returns how many there were. */
TIDE_API uint64_t tide_object_cache_drain(struct tide_object_cache *cache);

struct tide_object_stats {
	uint64_t object_bytes;       /* that an object takes up */
	uint64_t slab_objects;       /* in a slab */
	uint64_t slabs;              /* now */
	uint64_t held_bytes;         /* in slabs */
	uint64_t raw_objects;        /* in slabs, not constructed */
	uint64_t depot_objects;      /* constructed, and free for any thread */
	uint64_t out_objects;        /* live, or in threads' bins */
	uint64_t constructed;        /* objects, since the cache was created */
	uint64_t destructed;         /* likewise */
	uint64_t construct_failures; /* the constructor returned an error */
	uint64_t depot_hits;         /* bins that a thread took out of the depot */
	uint64_t depot_misses;       /* the depot was empty */
	uint64_t slabs_made;
	uint64_t slabs_returned;
};

/* Fill in `stats`, of which the caller's header knows `size` bytes (pass sizeof *stats). Lock-free;
 * while threads run the figures are not of one instant. */
TIDE_API void tide_object_cache_stats(struct tide_object_cache *cache,
                                      struct tide_object_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
