/* See summary.h. */
#include "summary.h"

#include "text.h"

#include <inttypes.h>

bool summary_make(struct summary *summary, struct trace *trace)
{
	struct trace_event event;
	uint64_t first_ns = UINT64_MAX, last_ns = 0;
	bool good = books_open(&summary->books, 0);

	for (int i = 0; i < TRACE_FUNCTIONS; i++)
		summary->of[i] = 0;
	summary->nulls = summary->threads = summary->ended_threads = summary->took_ns = 0;
	while (good && trace_next(trace, &event)) {
		struct books_change change;

		summary->of[event.function]++;
		summary->ended_threads += event.function == TRACE_THREAD_END;
		if (event.function != TRACE_THREAD_END && event.old == 0 &&
		    (trace_parts(event.function) & (TRACE_OLD | TRACE_RESULT)) == TRACE_OLD)
			summary->nulls++;
		if (event.thread > summary->threads)
			summary->threads = event.thread;
		if (event.time_ns < first_ns)
			first_ns = event.time_ns;
		if (event.time_ns + event.took_ns > last_ns)
			last_ns = event.time_ns + event.took_ns;
		good = books_enter(&summary->books, &event, &change);
	}
	summary->took_ns = last_ns > first_ns ? last_ns - first_ns : 0;
	if (!good)
		trace_fail(trace, "at", 0, "no memory for its live blocks");
	books_close(&(struct books){ .table = summary->books.table,
	                             .later = summary->books.later,
	                             .rest = summary->books.rest });
	summary->books.table = NULL;
	summary->books.later = NULL;
	summary->books.rest = NULL;
	return trace->fault[0] == '\0' && trace_rewind(trace);
}

static void line(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

void summary_print(FILE *out, const struct summary *summary, const struct trace *trace)
{
	const struct books *books = &summary->books;

	fprintf(out, "program %s\n", trace->head.program);
	line(out, "process", trace->head.process);
	line(out, "forked", trace->head.is_forked);
	line(out, "ended", trace->head.ended);
	line(out, "threads", summary->threads);
	line(out, "ended_threads", summary->ended_threads);
	line(out, "nanoseconds", summary->took_ns);
	line(out, "calls", books->calls);
	for (unsigned i = 1; i < TRACE_THREAD; i++) {
		if (summary->of[i] != 0)
			line(out, trace_function_name(i), summary->of[i]);
	}
	line(out, "of_no_block", summary->nulls);
	line(out, "failed", books->failed);
	line(out, "lost", trace->head.lost);
	line(out, "foreign", books->foreign);
	line(out, "overlaps", books->overlaps);
	line(out, "blocks", books->blocks);
	line(out, "bytes", books->bytes);
	line(out, "peak_bytes", books->peak_bytes);
	line(out, "peak_blocks", books->peak_blocks);
	line(out, "end_bytes", books->live_bytes);
	line(out, "end_blocks", books->live_blocks);
	line(out, "file_bytes", trace->file_bytes);
	line(out, "call_bytes", trace->call_bytes);
}
