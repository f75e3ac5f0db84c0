/* A block of a heap that the program made, freed twice.
 *
 * Expects: double free
 */
#include "misuse.h"

#include <tide/heap.h>

int main(void)
{
	struct tide_heap *heap = tide_heap_create(NULL);
	void *block = tide_heap_malloc(heap, 64);

	tide_free(block);
	tide_free(opaque(block));
	return after_misuse();
}
