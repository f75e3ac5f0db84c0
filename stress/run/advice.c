/* See advice.h. The bounds are where a figure begins to be a noticeable part of the whole; none is
 * a law, and tide-tune measures what they only suggest. */
#include "advice.h"

#include "format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const double much_gc = 0.15;        /* of the processor time */
static const double much_memory = 0.1;     /* of what is resident */
static const double much_held_up = 0.1;    /* of the full bins */
static const double much_grown = 0.02;     /* of the misses */
static const uint64_t too_many_peaks = 8;  /* given back, in peaks */
static const uint64_t few_bytes = 4 << 20; /* not worth a word */
static const uint64_t few_calls = 10000;

static void __attribute__((format(printf, 2, 3)))
say(struct advice *advice, const char *format, ...)
{
	va_list list;

	if (advice->count == ADVICE_MAX)
		return;
	va_start(list, format);
	vsnprintf(advice->line[advice->count++], ADVICE_BYTES, format, list);
	va_end(list);
}

static void on_limits(struct advice *advice, const struct tide_stats *all)
{
	if (all->failures > 0)
		say(advice,
		    "%" PRIu64 " allocations found no memory: is TIDE_LIMIT, `ulimit -v` or the "
		    "container's limit too low?",
		    all->failures);
	if (all->gc_refusals > 0)
		say(advice,
		    "the system refused to take pages back %" PRIu64
		    " times: locked memory (mlock) stays resident",
		    all->gc_refusals);
	if (all->gc_container_purges > 0)
		say(advice,
		    "memory was short in the container (%" PRIu64
		    " purges): what was given back at once is faulted in again when needed",
		    all->gc_container_purges);
}

static void on_time(struct advice *advice, const struct advice_run *run)
{
	const struct tide_stats *all = &run->figures->snapshot.all;
	double share = run->cpu_s > 0 ? run->gc_s / run->cpu_s : 0;
	uint64_t full = all->to_queue + all->to_garbage;
	uint64_t misses = all->from_queue + all->from_gc + all->from_frontier;

	if (run->cpu_s > 0.1 && share > much_gc)
		say(advice,
		    "the GC took %.0f %% of the processor time: a higher TIDE_WAKE_BYTES or "
		    "TIDE_DECAY_MS gives it less to do",
		    100 * share);
	if (full > few_calls && (double)all->over_level > much_held_up * (double)full)
		say(advice,
		    "%.0f %% of the full bins passed the level of their queue, as the GC did not "
		    "keep up: a lower TIDE_WAKE_BYTES, or a processor more",
		    100 * (double)all->over_level / (double)full);
	if (misses > few_calls && (double)all->level_grows > much_grown * (double)misses)
		say(advice,
		    "ready queues were found empty and grew %" PRIu64
		    " times: a higher TIDE_QUEUE_BLOCKS and TIDE_QUEUE_FIRST_BYTES, or "
		    "TIDE_QUEUE_GROW_BINS, gets there sooner",
		    all->level_grows);
	if (all->gc_returned_bytes > few_bytes &&
	    all->gc_returned_bytes / too_many_peaks > run->peak_bytes)
		say(advice,
		    "%s went back to the system, %.0f times the peak: pages that are needed "
		    "again are faulted in again; a higher TIDE_DECAY_MS keeps them (in a process "
		    "of one thread TIDE_RETAIN_BYTES)",
		    format_bytes((double)all->gc_returned_bytes).text,
		    (double)all->gc_returned_bytes / (double)run->peak_bytes);
}

static void on_memory(struct advice *advice, const struct tide_stats *all)
{
	double resident = (double)all->resident_bytes;
	uint64_t half_free = all->slab_free_bytes > all->slab_purged_bytes
	                         ? all->slab_free_bytes - all->slab_purged_bytes
	                         : 0;

	if (all->queued_bytes > few_bytes && (double)all->queued_bytes > much_memory * resident)
		say(advice,
		    "%s lie in ready queues: a lower TIDE_QUEUE_MAX_BYTES holds less, and threads "
		    "miss more often",
		    format_bytes((double)all->queued_bytes).text);
	if (all->bin_bytes > few_bytes && (double)all->bin_bytes > much_memory * resident)
		say(advice, "%s lie in the bins of %" PRIu64 " threads: a lower TIDE_BIN_MAX_BYTES",
		    format_bytes((double)all->bin_bytes).text, all->threads);
	if (half_free > few_bytes && (double)half_free > 2.5 * much_memory * resident)
		say(advice,
		    "%s are free on pages that also hold live blocks: blocks that live long lie "
		    "among short-lived ones; a heap of their own would part them (tide/heap.h)",
		    format_bytes((double)half_free).text);
	if (all->backlog_bytes > few_bytes && (double)all->backlog_bytes > much_memory * resident)
		say(advice, "%s wait in garbage bins: a lower TIDE_WAKE_BYTES wakes the GC sooner",
		    format_bytes((double)all->backlog_bytes).text);
}

void advice_give(struct advice *advice, const struct advice_run *run)
{
	advice->count = 0;
	if (!figures_are_known(run->figures))
		return;
	on_limits(advice, &run->figures->snapshot.all);
	on_time(advice, run);
	on_memory(advice, &run->figures->snapshot.all);
}
