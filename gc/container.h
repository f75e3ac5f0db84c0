/* The container's limit, where it has one: when memory runs short there, the GC thread gives back
 * what is free at once, and does not wait for it to age.
 *
 * Read from cgroup v2, kernel's Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files":
 * memory.max, memory.high and memory.current of the process's cgroup, or of the one above it with
 * the tightest limit when the GC thread begins; memory.stat for the part of it that is file cache
 * the kernel can drop; and memory.pressure (accounting/psi.rst) for how long tasks stood still for
 * want of memory. Short is: in use without that cache are `container_percent` of the lower limit,
 * or some task stood still for `pressure_percent` of the time since the last look.
 *
 * The files are opened once, when the GC thread first looks, under numbers that no program counts
 * on where these may be had, and then only read at offset 0: a process that enters a sandbox may be
 * killed for open. So a limit that is changed, or set where there was none, is seen at the next
 * look, in the folder that is watched: with no limit anywhere, the process's own.
 *
 * Looks are `container_ms` apart; while purging brings nothing, up to 16 times that. While there is
 * no limit they are 16 times as far apart and at memory.max and memory.high only, and memory is
 * never short, however long tasks stand still: that is the whole machine's affair. The five files
 * stay open.
 *
 * Touched by  the GC thread only, with system calls, hence without the token
 */
#ifndef TIDE_GC_CONTAINER_H
#define TIDE_GC_CONTAINER_H

#include "compiler.h"

/* A container that is watched. All plain. */
struct gc_container {
	enum { GC_CONTAINER_NEW, GC_CONTAINER_NONE, GC_CONTAINER_WATCHED } state;
	int current, high, max, stat, pressure; /* files; negative: there is none */
	uint64_t next_ns;                       /* of the look */
	bool limited;                           /* at the last look */
	unsigned patience;                      /* looks are so many times further apart */
	uint64_t stall_us, stall_ns;            /* the kernel's count at the last look, and when */
};

/* What a look found, in bytes and microseconds. */
struct gc_container_look {
	uint64_t used_bytes, limit_bytes;
	uint64_t stall_us, elapsed_us;
};

/* Whether it is time for a look and memory is short. */
TIDE_HIDDEN bool tide_gc_container_is_short(struct gc_container *container, uint64_t now_ns);
/* What purging brought. */
TIDE_HIDDEN void tide_gc_container_purged(struct gc_container *container, size_t bytes);
/* The longest that the GC may sleep while it has memory to give back; UINT64_MAX: no matter. */
TIDE_HIDDEN uint64_t tide_gc_container_sleep_ns(const struct gc_container *container);

/* Cut `folder` down to the one with the tightest limit, of itself and those it is in, up to the
 * mount whose path is its first mount_bytes. False: none has a limit; it is not cut. */
TIDE_HIDDEN bool tide_gc_container_tightest(char *folder, size_t mount_bytes);
/* Number after `name` at the start of a line, or after any blank when `anywhere`; "max" is
 * UINT64_MAX. An empty name stands for the first line. False: there is none. For the
 * files above. */
TIDE_HIDDEN bool tide_gc_container_parse(const char *text, const char *name, bool anywhere,
                                         uint64_t *number);

#endif
