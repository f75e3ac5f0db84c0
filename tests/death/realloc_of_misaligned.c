/* realloc of a pointer that was moved on by one word.
 *
 * Expects: not aligned to 16 bytes|inside a block, not at its start
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(64);

	(void)opaque(tide_realloc(block + 8, 100));
	return after_misuse();
}
