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

struct allocator_now allocator_read(void)
{
	return (struct allocator_now){ 0 };
}

bool allocator_row(size_t number, struct allocator_row *row)
{
	(void)number;
	(void)row;
	return false;
}

void allocator_report(FILE *out)
{
	(void)out;
}

#else

#include "format.h"

#include <stddef.h>
#include <string.h>
#include <tide/stats.h>
#include <tide/tide.h>

enum unit { UNIT_COUNT, UNIT_BYTES };

static const struct row {
	const char *name, *label;
	enum unit unit;
	size_t offset;
} row[] = {
#define ROW(field, unit, label)                                                                    \
	{                                                                                          \
#field, label, unit, offsetof(struct tide_stats, field)                            \
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
	ROW(queue_level_bytes, UNIT_BYTES, "left: levels of the ready queues"),
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

struct allocator_now allocator_read(void)
{
	struct tide_stats stats;

	tide_stats_read(&stats, sizeof stats);
	return (struct allocator_now){
		.known = true,
		.gc_runs = stats.gc_thread_runs != 0,
		.gc_cycles = stats.gc_cycles,
		.gc_inline_steps = stats.gc_inline_steps,
		.misses = stats.queue_misses,
		.threads = stats.threads,
		.backlog_bytes = stats.backlog_bytes,
		.queued_bytes = stats.queued_bytes,
		.queue_level_bytes = stats.queue_level_bytes,
		/* The two are not of one instant. */
		.free_held_bytes = stats.free_set_bytes > stats.purged_bytes
		                       ? stats.free_set_bytes - stats.purged_bytes
		                       : 0,
	};
}

bool allocator_row(size_t number, struct allocator_row *into)
{
	static const char level[] = "left: ";
	struct tide_stats stats;

	if (number >= sizeof row / sizeof row[0])
		return false;
	tide_stats_read(&stats, sizeof stats);
	const unsigned char *field = (const unsigned char *)&stats + row[number].offset;
	bool is_level = strncmp(row[number].label, level, sizeof level - 1) == 0;
	*into = (struct allocator_row){
		.name = row[number].name,
		.label = row[number].label + (is_level ? sizeof level - 1 : 0),
		.is_bytes = row[number].unit == UNIT_BYTES,
		.is_level =
		    is_level || row[number].offset == offsetof(struct tide_stats, purged_bytes),
		.value = *(const uint64_t *)(const void *)field,
	};
	return true;
}

void allocator_report(FILE *out)
{
	struct allocator_row now;

	fprintf(out, "\nthe GC\n");
	for (size_t i = 0; allocator_row(i, &now); i++)
		fprintf(out, "  %-36s %12s\n", row[i].label,
		        now.is_bytes ? format_bytes((double)now.value).text
		                     : format_count((double)now.value).text);
}

#endif
