/* free of a pointer some pages into a large block.
 *
 * Expects: inside a block, not at its start
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(1 << 20);

	tide_free(block + 65536);
	return after_misuse();
}
