/* lib/fork.c: a fork at any point of what other threads do. The child has what it needs:
 * consistent structures, the caches of those that are gone, and the token if the parent got it;
 * nothing that was live in the parent is handed out in it, and nothing twice. */
#include "support.h"

#include "gc.h"
#include "heap.h"
#include "options.h"
#include "os.h"
#include "queue.h"
#include "step.h"
#include "token.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <tide/heap.h>
#include <tide/tide.h>
#include <unistd.h>

enum { BYTES = 8000, HELD = 5, ROUNDS = 40, CHILD_S = 10, CHUNKS = 70, CHUNK_BYTES = 128 * 1024 };

static void *held[HELD]; /* thread 0's */
static struct tide_heap *heap;
static void *chunk[CHUNKS]; /* of more than one region */

static void shallow_process(void)
{
	tide_options_set(TIDE_OPTION_BIN_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_BIN_MAX_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_PREFAULT_BYTES, 0);
	tide_options_set(TIDE_OPTION_GC, 0);
	for (unsigned i = 0; i < HELD; i++)
		held[i] = tide_malloc(BYTES);
	tide_store_relaxed(&tide_heap_default.queues.level[tide_class_of(BYTES)], 1u);
}

static void process_with_a_heap(void)
{
	shallow_process();
	heap = tide_heap_create(NULL);
	tide_free(tide_heap_malloc(heap, BYTES));
	(void)tide_heap_malloc(heap, BYTES);
}

/* Whose first user will be the only one. */
static void process_with_an_empty_heap(void)
{
	tide_options_set(TIDE_OPTION_QUEUE_BLOCKS, 0);
	shallow_process();
	heap = tide_heap_create(NULL);
}

static void process_with_regions(void)
{
	shallow_process();
	for (unsigned i = 0; i < CHUNKS; i++)
		chunk[i] = tide_malloc(CHUNK_BYTES);
}

static void work(void)
{
	for (unsigned i = 0; i < HELD; i++) {
		void *block = held[i];
		held[i] = NULL;
		tide_free(block);
	}
	for (unsigned i = 0; i < HELD; i++) /* the last ones out of its own garbage */
		held[i] = tide_malloc(BYTES);
}

static void work_alone(void)
{
	void *block[HELD];

	for (unsigned i = 0; i < HELD; i++)
		block[i] = tide_heap_malloc(heap, BYTES);
	for (unsigned i = 0; i < HELD; i++)
		tide_free(block[i]);
}

static void start_thread(void)
{
	held[0] = tide_malloc(BYTES);
	for (unsigned i = 0; i < 2; i++)
		tide_free(tide_malloc(20 * 1024));
}

static void collect(void)
{
	(void)tide_gc_step_once();
	(void)tide_purge();
}

static void destroy(void)
{
	tide_heap_destroy(heap);
}

/* The whole life of a GC thread. */
static void run_gc(void)
{
	schedule_must(tide_gc_thread_start() == 0);
	for (unsigned i = 0; i < 2; i++)
		tide_free(tide_malloc(BYTES));
	schedule_must(tide_gc_thread_stop() == 0);
}

static void unmap(void)
{
	for (unsigned i = 0; i < CHUNKS; i++)
		tide_free(chunk[i]);
	(void)tide_purge();
}

/* Whether a thread at that point is in a step of the GC, with the token. */
static bool is_in_a_step(const char *point)
{
	static const char *const in_step[] = {
		"gc.drain",           "gc.fill",      "gc.put",
		"gc.unmap",           "gc.dismantle", "gc.dismantled",
		"gc.other_generation"
	};

	for (unsigned i = 0; i < COUNT_OF(in_step); i++) {
		if (strcmp(point, in_step[i]) == 0)
			return true;
	}
	return false;
}

/* A thread of the child, which no schedule knows of. */
static void *live_beside(void *unused)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		tide_free(tide_malloc(BYTES * (i % 3 + 1)));
	return unused;
}

/* In a child or its child: a thread starts, works and ends, and the GC goes its round. */
static bool go_on(void)
{
	pthread_t thread;
	bool well = pthread_create(&thread, NULL, live_beside, NULL) == 0 &&
	            pthread_join(thread, NULL) == 0;

	(void)tide_gc_step_once();
	(void)tide_purge();
	return well;
}

/* In the child. What is wrong, as an exit status. */
static int survive(void)
{
	static void *had[ROUNDS];

	(void)alarm(CHILD_S);
	if (tide_load_relaxed(&tide_token) != TIDE_TOKEN_FREE && !tide_load_relaxed(&tide_gc_lost))
		return 2;
	/* With the token, a fork comes between two steps of the GC. */
	if (!tide_load_relaxed(&tide_gc_lost) && is_in_a_step(schedule_point(0)))
		return 6;
	if (tide_gc_thread_runs() || tide_load_relaxed(&tide_token_waiters) != 0)
		return 7;
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next) {
		if (!tide_cache_is_valid(cache))
			return 3;
	}
	(void)tide_purge();
	for (unsigned i = 0; i < ROUNDS; i++) {
		had[i] = tide_malloc(BYTES);
		for (unsigned j = 0; j < i; j++) {
			if (had[j] == had[i])
				return 4;
		}
		for (unsigned j = 0; j < HELD; j++) {
			if (had[i] == NULL || held[j] == had[i])
				return 5;
		}
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		tide_free(had[i]);
	(void)tide_purge(); /* which aborts at a block that is free already */
	if (!go_on())
		return 8;
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(go_on() ? 0 : 8);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 9;
}

static void fork_and_look(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(survive());
	schedule_must(child > 0 && waitpid(child, &status, 0) == child);
	if (status != 0)
		schedule_fail("the child ended with %s %d", WIFEXITED(status) ? "status" : "signal",
		              WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	TIDE_YIELD("test.forked");
}

/* The parent lost nothing by it. */
static const char *books_are_right(void)
{
	if (schedule_frozen() >= 0)
		return NULL;
	return tide_gc_audit();
}

static const struct scenario scenario[] = {
	{ .name = "fork_while_one_works",
	  .set_up = shallow_process,
	  .thread = { work, fork_and_look },
	  .check = books_are_right,
	  .must_meet = "gc.drain",
	  .limit = 700 },
	{ .name = "fork_while_one_is_alone_in_a_heap",
	  .set_up = process_with_an_empty_heap,
	  .thread = { work_alone, fork_and_look },
	  .check = books_are_right,
	  .must_meet = "gc.put",
	  .limit = 500 },
	{ .name = "fork_while_one_starts",
	  .set_up = shallow_process,
	  .thread = { start_thread, fork_and_look },
	  .check = books_are_right,
	  .limit = 500 },
	{ .name = "two_fork_while_one_collects",
	  .set_up = shallow_process,
	  .thread = { collect, fork_and_look, fork_and_look },
	  .check = books_are_right,
	  .points = "token. gc. futex. garbage. test.",
	  .limit = 500 },
	{ .name = "fork_while_a_heap_is_destroyed",
	  .set_up = process_with_a_heap,
	  .thread = { destroy, fork_and_look },
	  .check = books_are_right,
	  .points = "token. gc. futex. heap. test.",
	  .must_meet = "gc.dismantle",
	  .limit = 300 },
	{ .name = "fork_while_a_region_goes",
	  .set_up = process_with_regions,
	  .thread = { unmap, fork_and_look },
	  .check = books_are_right,
	  .points = "token. gc. futex. region. test.",
	  .must_meet = "gc.unmap",
	  .limit = 300 },
	{ .name = "fork_while_a_GC_thread_lives",
	  .set_up = shallow_process,
	  .thread = { run_gc, fork_and_look },
	  .check = books_are_right,
	  .points = "token. gc. futex. doorbell. test.",
	  .must_meet = "gc.stopped",
	  .limit = 300 },
	{ .name = "fork_with_a_frozen_one",
	  .set_up = shallow_process,
	  .thread = { work, fork_and_look },
	  .check = books_are_right,
	  .points = "token. gc. futex. garbage. frontier. queue. cache. test.",
	  .freezes = true,
	  .limit = 500 },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
