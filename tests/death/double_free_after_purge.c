/* The second free comes when the GC has long sorted in the first.
 *
 * Expects: double free
 */
#include "misuse.h"

int main(void)
{
	void *block = block_of(64);
	void *neighbour = block_of(64); /* so that the slab stays */

	tide_free(block);
	(void)tide_purge();
	tide_free(opaque(block));
	int status = after_misuse();
	tide_free(neighbour);
	return status;
}
