/* free_in with the hint of a block of another class.
 *
 * Expects: hint does not match
 * Only: TIDE_CHECK=1
 */
#include "misuse.h"

#include <tide/heap.h>

int main(void)
{
	struct tide_heap *heap = tide_heap_create(NULL);
	struct tide_hint small;
	struct tide_hint large;
	void *block = tide_malloc_in(heap, 100, &small);

	(void)tide_malloc_in(heap, 500, &large);
	tide_free_in(heap, block, large);
	return after_misuse();
}
