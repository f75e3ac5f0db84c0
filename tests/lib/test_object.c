/* object.c: the depot of an object cache in a child, where threads have vanished. */
#include "object.h"

#include <criterion/criterion.h>
#include <tide/object_cache.h>

/* One may have vanished after it had counted the objects of a bin, and before it pushed the bin; or
 * the other way round, when it took one out. */
Test(object, a_child_counts_what_is_in_the_depot)
{
	static void *object[4096];
	enum { OBJECTS = sizeof object / sizeof object[0] };
	struct tide_object_cache *cache =
	    tide_object_cache_create(&(struct tide_object_options){ .size = 64 });
	for (size_t i = 0; i < OBJECTS; i++)
		cr_assert_not_null(object[i] = tide_object_alloc(cache));
	for (size_t i = 0; i < OBJECTS; i++)
		tide_object_free(cache, object[i]);
	uint32_t there = tide_load_relaxed(&cache->depot_objects);
	cr_assert_gt(there, 0u);
	tide_store_relaxed(&cache->depot_objects, there + 1);
	tide_object_fork_child();
	cr_assert_eq(tide_load_relaxed(&cache->depot_objects), there);
	tide_store_relaxed(&cache->depot_objects, 0u);
	tide_object_fork_child();
	cr_assert_eq(tide_load_relaxed(&cache->depot_objects), there);
	cr_assert_eq(tide_object_cache_destroy(cache), 0u);
}
