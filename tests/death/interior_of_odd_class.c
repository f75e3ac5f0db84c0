/* The same where the size of a block is no power of two.
 *
 * Expects: inside a block, not at its start
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(112);

	tide_free(block + 64);
	return after_misuse();
}
