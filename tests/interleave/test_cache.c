/* cache.c: a cache has one owner at a time, each one made is in the roster, and "its thread is
 * gone" is never believed of a later owner. */
#include "support.h"

#include "cache.h"
#include "heap.h"

enum { CACHES_MAX = 8, SAME_ID = 100 };

#define POINTS "cache. test."

static struct tide_cache *in_use[SCENARIO_THREADS];

static void none_yet(void)
{
}

static void one_is_parked(void)
{
	struct tide_cache *cache = tide_cache_unpark(&tide_heap_default, SAME_ID);

	schedule_must(cache != NULL);
	tide_cache_park(cache);
}

static void use_and_park(void)
{
	int self = schedule_self();

	for (unsigned i = 0; i < 2; i++) {
		in_use[self] = tide_cache_unpark(&tide_heap_default, (uint32_t)(1000 + self));
		schedule_must(in_use[self] != NULL);
		TIDE_YIELD("test.uses");
		struct tide_cache *own = in_use[self];
		schedule_must(tide_cache_thread_id(tide_load_relaxed(&own->owner)) ==
		              (uint32_t)(1000 + self));
		in_use[self] = NULL;
		tide_cache_park(own);
	}
}

static const char *one_user_each(void)
{
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (in_use[i] != NULL && in_use[i] == in_use[j])
				return "two threads use one cache";
		}
	}
	return NULL;
}

/* Caches that somebody uses, or that lie parked; each is in one place. */
static const char *count_places(unsigned *found)
{
	struct tide_cache *seen[CACHES_MAX];
	struct tide_cache *cache;

	*found = 0;
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		if (in_use[i] != NULL)
			seen[(*found)++] = in_use[i];
	}
	while ((cache = tide_cache_take_parked(&tide_heap_default)) != NULL) {
		for (unsigned i = 0; i < *found; i++) {
			if (seen[i] == cache)
				return "a cache is in two places";
		}
		if (*found == CACHES_MAX)
			return "more caches than were made";
		seen[(*found)++] = cache;
	}
	return NULL;
}

static unsigned listed(void)
{
	unsigned count = 0;

	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next)
		count++;
	return count;
}

static const char *all_are_parked(void)
{
	unsigned found;
	const char *wrong = count_places(&found);

	if (wrong != NULL)
		return wrong;
	if (found != listed())
		return "a cache was lost";
	return tide_cache_threads_racy(&tide_heap_default) != 0 ? "the count of threads is wrong"
	                                                        : NULL;
}

/* A frozen thread has one with it. */
static const char *all_but_one_are_parked(void)
{
	unsigned found;
	const char *wrong = count_places(&found);

	if (wrong != NULL)
		return wrong;
	return found + (schedule_frozen() >= 0) < listed() ? "a cache was lost" : NULL;
}

/* The GC reads an owner, that thread ends, the GC finds it gone; before it adopts the cache, a new
 * thread has it, and the same id. */

static struct tide_cache *adopted;
static bool id_is_gone;

static void one_is_in_use(void)
{
	in_use[0] = tide_cache_unpark(&tide_heap_default, SAME_ID);
	schedule_must(in_use[0] != NULL);
}

static void old_thread_ends(void)
{
	struct tide_cache *own = in_use[0];

	in_use[0] = NULL;
	tide_cache_park(own);
	id_is_gone = true;
}

static void call_the_roll(void)
{
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	uint64_t owner = tide_load_relaxed(&cache->owner);

	TIDE_YIELD("test.calls");
	if (tide_cache_thread_id(owner) == SAME_ID && id_is_gone) {
		if (tide_cache_adopt(cache, owner))
			adopted = cache;
		else
			TIDE_YIELD("test.has_a_new_owner");
	}
}

static void new_thread_starts(void)
{
	if (!id_is_gone)
		return; /* the system gives an id out again only then */
	id_is_gone = false;
	in_use[2] = tide_cache_unpark(&tide_heap_default, SAME_ID);
	TIDE_YIELD("test.uses");
}

static const char *the_new_owner_keeps_it(void)
{
	unsigned found;

	if (adopted != NULL)
		return "a cache was taken from a thread that is there";
	return count_places(&found);
}

/* A thread ended without notice, in the middle of publishing; its cache is adopted, emptied by
 * the GC as a parked one, and taken by a new thread. */

enum { CLS = 4 };
static struct tide_cache *vanished;

static void one_vanished(void)
{
	one_is_in_use();
	tide_cache_install(in_use[0], bin_number(CLS, 0));
	in_use[0]->pending[CLS] = bin_number(CLS, 1);
	tide_garbage_publish(&in_use[0]->garbage, bin_number(CLS, 2));
	in_use[0]->garbage.tail = in_use[0]->garbage.head; /* the last store was not made */
	vanished = in_use[0];
	in_use[0] = NULL;
}

static void adopt(void)
{
	schedule_must(tide_cache_adopt(vanished, tide_load_relaxed(&vanished->owner)));
}

static void empty_parked(void)
{
	struct tide_cache *cache = tide_cache_take_parked(&tide_heap_default);

	if (cache != NULL) {
		(void)tide_cache_empty(cache);
		tide_cache_park(cache);
	}
}

static void adopt_and_empty(void)
{
	adopt();
	empty_parked();
}

/* The three blocks are in the adopted cache, its bins or its garbage. */
static const char *nothing_was_lost(void)
{
	unsigned found;

	if (!tide_cache_is_valid(vanished))
		return "the adopted cache is not valid";
	unsigned blocks = tide_cache_blocks(vanished, CLS);
	struct tide_node *node = tide_load_seq_cst(&vanished->garbage.head->node.next);
	for (; node != NULL; node = tide_load_relaxed(&node->next))
		blocks += ((struct tide_bin *)node)->count;
	if (blocks != 3)
		return "a block was lost or is there twice";
	return count_places(&found);
}

static const struct scenario scenario[] = {
	{ .name = "use_and_park",
	  .set_up = one_is_parked,
	  .thread = { use_and_park, use_and_park, use_and_park },
	  .always = one_user_each,
	  .check = all_are_parked,
	  .points = POINTS },
	{ .name = "two_at_every_step",
	  .set_up = none_yet,
	  .thread = { use_and_park, use_and_park },
	  .always = one_user_each,
	  .check = all_are_parked,
	  .points = POINTS " stack. meta." },
	{ .name = "one_user_is_frozen",
	  .set_up = one_is_parked,
	  .thread = { use_and_park, use_and_park, use_and_park },
	  .always = one_user_each,
	  .check = all_but_one_are_parked,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "a_vanished_threads_cache",
	  .set_up = one_vanished,
	  .thread = { adopt_and_empty, use_and_park, use_and_park },
	  .always = one_user_each,
	  .check = nothing_was_lost,
	  .points = POINTS " garbage." },
	{ .name = "a_thread_with_the_id_of_another",
	  .set_up = one_is_in_use,
	  .thread = { old_thread_ends, call_the_roll, new_thread_starts },
	  .always = one_user_each,
	  .check = the_new_owner_keeps_it,
	  .points = POINTS,
	  .must_meet = "test.has_a_new_owner" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
