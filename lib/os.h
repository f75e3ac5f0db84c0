/* Every system call of the core, raw: an interposed mmap or madvise must not re-enter the
 * allocator, and the GC thread has no errno to write to.
 *
 * Touched by  every thread. Holds no state but the fault plan of the tests, and the mappings that
 *             the system did not take back (lock-free: pushed one by one, taken all at once).
 * Errors      a call that can fail returns false, NULL or a negative errno; errno is never touched.
 */
#ifndef TIDE_OS_H
#define TIDE_OS_H

#include "compiler.h"

/* Calls a test can make fail (see tide_os_fault_plan). MPROTECT is the call for guard pages. */
enum tide_os_call {
	TIDE_OS_MMAP = 1 << 0,
	TIDE_OS_MUNMAP = 1 << 1,
	TIDE_OS_MADVISE = 1 << 2,
	TIDE_OS_MREMAP = 1 << 3,
	TIDE_OS_CLONE = 1 << 4,
	TIDE_OS_FUTEX = 1 << 5,
	TIDE_OS_MPROTECT = 1 << 6,
};

/* Which calls fail. Those in `mask` are counted from 0 on, when the plan is set; the first `pass`
 * go through; of the others every `every`th fails (if that is not 0), or `percent` of a hundred at
 * random (if that is not 0), or each; after `fail` of them (UINT32_MAX: never) all go through. */
struct tide_os_faults {
	uint32_t mask, pass, fail, every, percent;
	uint64_t seed;
};

/* For tests: follow this plan from now on; mask 0 ends it. Other threads may be running: a call
 * that looks just now follows the old plan, the new one or something between. One thread at a time
 * sets plans. */
TIDE_HIDDEN void tide_os_fault_set(const struct tide_os_faults *plan);
/* The same for one run of failures: of the calls in `mask`, let `pass` go through, then fail
 * `fail`. */
TIDE_HIDDEN void tide_os_fault_plan(unsigned mask, uint32_t pass, uint32_t fail);
/* Calls that failed by any plan. */
TIDE_HIDDEN uint64_t tide_os_fault_count(void);

/* Map zeroed memory, readable and writable, not reserved against swap. `hint` is where it would be
 * welcome (0: anywhere). NULL when there is none. */
TIDE_HIDDEN void *tide_os_map(uintptr_t hint, size_t bytes);
/* As above, at a multiple of `align_bytes` (a power of two, at least a page). */
TIDE_HIDDEN void *tide_os_map_aligned(uintptr_t hint, size_t bytes, size_t align_bytes);
/* The same at that address and nowhere else; false: there is no room there. */
TIDE_HIDDEN bool tide_os_map_at(uintptr_t base, size_t bytes);
/* Make [start, start + bytes) inaccessible, for guard pages. */
TIDE_HIDDEN bool tide_os_guard(void *start, size_t bytes);
/* Make it readable and writable again, or readable only. */
TIDE_HIDDEN bool tide_os_open(void *start, size_t bytes);
TIDE_HIDDEN bool tide_os_seal(void *start, size_t bytes);
/* Whether the eight bytes there can be read; asks the system. */
TIDE_HIDDEN bool tide_os_is_readable(const void *address);
TIDE_HIDDEN bool tide_os_unmap(void *start, size_t bytes);
/* The same for a mapping that nobody has a use for, all of it writable: when the system refuses, as
 * it may at its limit of mappings, its memory goes but for a page, in which it is noted, and it is
 * tried again at later calls. False: not even the memory went. */
TIDE_HIDDEN bool tide_os_discard(void *start, size_t bytes);
/* Try it again now. */
TIDE_HIDDEN void tide_os_discard_again(void);
/* Mappings that are waiting for that, in bytes of address space. */
TIDE_HIDDEN size_t tide_os_discarded_bytes_racy(void);
/* Make a mapping longer where it is. NO_ROOM: something else is there. REFUSED: it can't be moved
 * either, because it consists of several mappings. */
enum tide_os_resized { TIDE_OS_RESIZED, TIDE_OS_NO_ROOM, TIDE_OS_REFUSED };
TIDE_HIDDEN enum tide_os_resized tide_os_grow(void *start, size_t old_bytes, size_t new_bytes);
/* Move a mapping and make it longer; `target` is a mapping of new_bytes, which it replaces. When
 * that is refused, the target is unmapped, but for the first time. */
TIDE_HIDDEN bool tide_os_move(void *start, size_t old_bytes, void *target, size_t new_bytes);
/* Give the memory back, keep the address space; the next read sees zeros. False: it was kept. */
TIDE_HIDDEN bool tide_os_purge(void *start, size_t bytes);
/* Fault the pages in now, in one call. A refusal is harmless: they fault in one by one. */
TIDE_HIDDEN void tide_os_populate(void *start, size_t bytes);
TIDE_HIDDEN void tide_os_huge(void *start, size_t bytes, bool wanted);

/* Sleep while *word == seen, at most timeout_ns (0: no limit). Wakes early at will. */
TIDE_HIDDEN void tide_os_futex_wait(void *word, uint32_t seen, uint64_t timeout_ns);
TIDE_HIDDEN void tide_os_futex_wake(void *word, uint32_t waiters);

/* Monotonic clock, coarse (a few ms), in ns. */
TIDE_HIDDEN uint64_t tide_os_clock_ns(void);
/* The same clock to its full resolution, and the processor time of the calling thread. */
TIDE_HIDDEN uint64_t tide_os_clock_fine_ns(void);
TIDE_HIDDEN uint64_t tide_os_cpu_ns(void);
TIDE_HIDDEN uint32_t tide_os_thread_id(void);
TIDE_HIDDEN uint32_t tide_os_process_id(void);
/* Whether thread `tid` of this process still exists. Unknown counts as yes. */
TIDE_HIDDEN bool tide_os_thread_exists(uint32_t tid);
TIDE_HIDDEN void tide_os_write_stderr(const char *text, size_t bytes);
_Noreturn TIDE_HIDDEN void tide_os_abort(void);
/* RLIMIT_AS, UINT64_MAX when there is none. */
TIDE_HIDDEN uint64_t tide_os_address_limit_bytes(void);

/* Open a file to be read, under a number of 512 or more, under a low RLIMIT_NOFILE of 32 or more,
 * not handed on by exec. Negative: it can't be. */
TIDE_HIDDEN int tide_os_file_open(const char *path);
/* Likewise, where `path` begins at an open folder. */
TIDE_HIDDEN int tide_os_file_open_in(int folder, const char *path);
/* Bytes read from its start, or negative. */
TIDE_HIDDEN long tide_os_file_read(int file, void *text, size_t bytes);
/* The same from where the last one ended; 0 at the end. */
TIDE_HIDDEN long tide_os_file_read_on(int file, void *text, size_t bytes);
/* Negative numbers are ignored. */
TIDE_HIDDEN void tide_os_file_close(int file);

/* Whether the plan of the tests has this call fail now; for the other files of the system calls. */
TIDE_HIDDEN bool tide_os_is_to_fail(enum tide_os_call call);

/* How long the system's pages are. */
TIDE_HIDDEN size_t tide_os_page_bytes(void);

/* From here to tide_os_cancel_restore, which gets the result of this, the calling thread is not
 * cancelled between any two instructions (PTHREAD_CANCEL_ASYNCHRONOUS). Costs nothing much where it
 * would not be anyway. */
TIDE_HIDDEN int tide_os_cancel_defer(void);
/* Does not return when the thread was cancelled in the meantime and goes at once. */
TIDE_HIDDEN void tide_os_cancel_restore(int before);

/* Run `entry(arg)` on a thread that the C library does not know of: it is not counted when the last
 * thread exits, needs no lock of the loader and leaves __libc_single_threaded alone. It has all
 * signals blocked, no capabilities (when the process is root), and a thread area of its own with
 * nothing but zeros in it, in which there is room for the thread-local variable at `covered` in the
 * calling thread (NULL: for 16 KiB): `entry` must not use the C library beyond plain memory
 * functions. `alive` is set to 1 before the start; the kernel sets it to 0 at the thread's end. The
 * stack is for the caller to unmap then. */
TIDE_HIDDEN bool tide_os_thread_start(void (*entry)(void *), void *arg, const char *name,
                                      const void *covered, _Atomic uint32_t *alive, void **stack,
                                      size_t *stack_bytes);

#endif
