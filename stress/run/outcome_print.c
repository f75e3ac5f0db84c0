/* See outcome.h. */
#include "outcome.h"

#include "format.h"
#include "stats_held.h"
#include "wrap.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

enum { CLASSES_SHOWN = 6, WIDTH = 78 };

static void print_wrapped(FILE *out, const char *mark, const char *text)
{
	wrap_print(out, text, fprintf(out, "%s", mark), WIDTH);
}

static void print_end(FILE *out, const struct outcome *outcome)
{
	const struct launched *launched = &outcome->launched;

	fprintf(out, "tide-run: %s: ", outcome->command[0]);
	if (WIFSIGNALED(launched->status))
		fprintf(out, "ended by signal %d (%s) after ", WTERMSIG(launched->status),
		        strsignal(WTERMSIG(launched->status)));
	else if (WEXITSTATUS(launched->status) != 0)
		fprintf(out, "exit status %d after ", WEXITSTATUS(launched->status));
	else
		fprintf(out, "done in ");
	fprintf(out, "%.3f s, processor %.3f s (%.3f user, %.3f system)\n", launched->wall_s,
	        launched->user_s + launched->system_s, launched->user_s, launched->system_s);
	fprintf(out, "  peak      %s resident (with files it mapped), of the largest process\n",
	        format_bytes((double)launched->peak_bytes).text);
}

static void print_gc(FILE *out, const struct outcome *outcome)
{
	const struct figures *figures = &outcome->figures;
	const struct tide_stats *all = &figures->snapshot.all;
	double cpu_s = outcome_cpu_s(outcome), gc_s = outcome_gc_s(outcome);

	fprintf(out, "  returned  %s to the system, in %" PRIu64 " calls\n",
	        format_bytes((double)figures->returned_bytes).text, all->gc_purges);
	if (gc_s > 0 && cpu_s > 0)
		fprintf(out, "  GC        %s%.3f s, %.1f %% of the processor time",
		        figures->gc_is_bound ? "at most " : "", gc_s, 100 * gc_s / cpu_s);
	else
		fprintf(out, "  GC        no thread of its own");
	fprintf(out, "; %" PRIu64 " steps, %" PRIu64 " of them by threads that missed\n",
	        all->gc_cycles, all->gc_inline_steps);
}

static void print_held(FILE *out, const struct tide_stats_snapshot *snapshot)
{
	struct tide_held held[TIDE_HELD_ROWS];
	uint64_t all_bytes = snapshot->all.resident_bytes;

	tide_stats_held(snapshot, held);
	fprintf(out, "  held at the end: %s, of that %s in live blocks\n",
	        format_bytes((double)all_bytes).text,
	        format_bytes((double)snapshot->all.live_bytes).text);
	for (int i = 0; i < TIDE_HELD_ROWS; i++) {
		if (held[i].bytes * 20 >= all_bytes && held[i].bytes > 0)
			fprintf(out, "    %-20s %10s  %s\n", held[i].by,
			        format_bytes((double)held[i].bytes).text, held[i].why);
	}
}

static uint64_t misses_of(const struct tide_stats_class *class)
{
	return class->from_queue + class->from_gc + class->from_frontier;
}

/* By memory held; the misses tell equals apart. */
static bool is_before(const struct tide_stats_class *a, const struct tide_stats_class *b)
{
	if (a->held_bytes != b->held_bytes)
		return a->held_bytes > b->held_bytes;
	return misses_of(a) > misses_of(b);
}

static void print_classes(FILE *out, const struct tide_stats_snapshot *snapshot)
{
	const struct tide_stats_class *top[CLASSES_SHOWN];
	unsigned count = 0;

	for (uint64_t i = 0; i < snapshot->class_count; i++) {
		const struct tide_stats_class *class = &snapshot->of_class[i];
		unsigned at = count;
		while (at > 0 && is_before(class, top[at - 1]))
			at--;
		if (at == CLASSES_SHOWN)
			continue;
		count += count < CLASSES_SHOWN;
		memmove(&top[at + 1], &top[at], (count - 1 - at) * sizeof top[0]);
		top[at] = class;
	}
	if (count == 0)
		return;
	fprintf(out, "  top classes, by memory held:\n    %8s  %10s  %11s  %8s  %10s  %8s  %8s\n",
	        "class", "held", "live blocks", "misses", "from queue", "from GC", "fresh");
	for (unsigned i = 0; i < count; i++)
		fprintf(out, "    %8" PRIu64 "  %10s  %11s  %8s  %10s  %8s  %8s\n",
		        top[i]->block_bytes, format_bytes((double)top[i]->held_bytes).text,
		        format_count((double)top[i]->live_blocks).text,
		        format_count((double)misses_of(top[i])).text,
		        format_count((double)top[i]->from_queue).text,
		        format_count((double)top[i]->from_gc).text,
		        format_count((double)top[i]->from_frontier).text);
}

static void print_source(FILE *out, const struct figures *figures)
{
	uint64_t process = figures->snapshot.process_id;

	if (figures->source == FIGURES_PAGE)
		fprintf(out,
		        "  process %" PRIu64
		        " told nothing at its end: details are as last seen on its page\n",
		        process);
	else if (figures->processes > 1)
		fprintf(out,
		        "  %u processes told statistics; details are of process %" PRIu64
		        ", which mapped most\n",
		        figures->processes, process);
}

void outcome_print(FILE *out, const struct outcome *outcome)
{
	const struct figures *figures = &outcome->figures;
	char text[512];
	const char *why = outcome_why_no_figures(outcome, text);

	print_end(out, outcome);
	if (why != NULL) {
		print_wrapped(out, "  ", why);
		return;
	}
	print_gc(out, outcome);
	print_source(out, figures);
	if (figures->looks > 0)
		fprintf(out, "  seen at most, of process %" PRIu64 ": %s held, %s live\n",
		        figures->page.process_id,
		        format_bytes((double)figures->peak_resident_bytes).text,
		        format_bytes((double)figures->peak_live_bytes).text);
	print_held(out, &figures->snapshot);
	print_classes(out, &figures->snapshot);
	fprintf(out, "  advice:\n");
	for (unsigned i = 0; i < outcome->advice.count; i++)
		print_wrapped(out, "  - ", outcome->advice.line[i]);
	if (outcome->advice.count == 0)
		print_wrapped(out, "  - ",
		              "nothing stands out; whether other settings do better, "
		              "`tide-tune -- COMMAND` measures");
}
