/* The same block twice in a row; the next blocks come from what was freed.
 *
 * Expects: double free
 */
#include "misuse.h"

int main(void)
{
	void *block = block_of(64);

	tide_free(block);
	tide_free(opaque(block));
	tide_free(block_of(64));
	return after_misuse();
}
