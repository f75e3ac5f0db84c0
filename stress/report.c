/* See report.h. */
#include "report.h"

#include "allocator.h"
#include "format.h"
#include "json.h"
#include "report_html.h"
#include "report_json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "tide-stress-report"

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

static void print_latency(FILE *out, const struct sampler *sampler)
{
	static const double fraction[] = { 0.5, 0.99, 0.999, 1 };
	static struct latency_sum sum;

	sampler_latency(sampler, &sum);
	fprintf(out, "\n%-25s %12s %12s %12s %12s\n", "latency", "50 %", "99 %", "99.9 %",
	        "longest");
	for (unsigned kind = 0; kind < LATENCY_KINDS; kind++) {
		fprintf(out, "  %-23s", latency_name(kind));
		for (size_t i = 0; i < sizeof fraction / sizeof fraction[0]; i++)
			fprintf(out, " %12s", format_ns(latency_at(&sum, kind, fraction[i])).text);
		fprintf(out, "\n");
	}
}

void report_print(FILE *out, const struct report *report)
{
	const struct sampler *sampler = report->sampler;
	const struct sample *all = &sampler->now;
	const struct sample *end = report->end;

	fprintf(out, "\nload\n");
	count_row(out, "operations", all->calls);
	fprintf(out, "  %-36s %12s\n", "operations/s",
	        format_count((double)end->calls / (end->seconds > 0 ? end->seconds : 1)).text);
	count_row(out, "blocks made", all->made);
	count_row(out, "blocks resized", all->resized);
	count_row(out, "blocks handed to other threads", all->handed);
	count_row(out, "threads started", all->threads);
	if (all->forks > 0)
		count_row(out, "processes forked", all->forks);
	count_row(out, "allocations refused", all->refused);
	if (all->heaps > 0) {
		count_row(out, "  by the limit of a heap", all->limited);
		count_row(out, "heaps made and destroyed", all->heaps);
	}
	print_memory(out, sampler, end);
	print_latency(out, sampler);
	allocator_report(out);
}

/* ---- files */

static void append(char *into, size_t bytes, const char *text)
{
	size_t used = strlen(into);

	snprintf(into + used, bytes - used, "%s", text);
}

/* One argument, quoted if a shell would not take it as it is. */
static void append_argument(char *into, size_t bytes, const char *argument)
{
	size_t used = strlen(into);
	bool plain =
	    *argument != '\0' && argument[strspn(argument, "abcdefghijklmnopqrstuvwxyz"
	                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                                   "0123456789-_=.,:/+@%")] == '\0';

	snprintf(into + used, bytes - used, plain ? "%s " : "'%s' ", argument);
}

void report_replay(char *into, size_t bytes, int argc, char *const argv[], uint64_t seed)
{
	char last[40];

	*into = '\0';
	for (int i = 0; i < argc; i++) {
		/* "--seed 1" and "--seed=1"; long options may be cut short, but these are not. */
		if (strcmp(argv[i], "--seed") == 0 || strcmp(argv[i], "--report") == 0)
			i++;
		else if (strncmp(argv[i], "--seed=", 7) != 0 &&
		         strncmp(argv[i], "--report=", 9) != 0)
			append_argument(into, bytes, argv[i]);
	}
	snprintf(last, sizeof last, "--seed %" PRIu64, seed);
	append(into, bytes, last);
}

bool report_write(const struct report *report, const struct report_options *options, char *path,
                  size_t path_bytes)
{
	const char *folder = options->folder != NULL ? options->folder : FOLDER;

	if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "tide-stress: %s: %s\n", folder, strerror(errno));
		return false;
	}
	json_use_own_memory();
	json_t *root = report_json(report);
	snprintf(path, path_bytes, "%s/report.json", folder);
	bool written = json_write_file(root, path);
	snprintf(path, path_bytes, "%s/report.html", folder);
	return report_html(report, root, path) && written;
}
