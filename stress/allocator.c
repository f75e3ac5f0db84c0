/* See allocator.h. */
#include "allocator.h"

#ifndef STRESS_EXTERNAL
#define STRESS_EXTERNAL 0
#endif

#if STRESS_EXTERNAL

#include <stdlib.h>

void allocator_name(char *name, size_t bytes)
{
	const char *preloaded = getenv("LD_PRELOAD");

	snprintf(name, bytes, "%s",
	         preloaded != NULL && *preloaded != '\0' ? preloaded : "of the C library");
}

bool allocator_read(struct allocator_now *now)
{
	(void)now;
	return false;
}

void allocator_report(FILE *out)
{
	(void)out;
}

#else

#include "format.h"

#include <stddef.h>
#include <tide/stats.h>
#include <tide/tide.h>

enum unit { UNIT_COUNT, UNIT_BYTES };

static const struct row {
	const char *label;
	enum unit unit;
	size_t offset;
} row[] = {
#define ROW(field, unit, label)                                                                    \
	{                                                                                          \
		label, unit, offsetof(struct tide_stats, field)                                    \
	}
	ROW(gc_cycles, UNIT_COUNT, "cycles that found work"),
	ROW(gc_inline_steps, UNIT_COUNT, "  of these, by threads that missed"),
	ROW(gc_wakes, UNIT_COUNT, "woken by the doorbell"),
	ROW(gc_drained_blocks, UNIT_COUNT, "blocks drained"),
	ROW(gc_refilled_blocks, UNIT_COUNT, "blocks refilled"),
	ROW(gc_merges, UNIT_COUNT, "chunks merged"),
	ROW(gc_returned_bytes, UNIT_BYTES, "returned to the system"),
	ROW(queue_misses, UNIT_COUNT, "ready queue found empty"),
	ROW(level_grows, UNIT_COUNT, "queue levels grown"),
	ROW(level_reclaims, UNIT_COUNT, "queue levels reclaimed"),
	ROW(regions_mapped, UNIT_COUNT, "regions mapped"),
	ROW(regions_unmapped, UNIT_COUNT, "regions unmapped"),
	ROW(mapped_bytes, UNIT_BYTES, "left: mapped"),
	ROW(metadata_bytes, UNIT_BYTES, "left: metadata"),
	ROW(carved_bytes, UNIT_BYTES, "left: carved"),
	ROW(large_bytes, UNIT_BYTES, "left: large blocks"),
	ROW(large_cached_bytes, UNIT_BYTES, "left: large blocks cached"),
	ROW(queued_bytes, UNIT_BYTES, "left: in ready queues"),
	ROW(free_set_bytes, UNIT_BYTES, "left: in free sets"),
	ROW(purged_bytes, UNIT_BYTES, "  of these, without memory"),
	ROW(backlog_bytes, UNIT_BYTES, "left: backlog"),
	ROW(threads, UNIT_COUNT, "left: threads with a cache"),
	ROW(gc_thread_runs, UNIT_COUNT, "left: GC threads"),
};

void allocator_name(char *name, size_t bytes)
{
	snprintf(name, bytes, "Tide %s", tide_version());
}

bool allocator_read(struct allocator_now *now)
{
	struct tide_stats stats;

	tide_stats_read(&stats, sizeof stats);
	now->gc_cycles = stats.gc_cycles;
	now->backlog_bytes = stats.backlog_bytes;
	now->misses = stats.queue_misses;
	return true;
}

void allocator_report(FILE *out)
{
	struct tide_stats stats;

	tide_stats_read(&stats, sizeof stats);
	fprintf(out, "\nthe GC\n");
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		const unsigned char *field = (const unsigned char *)&stats + row[i].offset;
		double value = (double)*(const uint64_t *)(const void *)field;
		struct figure figure =
		    row[i].unit == UNIT_BYTES ? format_bytes(value) : format_count(value);

		fprintf(out, "  %-36s %12s\n", row[i].label, figure.text);
	}
}

#endif
