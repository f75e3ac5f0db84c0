/* An object, the first of its slab, that is given to free: the slab must not go.
 *
 * Expects: inside a block
 */
#include "misuse.h"

#include <tide/object_cache.h>

int main(void)
{
	struct tide_object_cache *cache =
	    tide_object_cache_create(&(struct tide_object_options){ .size = 128 });
	char *first = tide_object_alloc(cache);

	for (unsigned i = 0; i < 100; i++) {
		char *object = tide_object_alloc(cache);
		if (object < first)
			first = object;
	}
	tide_free(first);
	return after_misuse();
}
