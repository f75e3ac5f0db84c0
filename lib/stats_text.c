/* For people: what is held and why, what moved, the GC, and the classes and threads that matter. */
#include "stats_out.h"

#include "stats_held.h"

/* Classes shown, those that hold most first. */
#define CLASSES_SHOWN 16
#define THREADS_SHOWN 16

static void head(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	tide_out_string(out, "Tide ");
	tide_out_version(out, snapshot->library);
	tide_out_string(out, ", process ");
	tide_out_number(out, snapshot->process_id);
	tide_out_string(out, ", ");
	tide_out_number(out, snapshot->all.threads);
	tide_out_string(out, snapshot->all.threads == 1 ? " thread, " : " threads, ");
	tide_out_number(out, snapshot->all.heaps);
	tide_out_string(out, snapshot->all.heaps == 1 ? " heap" : " heaps");
	if (!snapshot->balanced)
		tide_out_string(out, "; THE BOOKS DO NOT BALANCE");
	tide_out_char(out, '\n');
}

static void held(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	const struct tide_stats *all = &snapshot->all;
	struct tide_held row[TIDE_HELD_ROWS];
	tide_stats_held(snapshot, row);
	tide_out_string(out, "memory               ");
	tide_out_bytes(out, all->resident_bytes, 8);
	tide_out_string(out, "  of ");
	tide_out_bytes(out, all->mapped_bytes, 0);
	tide_out_string(out, " of address space; structures have ");
	tide_out_bytes(out, all->metadata_bytes, 0);
	tide_out_char(out, '\n');
	for (unsigned i = 0; i < TIDE_HELD_ROWS; i++) {
		tide_out_string(out, "  ");
		tide_out_padded(out, row[i].by, 19);
		tide_out_bytes(out, row[i].bytes, 8);
		tide_out_string(out, "  ");
		tide_out_string(out, row[i].why);
		tide_out_char(out, '\n');
	}
	tide_out_string(out, "  returned so far    ");
	tide_out_bytes(out, all->gc_returned_bytes, 8);
	tide_out_char(out, '\n');
}

static void pair(struct tide_out *out, const char *name, uint64_t count)
{
	tide_out_string(out, "  ");
	tide_out_string(out, name);
	tide_out_char(out, ' ');
	tide_out_count(out, count, 0);
}

static void movement(struct tide_out *out, const struct tide_stats *all)
{
	tide_out_string(out, "bins taken");
	pair(out, "own spare", all->swaps);
	pair(out, "from queue", all->from_queue);
	pair(out, "from GC", all->from_gc);
	pair(out, "fresh", all->from_frontier);
	tide_out_string(out, "\nbins given");
	pair(out, "to queue", all->to_queue);
	pair(out, "to GC", all->to_garbage);
	pair(out, "over level", all->over_level);
	pair(out, "failed", all->failures);
	tide_out_string(out, "\nlevels");
	pair(out, "raised", all->level_grows);
	pair(out, "reclaimed", all->level_reclaims);
	pair(out, "settled", all->level_settles);
	pair(out, "misses", all->queue_misses);
	tide_out_char(out, '\n');
}

static void collector(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	const struct tide_stats *all = &snapshot->all;
	tide_out_string(out, "GC  thread ");
	tide_out_string(out, tide_stats_gc_word(snapshot));
	if (all->gc_thread_runs && snapshot->taken_ns > all->gc_seen_ns) {
		tide_out_string(out, ", seen ");
		tide_out_time(out, snapshot->taken_ns - all->gc_seen_ns, 0);
		tide_out_string(out, " ago");
	}
	pair(out, "cycles", all->gc_cycles);
	pair(out, "inline", all->gc_inline_steps);
	pair(out, "wakes", all->gc_wakes);
	pair(out, "ticks", all->gc_ticks);
	tide_out_string(out, "\n   ");
	pair(out, "drained", all->gc_drained_blocks);
	pair(out, "refilled", all->gc_refilled_blocks);
	pair(out, "merged", all->gc_merges);
	pair(out, "purges", all->gc_purges);
	pair(out, "refused", all->gc_refusals);
	tide_out_string(out, "\n      rounds ");
	tide_out_count(out, all->gc_steps, 0);
	if (all->gc_steps > 0) {
		tide_out_string(out, ", mean ");
		tide_out_time(out, all->gc_step_ns / all->gc_steps, 0);
		tide_out_string(out, ", longest ");
		tide_out_time(out, all->gc_step_max_ns, 0);
		tide_out_string(out, ", processor time ");
		tide_out_time(out, all->gc_cpu_ns, 0);
	}
	tide_out_char(out, '\n');
}

static void class_line(struct tide_out *out, const struct tide_stats_class *own)
{
	tide_out_bytes(out, own->block_bytes, 7);
	tide_out_bytes(out, own->held_bytes, 8);
	tide_out_count(out, own->live_blocks, 8);
	tide_out_count(out, own->bin_blocks, 7);
	tide_out_count(out, own->queued_blocks, 7);
	tide_out_count(out, own->level_blocks, 7);
	tide_out_count(out, own->garbage_blocks, 8);
	tide_out_count(out, own->free_blocks, 7);
	tide_out_count(out, own->from_queue + own->from_gc + own->from_frontier, 8);
	tide_out_char(out, '\n');
}

/* Whether, of two entries of a table, the first is behind the other when most goes first. */
static bool comes_after(const struct tide_stats_class *entry, const struct tide_stats_class *other)
{
	return entry->held_bytes < other->held_bytes ||
	       (entry->held_bytes == other->held_bytes && entry > other);
}

/* The entry that holds most after `last` (an index; count: the first one), or count. */
static uint64_t next_class(const struct tide_stats_snapshot *snapshot, uint64_t last)
{
	const struct tide_stats_class *entry = snapshot->of_class;
	uint64_t count = snapshot->class_count;
	uint64_t best = count;
	for (uint64_t i = 0; i < count; i++) {
		if (last != count && !comes_after(&entry[i], &entry[last]))
			continue; /* had its turn */
		if (best == count || entry[i].held_bytes > entry[best].held_bytes)
			best = i;
	}
	return best;
}

static void classes(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	uint64_t count = snapshot->class_count;
	uint64_t at = count;
	tide_out_string(out,
	                "  class    held    live   bins queued  level garbage   free  misses\n");
	for (unsigned shown = 0; shown < CLASSES_SHOWN; shown++) {
		at = next_class(snapshot, at);
		if (at == count)
			return;
		class_line(out, &snapshot->of_class[at]);
	}
	if (count > CLASSES_SHOWN) {
		tide_out_string(out, "    and ");
		tide_out_number(out, count - CLASSES_SHOWN);
		tide_out_string(out, " more\n");
	}
}

static void threads(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	tide_out_string(
	    out, " thread heap    bins backlog slow calls  swaps from queue from GC   fresh\n");
	for (uint64_t i = 0; i < snapshot->thread_count && i < THREADS_SHOWN; i++) {
		const struct tide_stats_thread *own = &snapshot->thread[i];
		tide_out_column(out, own->thread_id, 7);
		tide_out_column(out, own->heap, 5);
		tide_out_bytes(out, own->bin_bytes, 8);
		tide_out_bytes(out, own->backlog_bytes, 8);
		tide_out_count(out, own->slow_calls, 11);
		tide_out_count(out, own->swaps, 7);
		tide_out_count(out, own->from_queue, 11);
		tide_out_count(out, own->from_gc, 8);
		tide_out_count(out, own->from_frontier, 8);
		tide_out_char(out, '\n');
	}
	if (snapshot->thread_count > THREADS_SHOWN)
		tide_out_string(out, "    and more\n");
}

void tide_stats_text(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	head(out, snapshot);
	held(out, snapshot);
	movement(out, &snapshot->all);
	collector(out, snapshot);
	classes(out, snapshot);
	threads(out, snapshot);
}
