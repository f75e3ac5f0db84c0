/* tide-replay-load: replays a plan on whatever malloc the process has, and prints a line of JSON
 * with what that took. It knows nothing of Tide: an allocator comes by LD_PRELOAD.
 *
 * What it needs for itself is mapped and touched before the clock runs, so that from then on what
 * becomes resident is the allocator's, and the stacks of threads. */
#include "load.h"

#include "bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, EXIT_USAGE = 2, NAP_LEAST_NS = 50000 };

/* A place of the plan's. */
struct place {
	/* NULL: no block yet, or not any more.
	 * writers  who makes it, and who ends it       readers  who ends it
	 * order    release, acquire                    edges    place.block */
	_Atomic(void *) block;
	uint64_t bytes; /* plain: goes with the block */
};

static const struct plan *plan;
static struct place *place;
static struct order_thread *line;
static pthread_t *id;
static double started_s;
static uint64_t base_bytes;

/* What was seen after certain calls; each by the thread that did the call. */
static struct {
	double time_s[PLAN_SAMPLES_MAX];
	uint64_t resident_bytes[PLAN_SAMPLES_MAX];
	int64_t peak_live_bytes;
	int statm;
} seen;

/* Reads and scans by itself: the process's malloc is not to be called for this. */
static uint64_t resident_bytes(void)
{
	char text[128];
	ssize_t got = pread(seen.statm, text, sizeof text - 1, 0);

	if (got <= 0)
		load_die("/proc/self/statm");
	text[got] = '\0';
	return strtoull(strchr(text, ' '), NULL, 10) * PAGE_BYTES;
}

static uint64_t net_bytes(uint64_t bytes)
{
	return bytes > base_bytes ? bytes - base_bytes : 0;
}

static void take_sample(uint32_t sample)
{
	seen.resident_bytes[sample] = net_bytes(resident_bytes());
	seen.time_s[sample] = load_clock_s(CLOCK_MONOTONIC) - started_s;
	if (sample == plan->peak_sample)
		seen.peak_live_bytes = order_live_bytes();
}

static void touch(char *block, uint64_t from, uint64_t bytes)
{
	enum plan_touch how = plan->settings.touch;

	if (bytes <= from || how == PLAN_TOUCH_NONE)
		return;
	if (how == PLAN_TOUCH_ALL) {
		memset(block + from, 0x5a, bytes - from);
		return;
	}
	for (uint64_t at = from; how == PLAN_TOUCH_PAGES && at < bytes; at += PAGE_BYTES)
		((volatile char *)block)[at] = 1;
	((volatile char *)block)[from] = 1;
	((volatile char *)block)[bytes - 1] = 1;
}

/* Wait until the block is there: its begin is before in the trace, so it comes. */
static void *block_of(uint32_t number)
{
	struct order_pause pause = { 0 };
	void *block;

	while ((block = load_acquire(&place[number].block)) == NULL) /* place.block */
		order_pause(&pause);
	return block;
}

static void do_call(struct order_thread *thread, const struct plan_call *call)
{
	void *old = NULL, *got;
	uint64_t old_bytes = 0;

	if (call->old != BOOKS_NO_PLACE) {
		old = block_of(call->old);
		old_bytes = place[call->old].bytes;
		store_relaxed(&place[call->old].block, NULL); /* order.done hands the place on */
	}
	if ((trace_parts(call->function) & TRACE_RESULT) == 0) {
		calls_free(call, old);
		count_owned(&thread->live_bytes, -(int64_t)old_bytes);
		return;
	}
	got = calls_get(call, old);
	count_owned(&thread->live_bytes, (int64_t)call->bytes - (int64_t)old_bytes);
	thread->bytes += call->bytes;
	if (call->place == BOOKS_NO_PLACE) {
		free(got); /* realloc to no size: some give a block, some none */
		return;
	}
	if (got == NULL)
		load_die("the allocator refuses a block");
	touch(got, old_bytes, call->bytes);
	place[call->place].bytes = call->bytes;
	store_release(&place[call->place].block, got); /* place.block */
}

static void wait_for_time(const struct plan_call *call)
{
	double early_s = (double)call->time_ns * 1e-9 - (load_clock_s(CLOCK_MONOTONIC) - started_s);

	if (early_s * 1e9 < NAP_LEAST_NS)
		return;
	nanosleep(
	    &(struct timespec){ .tv_sec = (time_t)early_s,
	                        .tv_nsec = (long)((early_s - (double)(time_t)early_s) * 1e9) },
	    NULL);
}

static void *replay(void *of)
{
	struct order_thread *thread = of;
	const struct plan_thread *in = &plan_threads(plan)[thread - line];
	const struct plan_call *call = plan_calls(plan) + in->first, *end = call + in->calls;

	for (; call < end; call++) {
		store_release(&thread->number, call->number); /* order.done */
		order_wait(thread, call->number);
		if (plan->settings.as_recorded)
			wait_for_time(call);
		do_call(thread, call);
		thread->calls++;
		if (call->sample != 0)
			take_sample(call->sample - 1u);
	}
	store_release(&thread->number, ORDER_ENDED); /* order.done */
	return NULL;
}

static uint64_t first_number(uint32_t thread)
{
	return plan_calls(plan)[plan_threads(plan)[thread].first].number;
}

/* Threads come when their first calls do, and go when they are over. */
static void replay_threads(void)
{
	uint32_t joined = 0;

	order_start(0, first_number(0));
	for (uint32_t i = 0; i < plan->threads; i++) {
		order_wait(NULL, first_number(i));
		for (; joined < i && load_acquire(&line[joined].number) == ORDER_ENDED; joined++)
			pthread_join(id[joined], NULL);
		store_relaxed(&line[i].number, first_number(i));
		errno = pthread_create(&id[i], NULL, replay, &line[i]);
		if (errno != 0)
			load_die("pthread_create");
		order_start(i + 1, i + 1 < plan->threads ? first_number(i + 1) : ORDER_ENDED);
	}
	for (; joined < plan->threads; joined++)
		pthread_join(id[joined], NULL);
}

static void map_plan(int file)
{
	struct plan head;

	if (pread(file, &head, sizeof head, 0) != sizeof head || head.magic != PLAN_MAGIC)
		load_die("no plan: this is for tide-replay to run");
	void *mapped = mmap(NULL, head.bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
	if (mapped == MAP_FAILED)
		load_die("mmap");
	plan = mapped;
	place = load_own_memory((plan->places + 1) * sizeof *place);
	line = load_own_memory((plan->threads + 1) * sizeof *line);
	id = load_own_memory((plan->threads + 1) * sizeof *id);
	seen.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	order_begin(plan, line);
}

/* Peak resident memory counts from now on. */
static void reset_peak(void)
{
	int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (file >= 0) {
		ssize_t written = write(file, "5", 1);

		(void)written; /* not allowed: then the peak is that of the whole process */
		close(file);
	}
}

static void print_result(const struct load_run *run, bool has_operators, uint64_t end_bytes,
                         uint64_t idle_bytes, uint64_t peak_bytes)
{
	struct order_thread sum = { .calls = 0 };
	char allocator[1024];

	for (uint32_t i = 0; i < plan->threads; i++) {
		sum.calls += line[i].calls;
		sum.bytes += line[i].bytes;
		sum.waited_s += line[i].waited_s;
		sum.waited_cpu_s += line[i].waited_cpu_s;
	}
	load_allocator(allocator, sizeof allocator);
	printf("{\"allocator\": \"%s\", \"operators\": \"%s\", \"wall_s\": %.9f, \"cpu_s\": %.9f, "
	       "\"waited_s\": %.9f, \"waited_cpu_s\": %.9f, \"calls\": %llu, \"bytes\": %llu, "
	       "\"peak_rss_bytes\": %llu, \"peak_live_bytes\": %lld, \"end_live_bytes\": %lld, "
	       "\"end_resident_bytes\": %llu, \"idle_resident_bytes\": %llu, \"samples\": [",
	       allocator, has_operators ? "their own" : "malloc", run->wall_s,
	       run->cpu_s - sum.waited_cpu_s, sum.waited_s, sum.waited_cpu_s,
	       (unsigned long long)sum.calls, (unsigned long long)sum.bytes,
	       (unsigned long long)peak_bytes, (long long)seen.peak_live_bytes,
	       (long long)order_live_bytes(), (unsigned long long)end_bytes,
	       (unsigned long long)idle_bytes);
	for (uint32_t i = 0; i < plan->samples; i++)
		printf("%s[%.6f, %llu]", i > 0 ? ", " : "", seen.time_s[i],
		       (unsigned long long)seen.resident_bytes[i]);
	printf("]}\n");
}

int main(int argc, char *argv[])
{
	struct load_run run = { .threads = 1 };

	if (argc != 3 || strcmp(argv[1], "--plan") != 0) {
		fprintf(stderr, "Usage: tide-replay-load --plan DESCRIPTOR; tide-replay runs it\n");
		return EXIT_USAGE;
	}
	map_plan(atoi(argv[2]));
	bool has_operators = calls_begin(plan->has_operators);
	base_bytes = resident_bytes();
	reset_peak();
	load_start(&run);
	started_s = load_clock_s(CLOCK_MONOTONIC);
	if (plan->threads == 1) {
		/* A program with one thread stays one: allocators know. */
		order_start(1, ORDER_ENDED);
		replay(&line[0]);
	} else if (plan->threads > 1) {
		replay_threads();
	}
	load_stop(&run);
	uint64_t end_bytes = net_bytes(resident_bytes()), peak_bytes = net_bytes(load_peak_bytes());
	double idle_s = plan->settings.idle_s;
	nanosleep(&(struct timespec){ .tv_sec = (time_t)idle_s,
	                              .tv_nsec = (long)((idle_s - (double)(time_t)idle_s) * 1e9) },
	          NULL);
	print_result(&run, has_operators, end_bytes, net_bytes(resident_bytes()), peak_bytes);
	return 0;
}
