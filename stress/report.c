/* See report.h. */
#include "report.h"

#include "allocator.h"
#include "format.h"

#include <inttypes.h>

static void count_row(FILE *out, const char *label, uint64_t count)
{
	fprintf(out, "  %-36s %12s\n", label, format_count((double)count).text);
}

static void memory_row(FILE *out, const char *label, double live_bytes, double resident_bytes,
                       bool with_ratio)
{
	fprintf(out, "  %-36s %12s %12s", label, format_bytes(live_bytes).text,
	        format_bytes(resident_bytes).text);
	if (with_ratio)
		fprintf(out, " %9s", format_ratio(resident_bytes, live_bytes).text);
	fprintf(out, "\n");
}

static void print_memory(FILE *out, const struct sampler *sampler, const struct sample *end)
{
	double samples = sampler->samples > 0 ? (double)sampler->samples : 1;

	fprintf(out, "\n%-38s %12s %12s %9s\n", "memory", "live", "resident", "ratio");
	/* The two peaks need not be of the same moment: no ratio. */
	memory_row(out, "peak", sampler->peak.live_bytes, sampler->peak.resident_bytes, false);
	memory_row(out, "mean", sampler->sum.live_bytes / samples,
	           sampler->sum.resident_bytes / samples, true);
	if (sampler->idles > 0)
		memory_row(out, "after a drop and the idle phase",
		           sampler->idle_sum.live_bytes / (double)sampler->idles,
		           sampler->idle_sum.resident_bytes / (double)sampler->idles, true);
	memory_row(out, "at the end of the load", end->live_bytes, end->resident_bytes, true);
	memory_row(out, "final, all freed", sampler->now.live_bytes, sampler->now.resident_bytes,
	           false);
	fprintf(out, "  %-36s %12s %12s\n", "the program itself, not counted above", "",
	        format_bytes(sampler->base_bytes).text);
}

void report_print(FILE *out, const struct sampler *sampler, const struct sample *end)
{
	const struct sample *all = &sampler->now;

	fprintf(out, "\nload\n");
	count_row(out, "operations", all->calls);
	fprintf(out, "  %-36s %12s\n", "operations/s",
	        format_count((double)end->calls / (end->seconds > 0 ? end->seconds : 1)).text);
	count_row(out, "blocks made", all->made);
	count_row(out, "blocks resized", all->resized);
	count_row(out, "blocks handed to other threads", all->handed);
	count_row(out, "threads started", all->threads);
	count_row(out, "allocations refused", all->refused);
	print_memory(out, sampler, end);
	allocator_report(out);
}
