/* free of a block of another allocator.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

int main(void)
{
	tide_free(block_of(64));
	tide_free(opaque(malloc(64)));
	return after_misuse();
}
