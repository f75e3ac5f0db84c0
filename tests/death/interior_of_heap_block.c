/* free of a pointer into a medium block of a heap that the program made.
 *
 * Expects: inside a block, not at its start|not inside any block
 */
#include "misuse.h"

#include <tide/heap.h>

int main(void)
{
	struct tide_heap *heap = tide_heap_create(NULL);
	char *block = tide_heap_malloc(heap, 20000);

	tide_free(opaque(block + 1024));
	return after_misuse();
}
