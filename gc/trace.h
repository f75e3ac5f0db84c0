/* The timeline of the GC: what TIDE_TRACE=PATH writes, as JSON for a trace viewer (the "trace
 * event" format that Chrome's and Perfetto's read), and static probes of provider "tide" at the
 * same places.
 *
 * Events are put into two rings and written by the publisher (publish.h): one ring for who has the
 * GC token, one for what the GC thread does without it. A full ring drops events and counts them.
 *
 * Touched by  the token's holder, the GC thread; the publisher takes out
 * Progress    wait-free; without TIDE_TRACE one load, and the probes are a no-operation each
 * Edges       trace.ring  event -> publisher (head), taken -> may be overwritten (tail); producers
 *             of the token's ring follow each other by token.pass
 */
#ifndef TIDE_GC_TRACE_H
#define TIDE_GC_TRACE_H

#include "atomic.h"
#include "os.h"

#ifndef TIDE_USDT
#define TIDE_USDT 0
#endif
#if TIDE_USDT
#include <sys/sdt.h>
#define TIDE_PROBE(name, a, b) DTRACE_PROBE2(tide, name, a, b)
#else
#define TIDE_PROBE(name, a, b) ((void)(a), (void)(b))
#endif

enum tide_trace_kind {
	TIDE_TRACE_ROUND,  /* the GC thread: with work */
	TIDE_TRACE_SLEEP,  /* a: a nap 0, dozing 1, asleep 2; b: woken by the doorbell */
	TIDE_TRACE_INLINE, /* a thread that missed did a step; a: class, b: blocks it got */
	TIDE_TRACE_HELP,   /* a thread with much garbage did a step */
	TIDE_TRACE_DRAIN,  /* a: bins */
	TIDE_TRACE_LEVEL,  /* a: class, b: the level now */
	TIDE_TRACE_TICK,   /* a: of the decay clock */
	TIDE_TRACE_PURGE,  /* a: bytes, b: whether the system took them */
	TIDE_TRACE_UNMAP,  /* a: bytes */
	TIDE_TRACE_KINDS
};

/* writers  the process's first thread, fork's child   readers  every thread
 * order    store-release, load-relaxed: who puts an event has the token, or started later
 * edges    none */
TIDE_HIDDEN extern _Atomic bool tide_trace_enabled;

/* When something begins; 0 while nothing is recorded. */
static inline uint64_t tide_trace_begin(void)
{
	return TIDE_UNLIKELY(tide_load_relaxed(&tide_trace_enabled)) ? tide_os_clock_fine_ns() : 0;
}

/* With the token: an event that began at begin_ns; begin_ns 0 and no duration: an instant. */
TIDE_HIDDEN void tide_trace_put(enum tide_trace_kind kind, uint64_t begin_ns, uint64_t a,
                                uint64_t b);
/* By the GC thread, without it. */
TIDE_HIDDEN void tide_trace_put_own(enum tide_trace_kind kind, uint64_t begin_ns, uint64_t a,
                                    uint64_t b);

#define TIDE_TRACE_SPAN(probe, kind, begin_ns, a, b)                                               \
	do {                                                                                       \
		TIDE_PROBE(probe, a, b);                                                           \
		if (TIDE_UNLIKELY((begin_ns) != 0))                                                \
			tide_trace_put(kind, begin_ns, a, b);                                      \
	} while (0)
#define TIDE_TRACE_EVENT(probe, kind, a, b)                                                        \
	do {                                                                                       \
		TIDE_PROBE(probe, a, b);                                                           \
		if (TIDE_UNLIKELY(tide_load_relaxed(&tide_trace_enabled)))                         \
			tide_trace_put(kind, 0, a, b);                                             \
	} while (0)

/* The rest is the publisher's. Once, by the process's first thread: read the option. */
TIDE_HIDDEN void tide_trace_start(void);
/* Write what was put since the last time, by appending to the file, which the first time makes
 * anew. 0, or a negative errno; then nothing is recorded any more. `last`: and the end. */
TIDE_HIDDEN int tide_trace_flush(bool last);
TIDE_HIDDEN void tide_trace_close(void);
TIDE_HIDDEN void tide_trace_forget(void);

#endif
