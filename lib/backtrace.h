/* Where a call came from: the return addresses on the calling thread's stack, innermost first.
 *
 * By frame pointers, or by the tables of libgcc's unwinder, which know programs without them, too.
 * Neither may wait or allocate here: we are inside malloc, perhaps inside the loader, perhaps in a
 * signal handler. So libgcc is used only
 *
 *   - where the C library has _dl_find_object (2.35), by which libgcc (12) finds its tables without
 *     the loader's lock;
 *   - once it was fetched and has made its first backtrace, in this library's constructor: both
 *     take locks, or allocate;
 *   - unless it is libgcc that calls malloc: it does so, under a lock of its own, for code that was
 *     registered by hand, by a compiler at run time. (That leaves one case: a signal handler that
 *     allocates, and interrupts libgcc with that lock, in a process that registered code so. Frame
 *     pointers have no such case.)
 *
 * Else by frame pointers. A chain is followed up the stack, by steps that are not far, and what it
 * points to is read only after the system said that it can be.
 *
 * libgcc takes 2,200 instructions for a frame. What it found is kept in two ways. A thread's last
 * backtrace (the memo): the outer part of a stack is most often what it was. And, on x86-64, how
 * far it is from a return address's frame to the next one, where the compiler fixed that: tables
 * reckon a frame from the stack pointer, by a number that is the same each time, or from another
 * register that calls preserve, which then points into the frame it is for. So a distance is
 * learned only where none of them did, and the address found lay where a call puts it (not,
 * therefore, across a signal's frame). A walk by distances takes only addresses that libgcc has
 * found before; where it does not know on, libgcc does the whole. Some of each thread's backtraces
 * are wholly libgcc's, for code that was unloaded and replaced.
 *
 * Touched by  every thread     Progress  wait-free: a bounded number of frames
 * Edges       backtrace.ready  who fetched the unwinder -> every thread
 */
#ifndef TIDE_BACKTRACE_H
#define TIDE_BACKTRACE_H

#include "compiler.h"

#include <unwind.h>

/* Fetch libgcc's unwinder, where there is one. Not from inside malloc. */
TIDE_HIDDEN void tide_backtrace_start(void);
/* Up to `room` return addresses from `frame` on: __builtin_frame_address(0) in a function that the
 * program called, or jumped to; its number. */
TIDE_HIDDEN unsigned tide_backtrace_frames(uintptr_t *address, unsigned room, void *const *frame);
/* The last backtrace of a thread. A frame that lies where one lay, with the same address in it, and
 * beyond which all return addresses are in their places, is not unwound again. */
#define TIDE_BACKTRACE_FRAMES 40
#define TIDE_BACKTRACE_PRESERVED 6
struct tide_backtrace_memo {
	unsigned frames;
	unsigned taken; /* backtraces until now */
	uintptr_t address[TIDE_BACKTRACE_FRAMES];
	uintptr_t stack[TIDE_BACKTRACE_FRAMES]; /* the stack pointer after the return */
};

/* The same by what is best, in three steps; the second is made in the caller's frame, since a frame
 * of ours costs libgcc as much as one of the program. */
struct tide_backtrace_trace {
	uintptr_t *address;
	unsigned room, frames;
	uintptr_t from; /* 0: passed already */
	struct tide_backtrace_memo *memo;
	unsigned known; /* frames of the memo that lie further in than what was seen */
	uintptr_t page; /* the last one of which the system said that it can be read */
	/* Where registers pointed in the frame that was taken last. */
	uintptr_t preserved[TIDE_BACKTRACE_PRESERVED];
	uintptr_t stack[TIDE_BACKTRACE_FRAMES];
};

/* Begin: NULL if there is nothing to do between, because all frames are there already or libgcc is
 * not to be used. */
typedef _Unwind_Reason_Code tide_backtrace_unwind(_Unwind_Trace_Fn visit, void *trace);
TIDE_HIDDEN tide_backtrace_unwind *tide_backtrace_begin(struct tide_backtrace_trace *trace,
                                                        uintptr_t *address, unsigned room,
                                                        void *const *frame,
                                                        struct tide_backtrace_memo *memo);
TIDE_HIDDEN _Unwind_Reason_Code tide_backtrace_take(struct _Unwind_Context *context, void *trace);
TIDE_HIDDEN unsigned tide_backtrace_end(struct tide_backtrace_trace *trace, void *const *frame);

/* `room` is no more than TIDE_BACKTRACE_FRAMES. `memo`: of the thread, or NULL. */
TIDE_INLINE unsigned tide_backtrace(uintptr_t *address, unsigned room, void *const *frame,
                                    struct tide_backtrace_memo *memo)
{
	struct tide_backtrace_trace trace;
	tide_backtrace_unwind *unwind = tide_backtrace_begin(&trace, address, room, frame, memo);
	if (unwind != NULL)
		(void)unwind(tide_backtrace_take, &trace);
	return tide_backtrace_end(&trace, frame);
}

#endif
