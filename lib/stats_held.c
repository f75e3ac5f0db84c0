#include "stats_held.h"

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

static const char *why_backlog(const struct tide_stats *all)
{
	if (all->gc_thread_runs)
		return "waits for the GC thread";
	return "no GC thread: waits for a thread that misses";
}

static const char *why_chunks(const struct tide_stats *all)
{
	if (all->gc_refusals > 0)
		return "the system refused some of it (locked?)";
	if (all->gc_thread_runs)
		return "goes back when unused for decay_ms";
	return "no GC thread: retain_bytes of it may stay";
}

static const char *why_cached(const struct tide_stats *all)
{
	if (all->gc_thread_runs)
		return "for the next of that size, for decay_ms";
	return "for the next of that size; no GC to age it";
}

void tide_stats_held(const struct tide_stats_snapshot *snapshot,
                     struct tide_held held[TIDE_HELD_ROWS])
{
	const struct tide_stats *all = &snapshot->all;
	const struct tide_held row[TIDE_HELD_ROWS] = {
		{ "live blocks", less(all->live_bytes, all->large_bytes), "the program has them" },
		{ "live large blocks", all->large_bytes, "the program has them" },
		{ "bins of threads", all->bin_bytes,
		  "at hand; the GC takes an idle thread's spare" },
		{ "ready queues", all->queued_bytes, "for who misses next; unmissed levels fall" },
		{ "garbage bins", all->backlog_bytes, why_backlog(all) },
		{ "slabs, free part", less(all->slab_free_bytes, all->slab_purged_bytes),
		  "on pages with live blocks, or freed just now" },
		{ "free chunks", all->chunk_dirty_bytes, why_chunks(all) },
		{ "large blocks, kept", all->large_cached_bytes, why_cached(all) },
	};
	for (unsigned i = 0; i < TIDE_HELD_ROWS; i++)
		held[i] = row[i];
}

const char *tide_stats_gc_word(const struct tide_stats_snapshot *snapshot)
{
	if (!snapshot->all.gc_thread_runs)
		return "none";
	switch (snapshot->all.gc_state) {
	case 0:
		return "at work";
	case 1:
		return "dozing";
	default:
		return "asleep";
	}
}
