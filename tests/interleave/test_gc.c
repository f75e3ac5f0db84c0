/* gc/loop.c and gc/thread.c with the threads that allocate: what a thread gives away reaches the
 * free sets, the GC thread never sleeps on it, no block is lost or there twice, and a GC that is
 * stopped somewhere for ever stops nobody. */
#include "support.h"

#include "doorbell.h"
#include "frontier.h"
#include "gc.h"
#include "heap.h"
#include "options.h"
#include "queue.h"
#include "slow.h"
#include "token.h"

#include <string.h>
#include <tide/tide.h>

enum { BYTES = 8000, HELD = 6, ALL = 40, GC_THREAD = 2 };

static unsigned cls;
static void *held[SCENARIO_THREADS][HELD];
static void *made_before[HELD];

/* Bins of one block and queues without room: all that is freed goes the long way soon. */
static void shallow_process(void)
{
	tide_options_set(TIDE_OPTION_QUEUE_BLOCKS, 0);
	tide_options_set(TIDE_OPTION_BIN_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_BIN_MAX_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_PREFAULT_BYTES, 0);
	tide_options_set(TIDE_OPTION_GC, 0);
	cls = tide_class_of(BYTES);
	for (unsigned i = 0; i < HELD; i++)
		made_before[i] = tide_malloc(BYTES);
	/* Nothing is left to take of this thread, or the GC would only doze. */
	tide_cache_self->calls_at_take = tide_load_relaxed(&tide_cache_self->slow_calls);
	tide_cache_self->noted = false;
	tide_store_relaxed(&tide_heap_default.queues.level[cls], 0u);
}

static void shallow_process_with_queues(void)
{
	shallow_process();
	tide_store_relaxed(&tide_heap_default.queues.level[cls], 2u);
}

/* Publish a bin with a fresh block, as a free does whose bins are full. */
static void give_away(void)
{
	struct tide_cache *cache = tide_slow_self();
	struct tide_bin *bin = tide_bin_new(cls, 1);

	schedule_must(cache != NULL && bin != NULL);
	schedule_must(tide_frontier_carve(&tide_heap_default, bin, 1) == 1);
	/* Through the books as malloc and free would take it. */
	tide_count_owned(&cache->mallocs[cls], 1u);
	tide_count_owned(&cache->frees[cls], 1u);
	tide_slow_give_away(cache, bin);
}

static void start_gc(void)
{
	schedule_must(tide_gc_thread_start() == 0);
}

static void give_away_twice(void)
{
	give_away();
	give_away();
}

/* The GC thread has come to rest: then there is no garbage, or a limit to its sleep. */
static const char *gc_sleeps_on_nothing(void)
{
	bool waits = strcmp(schedule_point(GC_THREAD), "futex.waits") == 0;

	if (!waits || tide_load_seq_cst(&tide_doorbell.state) != TIDE_GC_ASLEEP)
		return NULL;
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next) {
		if (!tide_garbage_is_empty(&cache->garbage))
			return "the GC sleeps, and there is garbage";
	}
	if (!tide_queue_is_empty_racy(&tide_heap_default.queues, cls))
		return "the GC sleeps, and a queue has bins that age";
	return NULL;
}

static const char *rests_with_right_books(void)
{
	const char *wrong = gc_sleeps_on_nothing();

	if (wrong == NULL && tide_load_relaxed(&tide_token) != TIDE_TOKEN_FREE)
		wrong = "the token was not given back";
	return wrong != NULL ? wrong : tide_gc_audit();
}

/* malloc and free, each thread doing the GC's work when it misses. */

static void *get(void)
{
	void *block = tide_malloc(BYTES);

	schedule_must(block != NULL);
	for (unsigned t = 0; t < SCENARIO_THREADS; t++) {
		for (unsigned i = 0; i < HELD; i++)
			schedule_must(held[t][i] != block);
	}
	for (unsigned i = 0; i < HELD; i++)
		schedule_must(made_before[i] != block);
	return block;
}

static void put(void **block)
{
	void *own = *block;

	*block = NULL; /* somebody else's from here on */
	tide_free(own);
}

static void allocate_and_free(void)
{
	void **own = held[schedule_self()];

	for (unsigned i = 0; i < 3; i++)
		own[i] = get();
	for (unsigned i = 0; i < 3; i++)
		put(&own[i]);
}

static void free_what_another_made(void)
{
	for (unsigned i = 0; i < 4; i++)
		put(&made_before[i]);
}

static void allocate(void)
{
	void **own = held[schedule_self()];

	for (unsigned i = 0; i < 3; i++)
		own[i] = get();
}

static void step(void)
{
	for (unsigned i = 0; i < 3; i++)
		(void)tide_gc_step_once();
}

static void purge(void)
{
	(void)tide_purge();
}

static const char *books_are_right(void)
{
	const char *wrong = tide_gc_audit();

	if (wrong == NULL && schedule_idle_waits() > 0)
		wrong = "a waiter was forgotten until its limit";
	return wrong;
}

/* After a thread was frozen the books need not match, but no block is there twice: all that can be
 * had is had. */
static const char *none_is_there_twice(void)
{
	void *had[ALL];

	for (unsigned i = 0; i < ALL; i++) {
		had[i] = get();
		for (unsigned j = 0; j < i; j++) {
			if (had[i] == had[j])
				return "a block was handed out twice";
		}
	}
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "given_away_while_the_GC_parks",
	  .set_up = shallow_process,
	  .thread = { start_gc, give_away_twice },
	  .check = rests_with_right_books,
	  .points = "garbage. doorbell. gc. token. futex. test.",
	  .must_meet = "doorbell.wake" },
	{ .name = "queued_while_the_GC_parks",
	  .set_up = shallow_process_with_queues,
	  .thread = { start_gc, give_away_twice },
	  .check = rests_with_right_books,
	  .points = "queue. doorbell. gc. token. futex. test.",
	  .must_meet = "doorbell.wake" },
	{ .name = "free_and_allocate",
	  .set_up = shallow_process,
	  .thread = { free_what_another_made, allocate },
	  .check = books_are_right },
	{ .name = "three_allocate_and_free",
	  .set_up = shallow_process_with_queues,
	  .thread = { allocate_and_free, free_what_another_made, allocate_and_free },
	  .check = books_are_right,
	  .points = "garbage. queue. token. frontier. gc. test." },
	{ .name = "steps_and_purge",
	  .set_up = shallow_process_with_queues,
	  .thread = { free_what_another_made, step, purge },
	  .check = books_are_right,
	  .points = "garbage. token. gc. doorbell. futex. test." },
	{ .name = "one_of_them_is_frozen",
	  .set_up = shallow_process,
	  .thread = { free_what_another_made, allocate_and_free, step },
	  .check = none_is_there_twice,
	  .points = "garbage. queue. token. frontier. gc. test.",
	  .freezes = true,
	  .limit = 4000 },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
