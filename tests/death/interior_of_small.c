/* free of a pointer into a small block, at a multiple of 16.
 *
 * Expects: inside a block, not at its start
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(64);

	tide_free(block + 16);
	return after_misuse();
}
