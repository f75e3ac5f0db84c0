/* A large block twice, when its memory has surely been unmapped in between.
 *
 * Expects: double free|not a pointer into Tide's memory|not inside any block
 */
#include "misuse.h"

int main(void)
{
	void *block = block_of((size_t)512 << 20);

	tide_free(block);
	(void)tide_purge();
	tide_free(opaque(block));
	return after_misuse();
}
