/* See plan.h. */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct making {
	struct plan *plan;
	struct plan_thread *thread; /* in the order of the first calls */
	struct plan_call *call;
	uint32_t *index_of; /* of a thread's number; 0: none yet, else one more */
	uint64_t every, next_sample, peak_call;
};

/* How many calls each thread has at most, and in which order the threads come. */
static bool count_threads(struct making *making, struct trace *trace, struct plan_thread *thread,
                          uint32_t *threads)
{
	struct trace_event event;

	*threads = 0;
	while (trace_next(trace, &event)) {
		if (event.function == TRACE_THREAD_END)
			continue;
		if (making->index_of[event.thread] == 0) {
			thread[*threads] = (struct plan_thread){ .number = event.thread };
			making->index_of[event.thread] = ++*threads;
		}
		thread[making->index_of[event.thread] - 1].calls++;
	}
	return trace_rewind(trace);
}

static uint8_t align_shift(uint64_t alignment)
{
	uint8_t shift = 0;

	while (shift < 40 && (UINT64_C(1) << shift) < alignment)
		shift++;
	return shift;
}

static void add_sample(struct making *making, const struct books *books, struct plan_call *call)
{
	struct plan *plan = making->plan;
	bool is_peak = books->calls == making->peak_call;

	if ((!is_peak && books->calls < making->next_sample) || plan->samples == PLAN_SAMPLES_MAX)
		return;
	while (making->next_sample <= books->calls)
		making->next_sample += making->every;
	if (is_peak)
		plan->peak_sample = plan->samples;
	plan->sample_number[plan->samples] = books->calls;
	plan->sample_live[plan->samples] = books->live_bytes;
	call->sample = (uint16_t)++plan->samples;
}

/* What is not replayed: calls that failed in the trace, and ends of blocks that it does not
 * have. */
static bool is_left_out(const struct trace_event *event, const struct books_change *change)
{
	return change->has_failed || (change->is_foreign && event->result == 0);
}

static void add_call(struct making *making, const struct books *books,
                     const struct trace_event *event, const struct books_change *change)
{
	struct plan *plan = making->plan;
	struct plan_thread *thread = &making->thread[making->index_of[event->thread] - 1];

	if (is_left_out(event, change)) {
		plan->left_out++;
		return;
	}
	struct plan_call *call = &making->call[thread->first + thread->calls++];
	*call = (struct plan_call){
		.time_ns = event->time_ns,
		.bytes = change->begun.bytes,
		.number = (uint32_t)books->calls,
		.place = change->begun.address != 0 ? change->begun.place : BOOKS_NO_PLACE,
		.old = change->ended.address != 0 ? change->ended.place : BOOKS_NO_PLACE,
		.function = event->function,
		.align_shift = align_shift(event->align),
	};
	if ((trace_parts(event->function) & TRACE_RESULT) == 0)
		call->bytes = event->size; /* of a sized free */
	else
		plan->call_bytes += call->bytes;
	plan->calls++;
	plan->has_operators |= event->function >= TRACE_NEW && event->function < TRACE_THREAD;
	add_sample(making, books, call);
}

static bool fill(struct making *making, struct trace *trace)
{
	struct books_change change;
	struct trace_event event;
	struct books books;
	bool good = books_open(&books, making->plan->settings.apart);

	while (good && trace_next(trace, &event)) {
		good = books_enter(&books, &event, &change);
		if (good && event.function != TRACE_THREAD_END)
			add_call(making, &books, &event, &change);
	}
	if (!good)
		trace_fail(trace, "at", 0, "no memory for its live blocks");
	making->plan->places = books.places;
	books_close(&books);
	return trace->fault[0] == '\0';
}

/* The plan's memory, with all its parts in their places, and no calls yet. */
static int map_plan(struct making *making, struct trace *trace, const struct plan_thread *thread,
                    uint32_t threads, const struct plan_settings *settings)
{
	uint64_t calls = 0, call_offset = sizeof(struct plan) + threads * sizeof *thread;

	for (uint32_t i = 0; i < threads; i++)
		calls += thread[i].calls;
	call_offset = (call_offset + 63) & ~UINT64_C(63);
	uint64_t bytes = call_offset + calls * sizeof(struct plan_call);
	int file = memfd_create("tide-replay", 0);
	void *mapped = MAP_FAILED;
	if (file >= 0 && ftruncate(file, (off_t)bytes) == 0)
		mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED) {
		trace_fail(trace, "at", 0, "no memory for the plan of %llu calls: %s",
		           (unsigned long long)calls, strerror(errno));
		if (file >= 0)
			close(file);
		return -1;
	}
	making->plan = mapped;
	*making->plan = (struct plan){ .magic = PLAN_MAGIC,
		                       .bytes = bytes,
		                       .settings = *settings,
		                       .threads = threads,
		                       .thread_offset = sizeof(struct plan),
		                       .call_offset = call_offset };
	making->thread = (void *)((char *)mapped + sizeof(struct plan));
	making->call = (void *)((char *)mapped + call_offset);
	calls = 0;
	for (uint32_t i = 0; i < threads; i++) {
		making->thread[i] =
		    (struct plan_thread){ .first = calls, .number = thread[i].number };
		calls += thread[i].calls;
	}
	return file;
}

static const struct plan_call *sorted_calls; /* for the comparison, which gets no more arguments */

static int compare_threads(const void *a, const void *b)
{
	const struct plan_thread *one = a, *other = b;
	uint32_t x = sorted_calls[one->first].number, y = sorted_calls[other->first].number;

	return x < y ? -1 : x > y;
}

/* In the order of the first calls that are replayed; those that have none go. */
static void sort_threads(struct making *making)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < making->plan->threads; i++) {
		if (making->thread[i].calls > 0)
			making->thread[kept++] = making->thread[i];
	}
	making->plan->threads = kept;
	sorted_calls = making->call;
	qsort(making->thread, kept, sizeof *making->thread, compare_threads);
}

int plan_make(const struct plan **plan, struct trace *trace, const struct summary *summary,
              const struct plan_settings *settings)
{
	struct making making = { .peak_call = summary->books.peak_call, .next_sample = 1 };
	struct plan_thread *thread = calloc(summary->threads + 1, sizeof *thread);
	uint32_t threads;
	int file = -1;

	/* One sample is the peak's. */
	making.every = summary->books.calls / (PLAN_SAMPLES_MAX - 2) + 1;
	making.index_of = calloc(summary->threads + 1, sizeof *making.index_of);
	if (summary->books.calls > UINT32_MAX)
		trace_fail(trace, "at", 0, "more than 2^32 calls can't be replayed");
	else if (thread == NULL || making.index_of == NULL)
		trace_fail(trace, "at", 0, "no memory for its threads");
	else if (count_threads(&making, trace, thread, &threads))
		file = map_plan(&making, trace, thread, threads, settings);
	if (file >= 0 && !fill(&making, trace)) {
		close(file);
		file = -1;
	}
	if (file >= 0)
		sort_threads(&making);
	free(thread);
	free(making.index_of);
	*plan = making.plan;
	return file;
}
