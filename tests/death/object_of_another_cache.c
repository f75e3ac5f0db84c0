/* An object that is given back to another cache.
 *
 * Expects: not an object of this cache
 */
#include "misuse.h"

#include <tide/object_cache.h>

int main(void)
{
	struct tide_object_options options = { .size = 100 };
	struct tide_object_cache *cache = tide_object_cache_create(&options);
	struct tide_object_cache *other = tide_object_cache_create(&options);

	tide_object_free(cache, tide_object_alloc(cache));
	tide_object_free(cache, tide_object_alloc(other));
	return after_misuse();
}
