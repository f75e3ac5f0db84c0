/* free of a pointer some pages into a medium block.
 *
 * Expects: inside a block, not at its start
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(50000);

	tide_free(block + 16384);
	return after_misuse();
}
