/* free_in for another heap than the block's.
 *
 * Expects: hint does not match
 * Only: TIDE_CHECK=1
 */
#include "misuse.h"

#include <tide/heap.h>

int main(void)
{
	struct tide_heap *heap = tide_heap_create(NULL);
	struct tide_hint hint;
	void *block = tide_malloc_in(heap, 100, &hint);

	(void)block_of(1);
	tide_free_in(tide_heap_create(NULL), block, hint);
	return after_misuse();
}
