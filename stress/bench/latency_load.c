/* tide-latency-load: how long each single malloc and free takes, on whatever malloc the process
 * has.
 *
 * Threads go through phases together:
 *   steady   random slots of their own are emptied and filled
 *   cross    blocks are swapped with other threads' by way of shared slots
 *   growth   fresh blocks, none is freed
 *   wake     short bursts, each after all threads slept: what had been done behind their backs?
 * A timer around nothing runs in all of them: its maximum is what the machine itself does to a
 * thread, and what no allocator can be better than. */
#include "../cli.h"
#include "histogram.h"
#include "load.h"
#include "order.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static const char program[] = "tide-latency-load";

enum { THREADS_MAX = 1024 };
enum { SIZE_MIN = 16, SIZE_MAX_BYTES = 4096 };
enum { STEADY_SLOTS = 50000, STEADY_CALLS = 2000000, CROSS_SLOTS = 50000, CROSS_CALLS = 2000000 };
enum { GROWTH_CALLS = 2000000, WAKES = 20, WAKE_CALLS = 2000, WAKE_SLEEP_MS = 100 };

enum phase { STEADY, CROSS, GROWTH, WAKE, PHASES };
enum call { CALL_MALLOC, CALL_FREE, CALL_NOTHING, CALLS };
static const char *const phase_name[PHASES] = { "steady", "cross", "growth", "wake" };
static const char *const call_name[CALLS] = { "malloc", "free", "nothing" };

struct measures {
	struct histogram of[PHASES][CALLS];
};

struct shared {
	const uint32_t *sizes;
	/* Whoever swaps a pointer out owns the block.
	 * writers  all threads, by swap     order  acq_rel: the block's bytes travel with it */
	void *_Atomic *slot;
	uint64_t cross_slots;
	struct measures *measures; /* of each thread */
	pthread_barrier_t turn;
};

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
	unsigned int processor;
	uint64_t ticks = __rdtscp(&processor); /* after all that came before */

	_mm_lfence(); /* before all that comes after */
	return ticks;
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
#endif
}

static void *timed_malloc(struct histogram *of, size_t bytes)
{
	uint64_t begin = ticks_now();
	char *block = malloc(bytes);

	histogram_add(&of[CALL_MALLOC], ticks_now() - begin);
	if (block == NULL)
		load_die("malloc");
	block[0] = 1; /* not timed: a fault in here is the program's */
	block[bytes - 1] = 1;
	return block;
}

static void timed_free(struct histogram *of, void *block)
{
	if (block == NULL)
		return;
	uint64_t begin = ticks_now();
	free(block);
	histogram_add(&of[CALL_FREE], ticks_now() - begin);
}

static void timed_nothing(struct histogram *of)
{
	uint64_t begin = ticks_now();

	histogram_add(&of[CALL_NOTHING], ticks_now() - begin);
}

static void churn(struct load_thread *thread, struct histogram *of, void **slot, uint64_t slots,
                  uint64_t calls)
{
	const struct shared *shared = thread->shared;

	for (uint64_t i = 0; i < calls; i++) {
		uint32_t at = random_below(&thread->random, (uint32_t)slots);

		timed_free(of, slot[at]);
		slot[at] = timed_malloc(of, shared->sizes[i % LOAD_SIZES]);
		timed_nothing(of);
	}
}

static void cross(struct load_thread *thread, struct histogram *of, uint64_t calls)
{
	const struct shared *shared = thread->shared;

	for (uint64_t i = 0; i < calls; i++) {
		uint32_t at = random_below(&thread->random, (uint32_t)shared->cross_slots);
		void *block = timed_malloc(of, shared->sizes[i % LOAD_SIZES]);

		timed_free(
		    of, atomic_exchange_explicit(&shared->slot[at], block, memory_order_acq_rel));
		timed_nothing(of);
	}
}

/* The blocks hold their own list, and are freed, timed too, in the end. */
static void growth(struct load_thread *thread, struct histogram *of, uint64_t calls)
{
	const struct shared *shared = thread->shared;
	void **last = NULL;

	for (uint64_t i = 0; i < calls; i++) {
		void **block = timed_malloc(of, shared->sizes[i % LOAD_SIZES]);

		*block = last;
		last = block;
		timed_nothing(of);
	}
	while (last != NULL) {
		void *block = last;

		last = *last;
		timed_free(of, block);
	}
}

static void work(struct load_thread *thread)
{
	struct load_run *run = thread->run;
	struct shared *shared = thread->shared;
	struct measures *measures = &shared->measures[thread->index];
	uint64_t slots = load_scaled(run, STEADY_SLOTS, 100);
	void **slot = load_own_memory(slots * sizeof *slot);

	load_ready(thread);
	churn(thread, measures->of[STEADY], slot, slots,
	      load_scaled(run, STEADY_CALLS, 1000) / run->threads);
	pthread_barrier_wait(&shared->turn);
	cross(thread, measures->of[CROSS], load_scaled(run, CROSS_CALLS, 1000) / run->threads);
	pthread_barrier_wait(&shared->turn);
	growth(thread, measures->of[GROWTH], load_scaled(run, GROWTH_CALLS, 1000) / run->threads);
	for (uint64_t i = 0; i < load_scaled(run, WAKES, 2); i++) {
		pthread_barrier_wait(&shared->turn);
		nanosleep(&(struct timespec){ .tv_nsec = WAKE_SLEEP_MS * 1000000L }, NULL);
		churn(thread, measures->of[WAKE], slot, slots, WAKE_CALLS);
	}
}

static void print_row(const struct histogram *of, const char *phase, const char *call,
                      double ns_per_tick)
{
	static const struct {
		const char *name;
		double quantile;
	} column[] = { { "p50_ns", 0.5 },
		       { "p99_ns", 0.99 },
		       { "p99_9_ns", 0.999 },
		       { "p99_99_ns", 0.9999 },
		       { "max_ns", 1 } };

	printf("{\"phase\": \"%s\", \"call\": \"%s\", \"count\": %" PRIu64, phase, call, of->count);
	for (size_t i = 0; i < sizeof column / sizeof column[0]; i++)
		printf(", \"%s\": %.1f", column[i].name,
		       (double)histogram_quantile(of, column[i].quantile) * ns_per_tick);
	printf("}");
}

static void print(const struct load_run *run, const struct measures *all, double ns_per_tick)
{
	char allocator[1024];
	uint64_t peak_bytes = load_peak_bytes();
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	load_allocator(allocator, sizeof allocator);
	printf("{\"threads\": %" PRIu32 ", \"wall_s\": %.6f, \"cpu_s\": %.6f, "
	       "\"peak_rss_bytes\": %" PRIu64 ", \"preemptions\": %ld, \"allocator\": \"%s\", "
	       "\"rows\": [",
	       run->threads, run->wall_s, run->cpu_s, peak_bytes, usage.ru_nivcsw, allocator);
	for (int phase = 0; phase < PHASES; phase++) {
		for (int call = 0; call < CALLS; call++) {
			if (phase + call > 0)
				printf(", ");
			print_row(&all->of[phase][call], phase_name[phase], call_name[call],
			          ns_per_tick);
		}
	}
	printf("]}\n");
}

static void measure(struct load_run *run)
{
	struct shared shared = { .cross_slots = load_scaled(run, CROSS_SLOTS, 100) };
	struct measures *all = load_own_memory(sizeof *all);

	shared.sizes = load_sizes(run->seed, SIZE_MIN, SIZE_MAX_BYTES, true);
	shared.slot = load_own_memory(shared.cross_slots * sizeof *shared.slot);
	shared.measures = load_own_memory(run->threads * sizeof *shared.measures);
	pthread_barrier_init(&shared.turn, NULL, run->threads);
	double begin_s = load_clock_s(CLOCK_MONOTONIC);
	uint64_t begin = ticks_now();
	load_on_threads(run, work, &shared);
	double ns_per_tick =
	    (load_clock_s(CLOCK_MONOTONIC) - begin_s) * 1e9 / (double)(ticks_now() - begin);
	for (uint32_t i = 0; i < run->threads; i++) {
		for (int phase = 0; phase < PHASES; phase++) {
			for (int call = 0; call < CALLS; call++)
				histogram_merge(&all->of[phase][call],
				                &shared.measures[i].of[phase][call]);
		}
	}
	print(run, all, ns_per_tick);
}

int main(int argc, char *argv[])
{
	static const struct option known[] = { { "threads", required_argument, NULL, 't' },
		                               { "scale", required_argument, NULL, 's' },
		                               { "seed", required_argument, NULL, 'r' },
		                               { NULL, 0, NULL, 0 } };
	struct load_run run = { .threads = 2, .scale = 1, .seed = 1 };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		double value = 0;

		if (option == 't' && cli_number(program, "threads", 1, THREADS_MAX, &value))
			run.threads = (uint32_t)value;
		else if (option == 'r' && cli_number(program, "seed", 0, UINT32_MAX, &value))
			run.seed = (uint64_t)value;
		else if (option != 's' || !cli_number(program, "scale", 0, 1000, &run.scale))
			return CLI_USAGE;
	}
	measure(&run);
	return fflush(stdout) == 0 ? CLI_RIGHT : CLI_WRONG;
}
