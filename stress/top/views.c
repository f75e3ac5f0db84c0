#include "screen.h"

#include "stats_held.h"

#include <curses.h>
#include <stdio.h>
#include <string.h>

static const char *bar(double part, unsigned width)
{
	static char text[64];
	unsigned filled = part <= 0 ? 0 : (unsigned)(part * width + 0.5);
	if (width >= sizeof text)
		width = sizeof text - 1;
	if (filled > width)
		filled = width;
	memset(text, ' ', width);
	memset(text, '#', filled);
	text[width] = '\0';
	return text;
}

static double part_of(uint64_t part, uint64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

struct graph {
	const char *name;
	enum series series;
	bool bytes, a_second;
};

static void draw_graph(const struct screen *screen, const struct scene *scene,
                       const struct graph *graph, int y)
{
	char line[HISTORY_SAMPLES * 3 + 1];
	double now = history_now(scene->history, graph->series);
	int width = COLS - 34;
	const char *number = graph->bytes ? show_bytes(now, 8) : show_count(now, 8);
	if (graph->series == SERIES_GC_PERCENT) {
		static char percent[16];
		snprintf(percent, sizeof percent, "%7.1f%%", now);
		number = percent;
	}
	put_at(y, 0, "%-19s%s%s", graph->name, number, graph->a_second ? "/s" : "  ");
	if (width < 4)
		return;
	if (width > HISTORY_SAMPLES)
		width = HISTORY_SAMPLES;
	history_sparkline(scene->history, graph->series, (unsigned)width, screen->ascii, line,
	                  sizeof line);
	mvaddstr(y, 32, line);
}

void view_memory(const struct screen *screen, const struct scene *scene, int from, int to)
{
	static const struct graph graph[] = {
		{ "live", SERIES_LIVE, true, false },
		{ "held by Tide", SERIES_RESIDENT, true, false },
		{ "rss of the process", SERIES_RSS, true, false },
		{ "waiting for the GC", SERIES_BACKLOG, true, false },
		{ "misses", SERIES_MISSES, false, true },
		{ "bins by queues", SERIES_EXCHANGES, false, true },
		{ "returned", SERIES_RETURNED, true, true },
		{ "processor of the GC", SERIES_GC_PERCENT, false, false },
	};
	struct tide_held held[TIDE_HELD_ROWS];
	uint64_t all = scene->snapshot->all.resident_bytes;
	int y = from;
	tide_stats_held(scene->snapshot, held);
	head_at(y++, "memory is held by              why it is not returned");
	for (unsigned i = 0; i < TIDE_HELD_ROWS && y < to; i++, y++)
		put_at(y, 0, "%-19s%s %3.0f%%  %s", held[i].by,
		       show_bytes((double)held[i].bytes, 7), 100 * part_of(held[i].bytes, all),
		       held[i].why);
	y++;
	if (y < to) {
		char line[80];
		snprintf(line, sizeof line,
		         "%-19s%8s    the last %.0f seconds, each by its highest", "over time",
		         "now", (COLS > 34 ? COLS - 34 : 0) * scene->interval_s);
		head_at(y++, line);
	}
	for (size_t i = 0; i < sizeof graph / sizeof graph[0] && y < to; i++, y++)
		draw_graph(screen, scene, &graph[i], y);
}

/* So that the last page is full. */
static void bound_scroll(struct screen *screen, size_t rows, int lines)
{
	size_t room = lines > 0 ? (size_t)lines : 0;
	if (rows <= room)
		screen->scroll = 0;
	else if (screen->scroll > rows - room)
		screen->scroll = (unsigned)(rows - room);
}

static const unsigned column_width[COLUMN_COUNT] = { 7, 8, 9, 8, 8, 8, 8, 8, 9 };

static void class_head(const struct screen *screen, size_t rows, size_t all, int y)
{
	int x = 0;
	for (int i = 0; i < COLUMN_COUNT; i++) {
		int width = (int)column_width[i];
		bool sorted = screen->sort == (enum column)i;
		char text[24];
		snprintf(text, sizeof text, "%s%s", column_name((enum column)i),
		         !sorted                                  ? ""
		         : (i == COLUMN_BLOCK) != screen->reverse ? "^"
		                                                  : "v");
		attron(A_BOLD | (sorted ? A_REVERSE : 0));
		put_at(y, x + width - (int)strlen(text), "%s", text);
		attroff(A_BOLD | A_REVERSE);
		x += width;
	}
	if (rows < all)
		put_at(2, 0, "%zu of %zu classes: lengths %s", rows, all, screen->filter_text);
}

void view_classes(struct screen *screen, const struct scene *scene, int from, int to)
{
	const struct tide_stats_snapshot *now = scene->snapshot;
	unsigned index[TIDE_STATS_CLASSES];
	size_t rows = table_sort(now, &screen->filter, screen->sort, screen->reverse, index);
	class_head(screen, rows, now->class_count, from);
	bound_scroll(screen, rows, to - from - 1);
	for (size_t i = screen->scroll; i < rows; i++) {
		int y = from + 1 + (int)(i - screen->scroll), x = 0;
		if (y >= to)
			break;
		for (int c = 0; c < COLUMN_COUNT; c++) {
			double value =
			    (double)column_value(&now->of_class[index[i]], (enum column)c);
			bool bytes = c == COLUMN_BLOCK || c == COLUMN_HELD;
			put_at(y, x, "%s",
			       bytes ? show_bytes(value, column_width[c])
			             : show_count(value, column_width[c]));
			x += (int)column_width[c];
		}
	}
}

void view_queues(struct screen *screen, const struct scene *scene, int from, int to)
{
	const struct tide_stats_snapshot *now = scene->snapshot;
	unsigned index[TIDE_STATS_CLASSES];
	size_t rows = table_sort(now, &screen->filter, screen->sort, screen->reverse, index);
	head_at(from,
	        "  class   blocks    level  filled              missed    full  raised lowered");
	bound_scroll(screen, rows, to - from - 1);
	for (size_t i = screen->scroll; i < rows; i++) {
		const struct tide_stats_class *own = &now->of_class[index[i]];
		int y = from + 1 + (int)(i - screen->scroll);
		if (y >= to)
			break;
		uint64_t most =
		    own->level_blocks > own->queued_blocks ? own->level_blocks : own->queued_blocks;
		put_at(y, 0, "%s %s %s  [%s] %s%s%s%s", show_bytes((double)own->block_bytes, 7),
		       show_count((double)own->queued_blocks, 8),
		       show_count((double)own->level_blocks, 8),
		       bar(part_of(own->queued_blocks, most), 16),
		       show_count((double)own->queue_misses, 7),
		       show_count((double)own->queue_fulls, 8),
		       show_count((double)own->level_grows, 8),
		       show_count((double)own->level_shrinks, 8));
	}
}

static void gc_times(const struct tide_stats_snapshot *now, int from, int to)
{
	uint64_t most = 0;
	int first = -1, last = 0;
	for (int i = 0; i < TIDE_STATS_STEP_TIMES; i++) {
		if (now->gc_step_times[i] == 0)
			continue;
		first = first < 0 ? i : first;
		last = i;
		if (now->gc_step_times[i] > most)
			most = now->gc_step_times[i];
	}
	if (first < 0)
		return;
	head_at(from++, "rounds of the GC thread by how long they took");
	/* The longest ones matter most. */
	if (last - first + 1 > to - from)
		first = last - (to - from) + 1;
	for (int i = first; i <= last && from < to; i++, from++)
		put_at(from, 0, "  below %s %s  %s", show_time((double)(256ull << i), 6),
		       show_count((double)now->gc_step_times[i], 8),
		       bar(part_of(now->gc_step_times[i], most), 40));
}

void view_gc(const struct screen *screen, const struct scene *scene, int from, int to)
{
	const struct tide_stats_snapshot *now = scene->snapshot;
	const struct tide_stats *all = &now->all;
	(void)screen;
	double ago_ns =
	    now->taken_ns > all->gc_seen_ns ? (double)(now->taken_ns - all->gc_seen_ns) : 0;
	put_at(from, 0, "thread: %s", tide_stats_gc_word(now));
	if (all->gc_thread_runs)
		put_at(from, 17, "began its last round %s before these figures",
		       show_time(ago_ns, 0));
	put_at(
	    from + 1, 0, "rounds %s  mean %s  longest %s  processor time %s",
	    show_count((double)all->gc_steps, 7),
	    show_time(all->gc_steps > 0 ? (double)all->gc_step_ns / (double)all->gc_steps : 0, 0),
	    show_time((double)all->gc_step_max_ns, 0), show_time((double)all->gc_cpu_ns, 0));
	put_at(from + 2, 0, "cycles %s  by callers %s  woken %s  ticks %s of %llu ms",
	       show_count((double)all->gc_cycles, 7), show_count((double)all->gc_inline_steps, 0),
	       show_count((double)all->gc_wakes, 0), show_count((double)all->gc_ticks, 0),
	       (unsigned long long)now->decay_ms / 2);
	put_at(from + 3, 0, "blocks drained %s  refilled %s   chunks merged %s",
	       show_count((double)all->gc_drained_blocks, 0),
	       show_count((double)all->gc_refilled_blocks, 0),
	       show_count((double)all->gc_merges, 0));
	put_at(from + 4, 0, "levels raised %s  lowered %s  reclaimed %s   queues found empty %s",
	       show_count((double)all->level_grows, 0), show_count((double)all->level_settles, 0),
	       show_count((double)all->level_reclaims, 0),
	       show_count((double)all->queue_misses, 0));
	put_at(from + 5, 0, "returned %s in %s calls, refused %s; regions mapped %s, unmapped %s",
	       show_bytes((double)all->gc_returned_bytes, 0), show_count((double)all->gc_purges, 0),
	       show_count((double)all->gc_refusals, 0), show_count((double)all->regions_mapped, 0),
	       show_count((double)all->regions_unmapped, 0));
	put_at(from + 6, 0, "waiting for it %s; free without memory %s of %s; books %s",
	       show_bytes((double)all->backlog_bytes, 0), show_bytes((double)all->purged_bytes, 0),
	       show_bytes((double)all->free_set_bytes, 0),
	       now->balanced ? "balance" : "DO NOT BALANCE");
	gc_times(now, from + 8, to);
}

static void heap_lines(const struct tide_stats_snapshot *now, int from, int to)
{
	head_at(from++,
	        "  heap threads    live    bins  queued backlog    free  mapped   limit returned");
	for (uint64_t i = 0; i < now->heap_count && from < to; i++, from++) {
		const struct tide_stats_heap *own = &now->heap[i];
		put_at(from, 0, "%6llu%8llu%s%s%s%s%s%s%s%s", (unsigned long long)own->heap,
		       (unsigned long long)own->threads,
		       show_bytes((double)(own->live_bytes + own->large_bytes), 8),
		       show_bytes((double)own->bin_bytes, 8),
		       show_bytes((double)own->queued_bytes, 8),
		       show_bytes((double)own->backlog_bytes, 8),
		       show_bytes((double)own->free_set_bytes, 8),
		       show_bytes((double)own->mapped_bytes, 8),
		       own->hard_bytes != 0 ? show_bytes((double)own->hard_bytes, 8) : "       -",
		       show_bytes((double)own->returned_bytes, 9));
	}
}

void view_threads(struct screen *screen, const struct scene *scene, int from, int to)
{
	const struct tide_stats_snapshot *now = scene->snapshot;
	int heaps = (int)now->heap_count + 1;
	int split = to - (heaps < 6 ? heaps : 6);
	head_at(from,
	        "  thread  heap    bins backlog  misses: swap   queue      GC   fresh  failed");
	bound_scroll(screen, now->thread_count, split - from - 2);
	for (uint64_t i = screen->scroll; i < now->thread_count; i++) {
		const struct tide_stats_thread *own = &now->thread[i];
		int y = from + 1 + (int)(i - screen->scroll);
		if (y >= split - 1)
			break;
		put_at(y, 0, "%8llu%6llu%s%s%s%s%s%s%s", (unsigned long long)own->thread_id,
		       (unsigned long long)own->heap, show_bytes((double)own->bin_bytes, 8),
		       show_bytes((double)own->backlog_bytes, 8),
		       show_count((double)own->swaps, 14), show_count((double)own->from_queue, 8),
		       show_count((double)own->from_gc, 8),
		       show_count((double)own->from_frontier, 8),
		       show_count((double)own->failures, 8));
	}
	heap_lines(now, split, to);
}
