/* cache.c: a cache has one owner at a time, each one made is in the roster, "its thread is gone" is
 * never believed of a later owner, and the GC takes its pending bins from an idle one. */
#include "support.h"

#include "cache.h"
#include "heap.h"
#include "options.h"

#include <tide/tide.h>

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

/* The GC takes the pending bins of a thread that seems idle, while that thread goes on, or ends
 * and another one has its cache. */

enum { BYTES = 8000, BLOCKS = 12 };
static struct tide_cache *idle;
static void *block[BLOCKS]; /* every one that was seen */
static unsigned blocks;
static bool in_hand[BLOCKS]; /* the program's */
static bool taken[BLOCKS];   /* by the GC, for ever */

static unsigned number_of(void *it)
{
	for (unsigned i = 0; i < blocks; i++) {
		if (block[i] == it)
			return i;
	}
	schedule_must(blocks < BLOCKS);
	block[blocks] = it;
	return blocks++;
}

static unsigned take_one(void)
{
	void *it = tide_malloc(BYTES);

	schedule_must(it != NULL);
	unsigned number = number_of(it);
	if (in_hand[number] || taken[number])
		schedule_fail("block %u was handed out, and somebody has it", number);
	in_hand[number] = true;
	return number;
}

static void free_one(unsigned number)
{
	in_hand[number] = false;
	tide_free(block[number]);
}

/* Bins of one block: one is in the ready bin, one in the pending bin, one in the program's hand. */
static void one_seems_idle(void)
{
	tide_options_set(TIDE_OPTION_BIN_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_BIN_MAX_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_GC, 0);
	for (unsigned i = 0; i < 3; i++)
		schedule_must(take_one() == i);
	free_one(0);
	free_one(1);
	idle = tide_cache_self;
	tide_cache_self = TIDE_CACHE_NONE;
	schedule_must(idle->pending[tide_class_of(BYTES)]->count == 1);
}

/* Two hits and two slow calls, or more. */
static void use_bins(void)
{
	unsigned first = take_one();
	unsigned second = take_one();

	if (tide_load_relaxed(&tide_cache_self->pending_taken))
		TIDE_YIELD("test.goes_without");
	free_one(second);
	free_one(first);
}

static void owner_goes_on(void)
{
	tide_cache_self = idle;
	use_bins();
	use_bins();
}

static void owner_goes_on_and_ends(void)
{
	tide_cache_self = idle;
	use_bins();
	tide_cache_self = TIDE_CACHE_NONE;
	tide_cache_park(idle);
}

static void take_bin(struct tide_heap *heap, struct tide_bin *bin)
{
	(void)heap;
	for (unsigned i = 0; i < bin->count; i++) {
		unsigned number = number_of(bin->slot[TIDE_BIN_BASE + i]);
		if (in_hand[number] || taken[number])
			schedule_fail("the GC takes block %u, and somebody has it", number);
		taken[number] = true;
	}
	TIDE_YIELD("test.takes");
	bin->count = 0;
}

static void take_idle(void)
{
	idle->calls_at_tick = tide_load_relaxed(&idle->slow_calls);
	(void)tide_cache_take_idle(idle, take_bin, NULL);
}

static void take_idle_twice(void)
{
	take_idle();
	take_idle();
}

static void take_idle_and_empty_parked(void)
{
	take_idle();
	empty_parked();
}

static void count_bin(const struct tide_bin *bin, unsigned count, unsigned *places)
{
	for (unsigned i = 0; i < count; i++)
		places[number_of(bin->slot[TIDE_BIN_BASE + i])]++;
}

static void count_cache(struct tide_cache *cache, unsigned *places)
{
	unsigned cls = tide_class_of(BYTES);
	struct tide_bin *ready = cache->ready[cls];
	struct tide_bin *pending = cache->pending[cls];

	if (ready != NULL)
		count_bin(ready, (unsigned)(cache->top[cls] - &ready->slot[TIDE_BIN_BASE - 1]),
		          places);
	/* Who is frozen at it may be in the middle of it. */
	if (pending != NULL && !tide_load_relaxed(&cache->pending_taken))
		count_bin(pending, pending->count, places);
	struct tide_node *node = tide_load_seq_cst(&cache->garbage.head->node.next);
	for (; node != NULL; node = tide_load_relaxed(&node->next))
		count_bin((struct tide_bin *)node, ((struct tide_bin *)node)->count, places);
}

static const char *each_block_is_in_one_place(void)
{
	unsigned places[BLOCKS] = { 0 };
	struct tide_bin *bin;

	while ((bin = tide_queue_pop(&tide_heap_default.queues, tide_class_of(BYTES))) != NULL)
		count_bin(bin, bin->count, places);
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next)
		count_cache(cache, places);
	for (unsigned i = 0; i < blocks; i++) {
		places[i] += in_hand[i] + taken[i];
		if (places[i] > 1)
			return "a block is in two places";
		if (places[i] == 0 && schedule_frozen() < 0)
			return "a block was lost";
	}
	return schedule_frozen() < 0 && tide_load_relaxed(&idle->pending_taken)
	           ? "the pending bins were never given back"
	           : NULL;
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
	{ .name = "the_pending_bins_of_an_idle_thread",
	  .set_up = one_seems_idle,
	  .thread = { owner_goes_on, take_idle_twice },
	  .check = each_block_is_in_one_place,
	  .points = POINTS " garbage.",
	  .must_meet = "test.goes_without" },
	{ .name = "frozen_at_the_pending_bins",
	  .set_up = one_seems_idle,
	  .thread = { owner_goes_on, take_idle_twice },
	  .check = each_block_is_in_one_place,
	  .points = POINTS " garbage.",
	  .must_meet = "test.goes_without",
	  .freezes = true },
	{ .name = "the_pending_bins_of_another_owner",
	  .set_up = one_seems_idle,
	  .thread = { owner_goes_on_and_ends, take_idle_and_empty_parked, use_bins },
	  .check = each_block_is_in_one_place,
	  .points = POINTS,
	  .must_meet = "test.goes_without" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
