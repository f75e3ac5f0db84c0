/* A trace as it is replayed: for each of its threads what it does, one call after the other, with
 * places instead of addresses. tide-replay makes it once, in a file in memory; the processes that
 * replay it under one allocator and another map it.
 *
 * Order. Each call has its number in the trace. A thread may be ahead of the slowest one by `apart`
 * calls, no more: so what is live at one time is what was live in the trace, but for so many calls,
 * and who frees a block waits for its begin. The slowest never waits for anybody: what it needs
 * lies before it, and all before it is done. So the replay can't stop.
 */
#ifndef REPLAY_PLAN_H
#define REPLAY_PLAN_H

#include "trace/summary.h"

#define PLAN_MAGIC UINT64_C(0x1e91a7454f1d3)
enum { PLAN_SAMPLES_MAX = 200, PLAN_APART_MAX = 1 << 20 };

enum plan_touch {
	PLAN_TOUCH_NONE,
	PLAN_TOUCH_ENDS,  /* the first and the last byte */
	PLAN_TOUCH_PAGES, /* and one in each page between */
	PLAN_TOUCH_ALL,
};

struct plan_settings {
	uint64_t apart;
	enum plan_touch touch;
	bool as_recorded; /* at the times of the trace; else as fast as it goes */
	double idle_s;
};

struct plan_call {
	uint64_t time_ns;
	uint64_t bytes;
	uint32_t number;     /* in the trace */
	uint32_t place, old; /* BOOKS_NO_PLACE: none */
	uint16_t sample;     /* 1 + the sample that is taken after it; 0: none */
	uint8_t function;
	uint8_t align_shift;
};
_Static_assert(sizeof(struct plan_call) == 32, "no room is lost");

/* Those that call at all, in the order of their first calls. */
struct plan_thread {
	uint64_t first, calls; /* in the plan's calls */
	uint32_t number;       /* in the trace */
	uint32_t unused;
};

struct plan {
	uint64_t magic, bytes;
	struct plan_settings settings;
	uint64_t calls, call_bytes; /* that are replayed, and what they ask for */
	uint64_t left_out;          /* that failed, or gave back blocks that are not in the trace */
	uint32_t places, threads, samples, peak_sample;
	bool has_operators;                       /* of C++ */
	uint64_t sample_number[PLAN_SAMPLES_MAX]; /* after which call of the trace */
	uint64_t sample_live[PLAN_SAMPLES_MAX];   /* bytes then, in the trace */
	uint64_t thread_offset, call_offset;      /* from the begin of this */
};

/* A descriptor that children inherit. -1: `trace->fault` says why. */
int plan_make(const struct plan **plan, struct trace *trace, const struct summary *summary,
              const struct plan_settings *settings);

static inline const struct plan_thread *plan_threads(const struct plan *plan)
{
	return (const void *)((const char *)plan + plan->thread_offset);
}

static inline const struct plan_call *plan_calls(const struct plan *plan)
{
	return (const void *)((const char *)plan + plan->call_offset);
}

#endif
