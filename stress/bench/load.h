/* tide-bench-load: one scenario on whatever malloc the process has, measured from inside.
 *
 * The program knows nothing of Tide: an allocator comes by LD_PRELOAD. What the program needs for
 * itself comes from mmap and is touched before the clock runs, so that only the scenario's own
 * blocks are the allocator's work. A scenario prepares, calls load_start, works, calls load_stop
 * (any number of such sections; their times add up), and counts its operations. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Sizes that programs ask for: mostly small. */
enum { LOAD_SMALL_MIN = 8, LOAD_SMALL_MAX = 512 };
enum { LOAD_SIZES = 4096 };

struct load_run {
	uint32_t threads;
	double scale; /* of the work: 1 takes about a second on a small machine */
	uint64_t seed;
	/* What is measured. */
	uint64_t operations;
	double wall_s, cpu_s; /* in the timed sections, of all threads */
	uint64_t peak_bytes;  /* 0: of this process, as the system tells */
	/* Parts of the whole that have a name, "build_ns"; printed when not NULL. */
	struct {
		const char *name;
		double value;
	} part[4];
	double started_wall_s, started_cpu_s;
};

struct load_scenario {
	const char *name; /* NULL ends a table */
	const char *what; /* one line for people */
	uint32_t threads; /* unless --threads says otherwise */
	void (*run)(struct load_run *run);
};

extern const struct load_scenario load_pairs[], load_heaps[], load_handovers[], load_exchanges[],
    load_sharings[], load_trees[], load_larges[], load_crowds[], load_processes[];

/* The argument of a process that only starts, allocates a little and ends: load_process.c. */
#define LOAD_TINY "tiny"
int load_tiny(void);

double load_clock_s(clockid_t clock);
void load_start(struct load_run *run);
void load_stop(struct load_run *run);
/* Seconds since load_start, within a timed section. */
double load_elapsed_s(const struct load_run *run);
void load_part(struct load_run *run, const char *name, double value);

/* `of` times the scale, and at least `min`. */
uint64_t load_scaled(const struct load_run *run, uint64_t of, uint64_t min);
_Noreturn void load_die(const char *what);

/* Memory of the program's own, zero and touched; it is never given back. */
void *load_own_memory(size_t bytes);
/* LOAD_SIZES random sizes in [min, max] that are looked up while the clock runs; `power_law` makes
 * small ones the many. */
uint32_t *load_sizes(uint64_t seed, uint32_t min, uint32_t max, bool power_law);

/* A block that is used: its first and last byte are written. Ends the program if there is none. */
void *load_block(size_t bytes);
/* Makes the compiler believe that the block's contents are read. */
static inline void load_keep(void *block)
{
	__asm__ volatile("" : : "r"(block) : "memory");
}

struct load_thread {
	struct load_run *run;
	void *shared;
	uint32_t index;
	struct random random;
	pthread_barrier_t *ready;
};
/* Run `work` on run->threads threads; it prepares, then calls load_ready once, and the timed
 * section goes from there to the end of the last thread. One thread is the main thread: the
 * process stays single-threaded. */
void load_on_threads(struct load_run *run, void (*work)(struct load_thread *), void *shared);
void load_ready(struct load_thread *thread);

/* What the process's malloc, free, calloc, realloc and posix_memalign come from: a file's path; or
 * a list, when they are of more than one. */
void load_allocator(char *path, size_t bytes);
/* The process's largest resident size up to now. It starts at 0 with each exec, so it does not
 * depend on who started the process. */
uint64_t load_peak_bytes(void);

#endif
