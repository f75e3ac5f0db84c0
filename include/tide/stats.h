/* One snapshot of the allocator's own accounts, over all heaps. All figures are counted, none is
 * estimated, but while threads run they are not of one instant. */
#ifndef TIDE_STATS_H
#define TIDE_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <tide/tide.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tide_stats {
	/* Memory, in bytes. */
	uint64_t mapped_bytes;       /* address space in regions and large blocks */
	uint64_t metadata_bytes;     /* address space of the allocator's own structures */
	uint64_t carved_bytes;       /* ever cut into blocks and not given back whole */
	uint64_t large_bytes;        /* in large blocks that are live */
	uint64_t large_cached_bytes; /* in large blocks kept for reuse */
	uint64_t queued_bytes;       /* in the ready queues */
	uint64_t queue_level_bytes;  /* the levels of the ready queues: what they should hold */
	uint64_t free_set_bytes;     /* free, and in the GC's free sets */
	uint64_t purged_bytes;       /* the part of free_set_bytes that holds no memory */
	uint64_t backlog_bytes;      /* in garbage bins, waiting for the GC */

	/* Since the start. */
	uint64_t gc_cycles;          /* steps that found work, of the GC thread and of callers */
	uint64_t gc_inline_steps;    /* of these, done by a thread that missed */
	uint64_t gc_wakes;           /* the doorbell woke the GC thread */
	uint64_t gc_drained_blocks;  /* taken from garbage bins */
	uint64_t gc_refilled_blocks; /* put into ready bins */
	uint64_t gc_merges;          /* a chunk joined its neighbour */
	uint64_t gc_returned_bytes;  /* given back to the system */
	uint64_t queue_misses;       /* a ready queue was found empty */
	uint64_t level_grows;        /* a ready queue's level was raised */
	uint64_t level_reclaims;     /* a quarter was taken back from a ready queue */
	uint64_t regions_mapped;
	uint64_t regions_unmapped;

	/* Now. */
	uint64_t threads;        /* threads with a cache */
	uint64_t gc_thread_runs; /* 1 while the GC thread exists */

	uint64_t gc_container_purges; /* since the start: memory was short in the container */
};

/* Fill in `stats`, of which the caller's header knows `size` bytes (pass sizeof *stats). Lock-free. */
TIDE_API void tide_stats_read(struct tide_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
