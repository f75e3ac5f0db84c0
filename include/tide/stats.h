/* What the allocator holds, and what it did: for the program itself, for people, for monitoring.
 *
 * All figures are counted where bins of blocks move, so malloc and free cost nothing for them.
 *
 * Consistency. Nothing stands still for a snapshot. What belongs to the GC (free sets, levels, what
 * was drained, merged and returned) is of one instant when `settled` is 1: no step of the GC ran
 * meanwhile. What belongs to the threads is read from one thread after the other, while they go on:
 * a block that changes hands in between may be counted twice or not at all. `live` is what was
 * handed out less what lies in the threads' bins, and a thread tells what lies in its bins when it
 * misses, or asks for statistics: so per class and other thread it is right up to a bin (up to 128
 * blocks). In a program whose other threads stand still the rest is exact.
 *
 * Counters only grow, over the whole life of the process; those of destroyed heaps are kept.
 */
#ifndef TIDE_STATS_H
#define TIDE_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <tide/tide.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The figures, one row each: X(name, kind, meaning). Kinds: GAUGE, what there is now; COUNTER,
 * since the start; LABEL, what the figures are about. The unit is the end of the name; without one
 * it is a number. New rows come last. */
#define TIDE_STATS_TOTALS(X)                                                                       \
	X(mapped_bytes, GAUGE, "address space in regions and large blocks")                        \
	X(metadata_bytes, GAUGE, "address space of the allocator's own structures")                \
	X(carved_bytes, GAUGE, "cut into blocks and not given back whole")                         \
	X(large_bytes, GAUGE, "in large blocks that are live")                                     \
	X(large_cached_bytes, GAUGE, "in large blocks kept for reuse")                             \
	X(queued_bytes, GAUGE, "in the ready queues")                                              \
	X(queue_level_bytes, GAUGE, "levels of the ready queues, what they should hold")           \
	X(free_set_bytes, GAUGE, "free, and in the free sets of the GC")                           \
	X(purged_bytes, GAUGE, "the part of the free sets that holds no memory")                   \
	X(backlog_bytes, GAUGE, "in garbage bins, waiting for the GC")                             \
	X(gc_cycles, COUNTER, "steps that found work, of the GC thread and of callers")            \
	X(gc_inline_steps, COUNTER, "of the cycles, those done by a thread that missed")           \
	X(gc_wakes, COUNTER, "the doorbell woke the GC thread")                                    \
	X(gc_drained_blocks, COUNTER, "taken from garbage bins, queues and idle threads")          \
	X(gc_refilled_blocks, COUNTER, "put into ready bins")                                      \
	X(gc_merges, COUNTER, "a chunk joined its neighbour")                                      \
	X(gc_returned_bytes, COUNTER, "given back to the system")                                  \
	X(queue_misses, COUNTER, "a ready queue was found empty")                                  \
	X(level_grows, COUNTER, "the level of a ready queue was raised")                           \
	X(level_reclaims, COUNTER, "a part was taken back from a full ready queue")                \
	X(regions_mapped, COUNTER, "regions taken from the system")                                \
	X(regions_unmapped, COUNTER, "regions given back whole")                                   \
	X(threads, GAUGE, "threads with a cache")                                                  \
	X(gc_thread_runs, GAUGE, "1 while the GC thread exists")                                   \
	X(live_bytes, GAUGE, "in blocks that the program has")                                     \
	X(bin_bytes, GAUGE, "in the bins of threads, as of their last misses")                     \
	X(resident_bytes, GAUGE, "memory of blocks and free sets, less what was given back")       \
	X(slab_free_bytes, GAUGE, "free blocks of slabs in which others are live")                 \
	X(slab_purged_bytes, GAUGE, "pages of such slabs that hold no memory, at the last sweep")  \
	X(chunk_free_bytes, GAUGE, "free chunks")                                                  \
	X(chunk_dirty_bytes, GAUGE, "the part of the free chunks that holds memory")               \
	X(heaps, GAUGE, "live heaps, the process's own included")                                  \
	X(failures, COUNTER, "allocations that found no memory")                                   \
	X(swaps, COUNTER, "a thread's ready and pending bin changed places")                       \
	X(from_queue, COUNTER, "misses served by a bin of a ready queue")                          \
	X(from_gc, COUNTER, "misses served by the free sets")                                      \
	X(from_frontier, COUNTER, "misses served by fresh memory")                                 \
	X(to_queue, COUNTER, "full bins that went to a ready queue")                               \
	X(to_garbage, COUNTER, "full bins that went to the GC")                                    \
	X(over_level, COUNTER, "full bins that went to a queue since the GC did not keep up")      \
	X(level_settles, COUNTER, "a ready queue nobody missed had its level lowered")             \
	X(gc_ticks, COUNTER, "ticks of the decay clock")                                           \
	X(gc_purges, COUNTER, "calls that gave pages back")                                        \
	X(gc_refusals, COUNTER, "calls that the system refused")                                   \
	X(gc_state, GAUGE, "the GC thread: 0 at work (or a nap), 1 dozing, 2 asleep till a ring")  \
	X(gc_seen_ns, GAUGE, "when the GC thread was last at work, on the monotonic clock")        \
	X(gc_steps, COUNTER, "rounds of the GC thread, with or without work")                      \
	X(gc_step_ns, COUNTER, "time spent in them")                                               \
	X(gc_step_max_ns, GAUGE, "the longest of them")                                            \
	X(gc_cpu_ns, COUNTER, "processor time of the GC thread")                                   \
	X(large_blocks, GAUGE, "large blocks that are live")                                       \
	X(gc_container_purges, COUNTER, "purges since memory was short in the container")

/* Of one size class, over all heaps. */
#define TIDE_STATS_CLASS(X)                                                                        \
	X(block_bytes, LABEL, "length of a block")                                                 \
	X(live_blocks, GAUGE, "that the program has")                                              \
	X(bin_blocks, GAUGE, "in the bins of threads, as of their last misses")                    \
	X(queued_blocks, GAUGE, "in the ready queue")                                              \
	X(garbage_blocks, GAUGE, "in garbage bins")                                                \
	X(free_blocks, GAUGE, "in free sets, in slabs in which others are live")                   \
	X(held_bytes, GAUGE, "address space cut into blocks of the class")                         \
	X(purged_bytes, GAUGE, "the part of it that holds no memory, at the last sweep")           \
	X(level_blocks, GAUGE, "what the ready queue should hold")                                 \
	X(queue_misses, COUNTER, "the ready queue was found empty")                                \
	X(queue_fulls, COUNTER, "the ready queue was found full")                                  \
	X(level_grows, COUNTER, "its level was raised")                                            \
	X(level_shrinks, COUNTER, "its level was lowered, or a part taken back")                   \
	X(swaps, COUNTER, "a thread's ready and pending bin changed places")                       \
	X(from_queue, COUNTER, "misses served by a bin of the ready queue")                        \
	X(from_gc, COUNTER, "misses served by the free sets")                                      \
	X(from_frontier, COUNTER, "misses served by fresh memory")                                 \
	X(to_queue, COUNTER, "full bins that went to the ready queue")                             \
	X(to_garbage, COUNTER, "full bins that went to the GC")                                    \
	X(over_level, COUNTER, "full bins that went to the queue since the GC did not keep up")    \
	X(drained_blocks, COUNTER, "taken from garbage bins")                                      \
	X(refilled_blocks, COUNTER, "put into ready bins by the GC")

/* Of one thread and heap, while the thread has bins there. */
#define TIDE_STATS_THREAD(X)                                                                       \
	X(thread_id, LABEL, "as the system calls it")                                              \
	X(heap, LABEL, "number of the heap")                                                       \
	X(slow_calls, COUNTER, "calls that missed")                                                \
	X(bin_bytes, GAUGE, "in its bins, as of its last miss")                                    \
	X(backlog_bytes, GAUGE, "in its garbage bins")                                             \
	X(swaps, COUNTER, "ready and pending bin changed places")                                  \
	X(from_queue, COUNTER, "misses served by a bin of a ready queue")                          \
	X(from_gc, COUNTER, "misses served by the free sets")                                      \
	X(from_frontier, COUNTER, "misses served by fresh memory")                                 \
	X(to_queue, COUNTER, "full bins that went to a ready queue")                               \
	X(to_garbage, COUNTER, "full bins that went to the GC")                                    \
	X(over_level, COUNTER, "full bins that went to a queue since the GC did not keep up")      \
	X(failures, COUNTER, "allocations that found no memory")

/* Of one heap; number 0 is the process's own. */
#define TIDE_STATS_HEAP(X)                                                                         \
	X(heap, LABEL, "its number")                                                               \
	X(live_bytes, GAUGE, "in blocks that the program has")                                     \
	X(bin_bytes, GAUGE, "in the bins of threads, as of their last misses")                     \
	X(large_bytes, GAUGE, "in large blocks that are live")                                     \
	X(queued_bytes, GAUGE, "in the ready queues")                                              \
	X(backlog_bytes, GAUGE, "in garbage bins, waiting for the GC")                             \
	X(free_set_bytes, GAUGE, "free, and in the free sets of the GC")                           \
	X(purged_bytes, GAUGE, "the part of the free sets that holds no memory")                   \
	X(mapped_bytes, GAUGE, "address space of regions")                                         \
	X(threads, GAUGE, "threads with bins in the heap")                                         \
	X(counted_bytes, GAUGE, "what its limit is compared with")                                 \
	X(charged_bytes, GAUGE, "by hand")                                                         \
	X(soft_bytes, GAUGE, "the soft limit, 0 when there is none")                               \
	X(hard_bytes, GAUGE, "the hard limit, 0 when there is none")                               \
	X(returned_bytes, COUNTER, "given back to the system")

#define TIDE_STATS_FIELD(name, kind, meaning) uint64_t name;
struct tide_stats {
	TIDE_STATS_TOTALS(TIDE_STATS_FIELD)
};
struct tide_stats_class {
	TIDE_STATS_CLASS(TIDE_STATS_FIELD)
};
struct tide_stats_thread {
	TIDE_STATS_THREAD(TIDE_STATS_FIELD)
};
struct tide_stats_heap {
	TIDE_STATS_HEAP(TIDE_STATS_FIELD)
};
#undef TIDE_STATS_FIELD

#define TIDE_STATS_MAGIC 0x5441545345444954ull /* "TIDESTAT" */
#define TIDE_STATS_LAYOUT 1
#define TIDE_STATS_STEP_TIMES 24
#define TIDE_STATS_HEAPS 16
#define TIDE_STATS_THREADS 64
#define TIDE_STATS_CLASSES 180

/* Everything. This is also what the page of a process holds from which others watch it; `layout`
 * and the sizes tell who reads it whether it is what he thinks. Numbers are the machine's own. */
struct tide_stats_snapshot {
	uint64_t magic;
	uint64_t layout;   /* TIDE_STATS_LAYOUT */
	uint64_t bytes;    /* sizeof(struct tide_stats_snapshot) */
	uint64_t sequence; /* of a page: odd while it is being written */
	uint64_t library;  /* version: major << 32 | minor << 16 | patch */
	uint64_t process_id;
	uint64_t taken_ns; /* when, on the monotonic clock */
	uint64_t decay_ms; /* option of that name */
	uint64_t settled;  /* 1: no step of the GC ran meanwhile */
	uint64_t balanced; /* 0: a class has more free blocks than were carved (1 unless settled) */
	uint64_t ended;    /* of a page: 1 when the process is at its exit */
	uint64_t heap_count, thread_count, class_count; /* entries below */
	struct tide_stats all;
	uint64_t gc_step_times[TIDE_STATS_STEP_TIMES]; /* [i]: rounds shorter than 256 << i ns */
	struct tide_stats_heap heap[TIDE_STATS_HEAPS]; /* live ones; all.heaps may be more */
	struct tide_stats_thread thread[TIDE_STATS_THREADS];
	struct tide_stats_class of_class[TIDE_STATS_CLASSES]; /* those in use, by length */
};

/* Fill in `stats`, of which the caller's header knows `size` bytes (pass sizeof *stats).
 * Lock-free. */
TIDE_API void tide_stats_read(struct tide_stats *stats, size_t size);

/* Fill in all of it; about 50 KiB, so not for a small stack. Lock-free; allocates nothing. */
TIDE_API void tide_stats_take_snapshot(struct tide_stats_snapshot *snapshot);

/* Text is for people. JSON is one object with members for what is above. OpenMetrics is the text
 * form 1.0.0 of that, with its end mark. */
enum tide_stats_format { TIDE_STATS_TEXT, TIDE_STATS_JSON, TIDE_STATS_OPENMETRICS };

/* A snapshot as text, up to `room` bytes of it at `buffer`, without a terminating zero. Returns the
 * length of the whole, which may be more than `room`; 0 for a format that there is not. Pure. */
TIDE_API size_t tide_stats_format(const struct tide_stats_snapshot *snapshot,
                                  enum tide_stats_format format, char *buffer, size_t room);

/* A snapshot of now, written to a file descriptor. 0, or EINVAL (no such format), ENOMEM, or what
 * write failed with. Not with malloc's memory, and safe in a signal handler. */
TIDE_API int tide_stats_write(int file, enum tide_stats_format format);

/* What option `stats` asks for (the file is written anew), and the page, now. The GC thread does
 * this by itself; a process without one, and one that wants to be exact, calls this. 0; EBUSY when
 * another thread is at it; or what went wrong with the file. May wait for a disk. */
TIDE_API int tide_stats_publish(void);

#ifdef __cplusplus
}
#endif

#endif
