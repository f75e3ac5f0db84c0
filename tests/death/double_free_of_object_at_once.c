/* An object that is given back twice in a row: the next allocation sees it.
 *
 * Expects: double free
 */
#include "misuse.h"

#include <tide/object_cache.h>

int main(void)
{
	struct tide_object_cache *cache =
	    tide_object_cache_create(&(struct tide_object_options){ .size = 100 });
	void *object = tide_object_alloc(cache);

	tide_object_free(cache, object);
	tide_object_free(cache, object);
	if (tide_object_alloc(cache) == tide_object_alloc(cache))
		return 1;
	return after_misuse();
}
