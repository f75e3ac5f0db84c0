/* See progress.h. */
#include "progress.h"

#include "allocator.h"
#include "format.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TERMINAL_EVERY_S 0.2
#define PLAIN_EVERY_S 2.0

void progress_start(struct progress *progress, bool quiet)
{
	memset(progress, 0, sizeof *progress);
	progress->quiet = quiet;
	progress->terminal = isatty(STDOUT_FILENO);
}

/* A line longer than the terminal would scroll instead of being rewritten. */
static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static void show(const struct progress *progress, const struct sampler *sampler,
                 const char *phase_name)
{
	const struct sample *now = &sampler->now;
	double span_s = now->seconds - progress->shown_seconds;
	struct figure rate = format_count((double)(now->calls - progress->shown_calls) / span_s);
	struct figure live = format_bytes(now->live_bytes);
	struct figure resident = format_bytes(now->resident_bytes);
	struct allocator_now allocator;
	char line[256];
	size_t used =
	    (size_t)snprintf(line, sizeof line, "%6.1f s  %-6s  %8s ops/s  live %9s  resident %9s",
	                     now->seconds, phase_name, rate.text, live.text, resident.text);

	if (allocator_read(&allocator)) {
		struct figure cycles = format_count((double)allocator.gc_cycles);
		struct figure backlog = format_bytes((double)allocator.backlog_bytes);
		struct figure misses = format_count((double)allocator.misses);

		used += (size_t)snprintf(line + used, sizeof line - used,
		                         "  GC %s cycles  backlog %s  misses %s", cycles.text,
		                         backlog.text, misses.text);
	}
	if (progress->terminal) {
		if (used > terminal_columns() - 1)
			line[terminal_columns() - 1] = '\0';
		printf("\r%s\033[K", line);
	} else {
		printf("%s\n", line);
	}
	fflush(stdout);
}

void progress_show(struct progress *progress, const struct sampler *sampler, const char *phase_name)
{
	double every_s = progress->terminal ? TERMINAL_EVERY_S : PLAIN_EVERY_S;

	if (progress->quiet || sampler->now.seconds < progress->shown_seconds + every_s)
		return;
	show(progress, sampler, phase_name);
	progress->shown_seconds = sampler->now.seconds;
	progress->shown_calls = sampler->now.calls;
}

void progress_end(struct progress *progress)
{
	if (!progress->quiet && progress->terminal)
		printf("\r\033[K");
}
