/* A large block twice: the second time it is one that is kept for reuse, or nobody's.
 *
 * Expects: double free|not a pointer into Tide's memory|not inside any block
 */
#include "misuse.h"

int main(void)
{
	void *block = block_of(300 * 1024);

	tide_free(block);
	tide_free(opaque(block));
	return after_misuse();
}
