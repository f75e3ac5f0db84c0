#include "history.h"

#include <stdio.h>
#include <string.h>

static void put(struct history *history, enum series series, double value)
{
	history->value[series][history->next] = value;
}

/* Counters that went back belong to another life of the process. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static uint64_t misses_of(const struct tide_stats *all)
{
	return all->from_queue + all->from_gc + all->from_frontier;
}

static uint64_t exchanges_of(const struct tide_stats *all)
{
	return all->from_queue + all->to_queue;
}

static void put_rates(struct history *history, const struct tide_stats *all, double seconds)
{
	const struct tide_stats *last = &history->last;
	put(history, SERIES_MISSES, rate(misses_of(all), misses_of(last), seconds));
	put(history, SERIES_EXCHANGES, rate(exchanges_of(all), exchanges_of(last), seconds));
	put(history, SERIES_RETURNED,
	    rate(all->gc_returned_bytes, last->gc_returned_bytes, seconds));
	put(history, SERIES_GC_PERCENT, rate(all->gc_cpu_ns, last->gc_cpu_ns, seconds) / 1e7);
}

void history_add(struct history *history, const struct tide_stats_snapshot *snapshot,
                 uint64_t rss_bytes)
{
	const struct tide_stats *all = &snapshot->all;
	bool first = history->count == 0;
	double seconds = 0;
	if (!first && snapshot->taken_ns > history->last_taken_ns)
		seconds = (double)(snapshot->taken_ns - history->last_taken_ns) / 1e9;
	put(history, SERIES_LIVE, (double)all->live_bytes);
	put(history, SERIES_RESIDENT, (double)all->resident_bytes);
	put(history, SERIES_RSS, (double)rss_bytes);
	put(history, SERIES_BACKLOG, (double)all->backlog_bytes);
	/* The page was not written since: the rates are still what they were. */
	bool stale = !first && seconds <= 0 && all->gc_state != 2;
	for (enum series i = SERIES_MISSES; stale && i < SERIES_COUNT; i++)
		put(history, i, history_now(history, i));
	if (!stale)
		put_rates(history, all, seconds);
	history->next = (history->next + 1) % HISTORY_SAMPLES;
	if (history->count < HISTORY_SAMPLES)
		history->count++;
	history->last = *all;
	history->last_taken_ns = snapshot->taken_ns;
}
static double sample(const struct history *history, enum series series, size_t ago)
{
	size_t at = (history->next + HISTORY_SAMPLES - 1 - ago) % HISTORY_SAMPLES;
	return ago < history->count ? history->value[series][at] : 0;
}

double history_now(const struct history *history, enum series series)
{
	return sample(history, series, 0);
}

void history_sparkline(const struct history *history, enum series series, unsigned width,
                       bool ascii, char *line, size_t bytes)
{
	static const char *const fine[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { "_", ".", "-", "=", "+", "*", "#", "@" };
	const char *const *mark = ascii ? plain : fine;
	double most = 0;
	size_t used = 0;
	for (unsigned ago = 0; ago < width; ago++) {
		if (sample(history, series, ago) > most)
			most = sample(history, series, ago);
	}
	line[0] = '\0';
	for (unsigned i = 0; i < width; i++) {
		size_t ago = width - 1 - i;
		const char *show = " ";
		if (ago < history->count) {
			double part = most > 0 ? sample(history, series, ago) / most : 0;
			show = mark[(unsigned)(part * 7 + 0.5)];
		}
		size_t length = strlen(show);
		if (used + length >= bytes)
			return;
		memcpy(line + used, show, length + 1);
		used += length;
	}
}
