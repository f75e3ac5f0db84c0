/* object*.c: a raw object has one taker, a slab goes when all of its objects are raw and nobody has
 * a right to one, and a cache is destroyed under threads that are at it unasked. */
#include "support.h"

#include "cache.h"
#include "heap.h"
#include "object.h"
#include "options.h"

#include <tide/heap.h>

enum { BYTES = 65536, SLAB_OBJECTS = 8, HANDS = 64 };

#define POINTS "object. test."

static struct tide_object_cache *cache;
static void *in_hand[HANDS];
static unsigned destructs;

static void destruct(void *object, void *context)
{
	(void)object;
	(void)context;
	destructs++;
}

static struct tide_object_cache *new_cache(void)
{
	struct tide_object_options options = { .size = BYTES, .destruct = destruct };
	struct tide_object_cache *made = tide_object_cache_create(&options);

	schedule_must(made != NULL && made->objects == SLAB_OBJECTS);
	return made;
}

static void nothing_yet(void)
{
	tide_options_set(TIDE_OPTION_GC, 0);
	cache = new_cache();
}

static void hold(void *object)
{
	for (unsigned i = 0; i < HANDS; i++) {
		if (in_hand[i] == object)
			schedule_fail("an object is in two hands");
	}
	for (unsigned i = 0; i < HANDS; i++) {
		if (in_hand[i] == NULL) {
			in_hand[i] = object;
			return;
		}
	}
	schedule_fail("more objects than there are");
}

static void let_go(void *object)
{
	for (unsigned i = 0; i < HANDS; i++) {
		if (in_hand[i] == object)
			in_hand[i] = NULL;
	}
}

static unsigned take(void **objects, unsigned want)
{
	unsigned taken = tide_object_take_raw(cache, objects, want);

	schedule_must(taken > 0);
	for (unsigned i = 0; i < taken; i++) {
		hold(objects[i]);
		*(void **)objects[i] = objects[i]; /* there is memory */
	}
	return taken;
}

static void give(void **objects, unsigned count)
{
	struct tide_object_slab *slab;
	unsigned idx;

	for (unsigned i = 0; i < count; i++) {
		schedule_must(*(void **)objects[i] == objects[i]);
		let_go(objects[i]);
		schedule_must(tide_object_find(cache, objects[i], &slab, &idx));
		tide_object_put_raw(slab, idx);
	}
}

/* More than half a slab: two of them do not find enough in one. */
static void take_and_give(void)
{
	void *objects[SLAB_OBJECTS];

	for (unsigned round = 0; round < 2; round++)
		give(objects, take(objects, 5));
}

/* All but a few are in other hands, so that a slab is full, or nearly. */
static void *rest[SLAB_OBJECTS - 1];

static void nearly_full(void)
{
	nothing_yet();
	schedule_must(take(rest, SLAB_OBJECTS - 1) == SLAB_OBJECTS - 1);
}

static void take_one_and_give(void)
{
	void *object;

	for (unsigned round = 0; round < 2; round++)
		give(&object, take(&object, 1));
}

static void give_the_rest(void)
{
	give(rest, SLAB_OBJECTS - 1);
}

/* A slab that is found to be full gets an object back. */

static void *last;

static void full(void)
{
	nearly_full();
	schedule_must(take(&last, 1) == 1);
}

static void take_one(void)
{
	void *object;

	(void)take(&object, 1);
}

static void two_are_left(void)
{
	nothing_yet();
	schedule_must(take(rest, SLAB_OBJECTS - 2) == SLAB_OBJECTS - 2);
}

static void give_the_last(void)
{
	give(&last, 1);
}

static const char *what_is_free_can_be_found(void)
{
	uint64_t raw;

	if (!tide_object_slabs_are_valid(cache, &raw))
		return "a slab with a free object is not known to have one";
	return NULL;
}

/* The last one to be given back makes its slab whole, and takes it. */
static const char *no_slab_is_left(void)
{
	uint64_t raw;

	if (schedule_frozen() >= 0)
		return NULL;
	if (!tide_object_slabs_are_valid(cache, &raw))
		return "the slabs are not valid";
	return raw != 0 || tide_load_relaxed(&cache->count.made) !=
	                       tide_load_relaxed(&cache->count.returned)
	           ? "a slab was kept with all of its objects raw"
	           : NULL;
}

/* Some objects of the depot, of a bin of this thread, and in a bin of another thread that comes to
 * an end, when the cache is destroyed. */

static struct tide_cache *other;

static void some_are_constructed(void)
{
	void *objects[6];

	tide_options_set(TIDE_OPTION_BIN_MAX_BYTES, 2 * BYTES);
	tide_options_set(TIDE_OPTION_BIN_BLOCKS, 2);
	nothing_yet();
	for (unsigned i = 0; i < COUNT_OF(objects); i++)
		schedule_must((objects[i] = tide_object_alloc(cache)) != NULL);
	for (unsigned i = 0; i < COUNT_OF(objects); i++)
		tide_object_free(cache, objects[i]);
	schedule_must(tide_load_relaxed(&cache->depot_objects) == 2);
	other = tide_cache_self;
	tide_cache_self = TIDE_CACHE_NONE;
	tide_object_self = TIDE_OBJECT_TABLE_NONE;
}

static uint64_t live_at_end = UINT64_MAX;

static void destroy(void)
{
	live_at_end = tide_object_cache_destroy(cache);
	/* Who is at the cache now is at another one. */
	struct tide_object_cache *next = new_cache();
	schedule_must(next == cache);
	void *object = tide_object_alloc(next);
	schedule_must(object != NULL);
	hold(object);
}

static void other_empties_its_bins(void)
{
	(void)tide_cache_empty(other);
}

static void gc_comes_by(void)
{
	(void)tide_object_step_all(false);
	if (!tide_load_relaxed(&cache->live))
		TIDE_YIELD("test.too_late");
	(void)tide_object_drain_all(false);
	(void)tide_object_is_left();
}

static const char *all_went(void)
{
	if (schedule_frozen() >= 0)
		return NULL;
	if (live_at_end != 0)
		return "objects that were free counted as live";
	if (destructs < 6)
		return "an object was not destructed";
	return tide_load_relaxed(&cache->users) != 0 ? "the count of users is wrong" : NULL;
}

/* Two threads create, each its own. */

static struct tide_object_cache *created[SCENARIO_THREADS];

static void create(void)
{
	created[schedule_self()] = new_cache();
}

static void first_call(void)
{
	tide_heap_destroy(tide_heap_create(NULL));
}

static const char *they_are_apart(void)
{
	if (created[0] == created[1] || created[0]->at == created[1]->at)
		return "two caches are one";
	return tide_object_at(0) == NULL || tide_object_at(1) == NULL ? "a slot was left out"
	                                                              : NULL;
}

/* The depot, from both ends. */

static void take_constructed(void)
{
	struct tide_bin *bin = tide_object_depot_pop(cache);

	if (bin == NULL)
		return;
	for (unsigned i = 0; i < bin->count; i++)
		hold(bin->slot[TIDE_BIN_BASE + i]);
	TIDE_YIELD("test.holds");
	for (unsigned i = 0; i < bin->count; i++)
		let_go(bin->slot[TIDE_BIN_BASE + i]);
	tide_object_depot_push(cache, bin);
}

static void step_and_drain(void)
{
	(void)tide_object_step(cache);
	(void)tide_object_drain(cache, 1);
}

static const char *depot_count_is_right(void)
{
	uint32_t objects = 0;
	struct tide_node *node = tide_load_relaxed(&cache->depot.head.pointer);

	for (; node != NULL; node = tide_load_relaxed(&node->next))
		objects += ((struct tide_bin *)node)->count;
	uint32_t counted = tide_load_relaxed(&cache->depot_objects);
	if (schedule_frozen() >= 0)
		return objects > counted ? "the depot's count is too low" : NULL;
	if (objects != counted)
		return "the depot's count is wrong";
	return objects + destructs != 2 ? "an object of the depot was lost" : NULL;
}

static const struct scenario scenario[] = {
	{ .name = "the_first_slabs",
	  .set_up = nothing_yet,
	  .thread = { take_and_give, take_and_give },
	  .check = no_slab_is_left,
	  .points = POINTS,
	  .must_meet = "object.group" },
	{ .name = "three_take_and_give",
	  .set_up = nothing_yet,
	  .thread = { take_and_give, take_and_give, take_one_and_give },
	  .check = no_slab_is_left,
	  .points = POINTS,
	  .limit = 2000 },
	{ .name = "the_last_object",
	  .set_up = nearly_full,
	  .thread = { take_one_and_give, take_one_and_give, give_the_rest },
	  .check = no_slab_is_left,
	  .points = POINTS,
	  .must_meet = "object.withdraw_group",
	  .limit = 3000 },
	{ .name = "two_take_the_last_two",
	  .set_up = two_are_left,
	  .thread = { take_one, take_one },
	  .check = what_is_free_can_be_found,
	  .points = POINTS,
	  .must_meet = "object.claim" },
	{ .name = "given_back_to_a_full_slab",
	  .set_up = full,
	  .thread = { take_one, give_the_last },
	  .check = what_is_free_can_be_found,
	  .points = POINTS,
	  .must_meet = "object.advertised" },
	{ .name = "one_of_them_is_frozen",
	  .set_up = nearly_full,
	  .thread = { take_one_and_give, take_one_and_give, give_the_rest },
	  .check = no_slab_is_left,
	  .points = POINTS,
	  .freezes = true,
	  .limit = 2000 },
	{ .name = "the_depot",
	  .set_up = some_are_constructed,
	  .thread = { take_constructed, take_constructed, step_and_drain },
	  .check = depot_count_is_right,
	  .points = POINTS " stack.",
	  .freezes = true,
	  .limit = 2000 },
	{ .name = "destroyed_meanwhile",
	  .set_up = some_are_constructed,
	  .thread = { destroy, other_empties_its_bins, gc_comes_by },
	  .check = all_went,
	  .points = POINTS,
	  .must_meet = "object.destroy",
	  .limit = 3000 },
	{ .name = "two_create",
	  .set_up = first_call,
	  .thread = { create, create },
	  .check = they_are_apart,
	  .points = POINTS,
	  .must_meet = "object.slot" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
