/* Where a thread's calls go: chunks of the process's trace file, mapped and shared, so that what
 * was written is in the file whatever becomes of the process. See ../trace/format.h.
 *
 * Touched by  each thread its own stream; the spare ones, of threads that ended, by any.
 * Progress    a call is encoded into mapped memory: no lock, no wait, no system call but one in
 *             some thousands, for the next chunk. Nothing is allocated from the recorded allocator.
 * Fork        the child finds the mark of its parent wiped, and begins a file of its own; the
 *             parent's chunks are not mapped there. A vforked child is a part of its parent.
 * Crash       `used` of a chunk is stored after the call it covers. A kill loses nothing, the loss
 *             of power what the system had not written yet.
 */
#ifndef RECORD_STREAM_H
#define RECORD_STREAM_H

#include "../order.h"
#include "../trace/encode.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct stream {
	unsigned char *next, *limit; /* limit: a call that begins before it has room */
	unsigned char *chunk;
	/* Of the chunk: see struct trace_chunk.
	 * writers  the thread                          readers  whoever reads the file
	 * order    release, so that the call is there before; read after the writer is gone */
	_Atomic uint32_t *used;
	struct trace_last last;
	uint32_t thread;     /* its number; 0: none yet */
	uint32_t chunks;     /* it had */
	uint32_t generation; /* of processes: see stream.c */
	uint32_t chunk_bytes;
	bool is_busy;    /* in the midst of a write: what comes in between is lost */
	bool has_ended;  /* the thread: what still comes is written and let go at once */
	bool is_watched; /* its end will be noticed */
	unsigned end_rounds;
};

/* Initial-exec: another model's first access could allocate. */
extern __thread struct stream stream
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The mark of this process, and where its time counts from.
 * writers  who opens a file                    readers  every thread
 * order    release, acquire                    edges    stream.open */
struct stream_process {
	_Atomic uint32_t is_open; /* in a page of its own, which fork wipes */
};
extern struct stream_process *_Atomic stream_process __attribute__((visibility("hidden")));
extern uint64_t stream_started_ns __attribute__((visibility("hidden")));

/* Make room: a file for the process, a chunk for the thread. False: the call is lost, and counted.
 * Preserves errno. */
__attribute__((visibility("hidden"), noinline, cold)) bool stream_make_room(void);
/* After a call of a thread that has ended. */
__attribute__((visibility("hidden"), noinline, cold)) void stream_let_go(void);
/* The constructor and the destructor of the library. */
__attribute__((visibility("hidden"))) void stream_begin(void);
__attribute__((visibility("hidden"))) void stream_end(void);

static inline uint64_t stream_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline bool stream_has_room(void)
{
	const struct stream_process *process = load_acquire(&stream_process); /* stream.open */

	return process != NULL && load_relaxed(&process->is_open) != 0 &&
	       stream.next < stream.limit;
}

/* Write a call; its times are the clock's. */
static inline __attribute__((always_inline)) void stream_write(struct trace_event event)
{
	if (__builtin_expect(stream.is_busy || !stream_has_room(), 0)) {
		if (!stream_make_room())
			return;
	}
	stream.is_busy = true;
	atomic_signal_fence(memory_order_seq_cst); /* a handler that allocates finds it busy */
	event.time_ns -= stream_started_ns;
	/* A file that was opened during the call, or a thread's clock that a child goes on with. */
	if (event.time_ns < stream.last.time_ns || (int64_t)event.time_ns < 0)
		event.time_ns = stream.last.time_ns;
	stream.next = trace_encode(stream.next, &stream.last, &event);
	store_release(stream.used, (uint32_t)(stream.next - stream.chunk));
	stream.is_busy = false;
	if (__builtin_expect(stream.has_ended, 0))
		stream_let_go();
}

#endif
