/* A block from malloc that is given to an object cache.
 *
 * Expects: not an object of this cache
 */
#include "misuse.h"

#include <tide/object_cache.h>

int main(void)
{
	struct tide_object_cache *cache =
	    tide_object_cache_create(&(struct tide_object_options){ .size = 100 });

	tide_object_free(cache, block_of(100));
	return after_misuse();
}
