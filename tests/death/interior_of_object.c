/* A pointer into the middle of an object, given to its cache.
 *
 * Expects: not an object of this cache
 */
#include "misuse.h"

#include <tide/object_cache.h>

int main(void)
{
	struct tide_object_cache *cache =
	    tide_object_cache_create(&(struct tide_object_options){ .size = 100 });
	char *object = tide_object_alloc(cache);

	tide_object_free(cache, object + 16);
	return after_misuse();
}
