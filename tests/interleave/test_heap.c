/* A heap is destroyed while a thread that used it ends: its cache in the heap is given up once, by
 * whichever comes first, and serves the next heap; nobody hands out memory of the destroyed one. */
#include "support.h"

#include "cache.h"
#include "gc.h"
#include "heap.h"
#include "options.h"
#include "seat.h"

#include <string.h>
#include <tide/heap.h>

enum { CACHES_MAX = 8, BYTES = 4000 };

#define POINTS "cache. gc. token. test."

static struct tide_heap *heap, *next;
static struct tide_cache *ending; /* the cache of the thread that ends, in the process's heap */
static struct tide_cache *in_heap;
static struct tide_cache *in_next[SCENARIO_THREADS];

static void one_used_it(void)
{
	void *block[4];

	tide_options_set(TIDE_OPTION_GC, 0);
	heap = tide_heap_create(NULL);
	schedule_must(heap != NULL);
	for (unsigned i = 0; i < COUNT_OF(block); i++)
		schedule_must((block[i] = tide_heap_malloc(heap, BYTES)) != NULL);
	for (unsigned i = 1; i < COUNT_OF(block); i++)
		tide_heap_free(heap, block[i]);
	ending = tide_cache_self;
	in_heap = tide_seat_find(heap);
	schedule_must(in_heap != NULL);
	tide_cache_self = TIDE_CACHE_NONE;
}

/* Memory of a heap can be written to, and is nobody else's. */
static void use(struct tide_heap *used)
{
	char *first = tide_heap_malloc(used, BYTES);
	char *second = tide_heap_malloc(used, BYTES);

	schedule_must(first != NULL && second != NULL && first != second);
	memset(first, 1, BYTES);
	memset(second, 2, BYTES);
	schedule_must(first[BYTES - 1] == 1 && tide_heap_of(first) == used);
	tide_heap_free(used, first);
	if (used == heap)
		in_next[schedule_self()] = tide_seat_find(used);
}

static void destroy_and_create(void)
{
	tide_heap_destroy(heap);
	TIDE_YIELD("test.destroyed");
	next = tide_heap_create(NULL);
	schedule_must(next != NULL);
	use(next);
}

/* As start.c does at a thread's end. */
static void end(void)
{
	tide_seat_leave_all(ending);
	if (!tide_load_relaxed(&heap->live))
		TIDE_YIELD("test.ended_late");
	tide_cache_park(ending);
}

/* Takes over what the ended thread had in the process's heap, its table of seats with it. */
static void end_and_start_again(void)
{
	end();
	struct tide_heap *own = tide_heap_create(NULL);
	schedule_must(own != NULL);
	use(own);
}

static void step(void)
{
	(void)tide_gc_step_once();
	(void)tide_gc_step_once();
}

static const char *each_cache_is_in_one_place(void)
{
	struct tide_cache *seen[CACHES_MAX];
	unsigned found = 0;
	unsigned listed = 0;
	unsigned used = 0;

	struct tide_cache *cache = tide_cache_all(heap);
	for (; cache != NULL; cache = cache->all_next) {
		listed++;
		used += tide_cache_thread_id(tide_load_relaxed(&cache->owner)) != 0;
	}
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		if (in_next[i] != NULL)
			seen[found++] = in_next[i];
	}
	unsigned users = found;
	while ((cache = tide_cache_take_parked(heap)) != NULL) {
		for (unsigned i = 0; i < found; i++) {
			if (seen[i] == cache)
				return "a cache is in two places";
		}
		if (found == CACHES_MAX)
			return "more caches than were made";
		seen[found++] = cache;
	}
	if (schedule_frozen() >= 0)
		return NULL;
	if (found != listed)
		return "a cache was lost";
	return used != users || tide_cache_threads_racy(heap) != users
	           ? "the count of threads is wrong"
	           : NULL;
}

static const struct scenario scenario[] = {
	{ .name = "destroyed_while_one_ends",
	  .set_up = one_used_it,
	  .thread = { destroy_and_create, end },
	  .check = each_cache_is_in_one_place,
	  .points = POINTS,
	  .must_meet = "test.ended_late" },
	{ .name = "and_another_one_begins",
	  .set_up = one_used_it,
	  .thread = { destroy_and_create, end_and_start_again },
	  .check = each_cache_is_in_one_place,
	  .points = POINTS,
	  .limit = 2500 },
	{ .name = "and_the_GC_comes_by",
	  .set_up = one_used_it,
	  .thread = { destroy_and_create, end, step },
	  .check = each_cache_is_in_one_place,
	  .points = POINTS,
	  .limit = 2500 },
	{ .name = "who_ends_is_frozen",
	  .set_up = one_used_it,
	  .thread = { destroy_and_create, end },
	  .check = each_cache_is_in_one_place,
	  .points = "cache. test.", /* a frozen destroyer keeps the token, for which others wait */
	  .freezes = true },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
