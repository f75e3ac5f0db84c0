/* free of a pointer that was moved on by one byte.
 *
 * Expects: not aligned to 16 bytes
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(64);

	tide_free(block + 1);
	return after_misuse();
}
