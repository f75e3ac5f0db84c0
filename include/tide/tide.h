/* Tide: a general-purpose memory allocator. Start reading here.
 *
 * libtide.a replaces malloc and its family in the program it is linked into; libtide-core.a has
 * only the names below; libtide-preload.so does the same as libtide.a under LD_PRELOAD. All three
 * share one mechanism: threads take and give blocks from bins of their own without locks, atomic
 * read-modify-writes or system calls; a GC thread merges, sorts and returns what was freed.
 *
 * Thread safety: every function may be called from any thread at any time, except from a signal
 * handler that interrupted the allocator. Progress: the functions of the malloc family are
 * lock-free; tide_purge, tide_malloc_trim and the tide_gc_* controls may wait for the GC.
 *
 * Cost: a call that the thread's bins serve takes the same few instructions for each block; any
 * other one does work that has a bound, whatever the number of blocks, makes a few system calls at
 * most, and begins again only where another thread got on. Beyond that are the bytes that calloc
 * clears and realloc copies; an allocation that is about to fail, or is at a limit, for which all
 * that is free is collected first; and tide_purge and tide_malloc_trim, which go through all of it.
 *
 * Signal handlers: async-signal-safe are tide_malloc_usable_size, tide_free(NULL), tide_version,
 * of <tide/stats.h> tide_stats_read, tide_stats_take_snapshot, tide_stats_format and
 * tide_stats_write, and of <tide/profile.h> tide_profile_write and tide_profile_mean_bytes. Nothing
 * else is, the malloc family least of all, by whatever name. A handler that allocates or frees all
 * the same never waits, since there is no lock, but when it has interrupted the allocator in its
 * own thread, a block may be handed out twice or get lost. So may it when a handler leaves the
 * allocator by siglongjmp. Ending the process from a handler, by _exit, quick_exit or exit, does
 * not hang, whatever was interrupted; functions of atexit must not allocate then.
 *
 * Cancellation: no function here is a point of cancellation. Asynchronous cancellation is not
 * allowed in them, as POSIX says of nearly all functions. A thread that is cancelled inside one all
 * the same is treated as one that vanished: others go on, and what it had in hand is lost; while it
 * does the GC's work it is not cancelled. One that ends then without a word, by a raw exit system
 * call in a signal handler or by a filter, takes the GC with it for good: malloc goes on, from fresh
 * memory mostly, and nobody waits; what is freed is not collected and does not go back. (The first
 * thread is not found missing: the system keeps it until the others end, so tide_purge waits until
 * then, and fork for five seconds.)
 *
 * Stacks: the functions of the malloc family take less than 4 KiB of stack, so a thread may have
 * PTHREAD_STACK_MIN.
 *
 * Credentials: the GC thread is not known to the C library. It follows the program's threads when
 * their user, groups, capabilities or no_new_privs change: while it works within a tenth of a
 * second, else within five seconds; later, up to 13 seconds, when they change to and fro. What must
 * hold at once, and what /proc does not show of a thread (Landlock, security labels, namespaces of
 * one thread), is preceded by tide_gc_stop and followed by tide_gc_start.
 *
 * Filters of system calls: the GC thread ends for good when the first thread gets a filter that it
 * does not have; asleep in a process with no_new_privs and without capabilities it may take 30
 * seconds. A filter for all threads must allow what Tide calls:
 *   always            futex, madvise, mmap, munmap, mremap, mprotect, clock_gettime, getpid,
 *                     gettid, tgkill, pread64, exit
 *   tide_gc_stop      close as well, as has the end of a GC thread by itself
 *   a GC thread       clone, rt_sigprocmask, prctl as well, and of root geteuid, capset: when it is
 *                     started, by tide_gc_start or by a second thread's use of the allocator, and
 *                     prctl still in its first second
 *   a bad free        write, rt_sigprocmask, rt_sigaction, exit_group, and tgkill, for its report
 * and where options ask for files or sockets what these take.
 */
#ifndef TIDE_TIDE_H
#define TIDE_TIDE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIDE_VERSION_MAJOR 0
#define TIDE_VERSION_MINOR 1
#define TIDE_VERSION_PATCH 0

#if defined(__GNUC__)
#define TIDE_API __attribute__((visibility("default")))
#else
#define TIDE_API
#endif

/* The malloc family. Sizes and alignments are in bytes. On failure: NULL and errno ENOMEM, or
 * EINVAL for a bad alignment; a block that was to be resized stays as it is. A size of 0 gives a
 * unique pointer. A block is the caller's, at its address, until it is freed or resized; its bytes
 * are undefined, but for tide_calloc's, which are 0. Blocks are aligned to 16 bytes; up to 8 KiB
 * also to the largest power of two, up to 4 KiB, that divides their class. Overflowing products and
 * sizes above PTRDIFF_MAX fail with ENOMEM. */
TIDE_API void *tide_malloc(size_t size);
TIDE_API void *tide_calloc(size_t count, size_t size);
/* tide_realloc(p, 0) with p not NULL frees p and returns NULL. What free reports of its pointer it
 * reports as well; with option `check` off a pointer into a small block only when that is freed. */
TIDE_API void *tide_realloc(void *block, size_t size);
TIDE_API void *tide_reallocarray(void *block, size_t count, size_t size);
/* `alignment`: a power of two; memalign and aligned_alloc accept any such, posix_memalign also
 * wants a multiple of sizeof(void *). It returns 0, or the error, with *block and errno as they
 * were. valloc: at a page; pvalloc: whole pages. */
TIDE_API void *tide_aligned_alloc(size_t alignment, size_t size);
TIDE_API void *tide_memalign(size_t alignment, size_t size);
TIDE_API int tide_posix_memalign(void **block, size_t alignment, size_t size);
TIDE_API void *tide_valloc(size_t size);
TIDE_API void *tide_pvalloc(size_t size);

/* Give a block back. NULL is ignored; errno is preserved. A pointer that is not one of Tide's
 * blocks, or that was freed before, is reported on stderr and ends the program (option `fatal`). */
TIDE_API void tide_free(void *block);
/* As tide_free; `size` (and `alignment`) must be what the block was asked for with. */
TIDE_API void tide_free_sized(void *block, size_t size);
TIDE_API void tide_free_aligned_sized(void *block, size_t alignment, size_t size);

/* Bytes that may be used at `block`, at least what was asked for; 0 for NULL. `block` must be the
 * start of a block: with option `check` off a pointer into a small one may get the whole block's size. */
TIDE_API size_t tide_malloc_usable_size(const void *block);

/* Give all free memory back to the system now. Waits for a GC pass that is running and then does
 * its own. `pad` bytes may be kept; Tide keeps none. Returns 1 if memory was returned, else 0. */
TIDE_API int tide_malloc_trim(size_t pad);
/* The same; returns the number of bytes returned. */
TIDE_API size_t tide_purge(void);

#ifndef __cplusplus
/* As mallinfo2 of the C library, whose <malloc.h> has the structure: arena (regions), hblks and
 * hblkhd (large blocks), uordblks (live), fordblks (the rest of arena), fsmblks (of that, in the
 * bins of threads and in queues), keepcost (free chunks that hold memory); what Tide has no
 * counterpart of is 0. For C only: C++ wants the structure complete in a declaration with C
 * linkage. */
struct mallinfo2;
TIDE_API struct mallinfo2 tide_mallinfo2(void);
#endif

/* As malloc_stats of the C library: statistics in words on stderr (<tide/stats.h> has more). */
TIDE_API void tide_malloc_stats(void);

/* The GC. By default its thread starts when a second thread uses the allocator; a single thread
 * does the GC's work itself, in bounded steps. A program may also run the GC on a thread of its
 * own: tide_gc_stop once, then tide_gc_step in a loop. */

/* Start the GC thread now. Returns 0; EALREADY when it runs; EAGAIN when no thread can be had. */
TIDE_API int tide_gc_start(void);
/* End the GC thread and wait for its end; it is not started again except by tide_gc_start.
 * Returns 0, or ESRCH when there was none. Everything goes on working without it. */
TIDE_API int tide_gc_stop(void);
/* Do one bounded step of the GC's work on the calling thread. Returns 1 when there was work, 0 when
 * all was done, -1 when another thread was doing it. Never waits. */
TIDE_API int tide_gc_step(void);

/* "major.minor.patch". */
TIDE_API const char *tide_version(void);

#ifdef __cplusplus
}
#endif

#endif
