/* tide-footprint-load: a heap that grows, loses most of its blocks, idles, grows again with
 * other sizes; on whatever malloc the process has. See footprint.h. */
#include "../cli.h"
#include "footprint.h"
#include "load.h"
#include "order.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static const char program[] = "tide-footprint-load";

enum { KEEP_ONE_IN = 10 };
enum { FIRST_MIN = 16, FIRST_MAX = 1024, OTHER_MIN = 64, OTHER_MAX = 4096 };
enum { PAUSE_MS = 100, START_MS = 300 };

struct plan {
	struct footprint_page *page;
	uint64_t live_bytes; /* of each thread */
	double idle_s;
	pthread_barrier_t turn;
};

/* The blocks of one thread, with their sizes. */
struct heap {
	void **block;
	uint16_t *bytes;
	uint64_t used, capacity;
	_Atomic uint64_t *live_bytes;
};

static void idle(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds,
		                 .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&left, &left) != 0)
		continue;
}

static void wait_for_all(struct load_thread *thread)
{
	struct plan *plan = thread->shared;

	if (thread->run->threads > 1)
		pthread_barrier_wait(&plan->turn);
}

static void enter(struct load_thread *thread, enum footprint_phase phase)
{
	struct plan *plan = thread->shared;

	wait_for_all(thread);
	idle(PAUSE_MS * 1e-3);
	if (thread->index == 0)
		store_relaxed(&plan->page->phase, phase);
	wait_for_all(thread);
}

static void grow(struct load_thread *thread, struct heap *heap, uint64_t to_bytes, uint32_t min,
                 uint32_t max)
{
	while (load_relaxed(heap->live_bytes) < to_bytes && heap->used < heap->capacity) {
		uint32_t bytes = min + random_below(&thread->random, max - min + 1);

		heap->block[heap->used] = load_block(bytes);
		heap->bytes[heap->used] = (uint16_t)bytes;
		heap->used++;
		count_owned(heap->live_bytes, bytes);
	}
}

/* Free all but one in `keep_one_in`, in random order; 0: all. */
static void drop(struct load_thread *thread, struct heap *heap, uint32_t keep_one_in)
{
	uint64_t keep = keep_one_in > 0 ? heap->used / keep_one_in : 0;

	while (heap->used > keep) {
		uint32_t i = random_below(&thread->random, (uint32_t)heap->used);

		free(heap->block[i]);
		count_owned(heap->live_bytes, -(uint64_t)heap->bytes[i]);
		heap->used--;
		heap->block[i] = heap->block[heap->used];
		heap->bytes[i] = heap->bytes[heap->used];
	}
}

static void work(struct load_thread *thread)
{
	struct plan *plan = thread->shared;
	struct heap heap = { .live_bytes = &plan->page->live_bytes[thread->index] };

	/* The mean size is half the largest one; twice as many are room enough. */
	heap.capacity = plan->live_bytes / (FIRST_MAX / 4) + 1000;
	heap.block = load_own_memory(heap.capacity * sizeof *heap.block);
	heap.bytes = load_own_memory(heap.capacity * sizeof *heap.bytes);
	load_ready(thread);
	idle(START_MS * 1e-3);
	enter(thread, FOOTPRINT_GROW);
	grow(thread, &heap, plan->live_bytes, FIRST_MIN, FIRST_MAX);
	enter(thread, FOOTPRINT_DROP);
	drop(thread, &heap, KEEP_ONE_IN);
	enter(thread, FOOTPRINT_IDLE_1);
	idle(plan->idle_s);
	enter(thread, FOOTPRINT_OTHER);
	grow(thread, &heap, plan->live_bytes / 2, OTHER_MIN, OTHER_MAX);
	enter(thread, FOOTPRINT_DROP_2);
	drop(thread, &heap, KEEP_ONE_IN);
	enter(thread, FOOTPRINT_IDLE_2);
	idle(plan->idle_s);
	enter(thread, FOOTPRINT_FREE);
	drop(thread, &heap, 0);
	enter(thread, FOOTPRINT_IDLE_3);
	idle(plan->idle_s);
	enter(thread, FOOTPRINT_END);
}

static bool options_read(struct load_run *run, struct plan *plan, int argc, char *argv[])
{
	static const struct option known[] = { { "threads", required_argument, NULL, 't' },
		                               { "live", required_argument, NULL, 'l' },
		                               { "idle", required_argument, NULL, 'i' },
		                               { "seed", required_argument, NULL, 'r' },
		                               { "page", required_argument, NULL, 'p' },
		                               { NULL, 0, NULL, 0 } };
	double value = 0;
	int option, page = -1;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 't' &&
		    cli_number(program, "threads", 1, FOOTPRINT_THREADS_MAX, &value))
			run->threads = (uint32_t)value;
		else if (option == 'l' && cli_number(program, "live", 1e5, 1e12, &value))
			plan->live_bytes = (uint64_t)value;
		else if (option == 'r' && cli_number(program, "seed", 0, UINT32_MAX, &value))
			run->seed = (uint64_t)value;
		else if (option == 'p' && cli_number(program, "page", 0, 1e6, &value))
			page = (int)value;
		else if (option != 'i' || !cli_number(program, "idle", 0, 3600, &plan->idle_s))
			return false;
	}
	plan->page = mmap(NULL, sizeof *plan->page, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	if (plan->page == MAP_FAILED)
		load_die("--page");
	return true;
}

int main(int argc, char *argv[])
{
	struct load_run run = { .threads = 2, .scale = 1, .seed = 1 };
	struct plan plan = { .live_bytes = UINT64_C(1) << 30, .idle_s = 5 };
	char allocator[1024];

	if (!options_read(&run, &plan, argc, argv))
		return CLI_USAGE;
	plan.live_bytes /= run.threads;
	pthread_barrier_init(&plan.turn, NULL, run.threads);
	load_on_threads(&run, work, &plan);
	load_allocator(allocator, sizeof allocator);
	printf("{\"threads\": %u, \"wall_s\": %.6f, \"cpu_s\": %.6f, \"peak_rss_bytes\": %llu, "
	       "\"allocator\": \"%s\"}\n",
	       (unsigned)run.threads, run.wall_s, run.cpu_s, (unsigned long long)load_peak_bytes(),
	       allocator);
	return fflush(stdout) == 0 ? CLI_RIGHT : CLI_WRONG;
}
