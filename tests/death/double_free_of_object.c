/* An object that is given back twice, and another one in between.
 *
 * Expects: double free
 */
#include "misuse.h"

#include <tide/object_cache.h>

int main(void)
{
	struct tide_object_cache *cache =
	    tide_object_cache_create(&(struct tide_object_options){ .size = 100 });
	void *kept = tide_object_alloc(cache); /* so that the slab stays */
	void *object = tide_object_alloc(cache);
	void *other = tide_object_alloc(cache);

	tide_object_free(cache, object);
	tide_object_free(cache, other);
	tide_object_free(cache, object);
	*(volatile char *)kept = 1;
	return after_misuse();
}
