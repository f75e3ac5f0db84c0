/* A medium block twice.
 *
 * Expects: double free|not inside any block
 */
#include "misuse.h"

int main(void)
{
	void *block = block_of(50000);

	tide_free(block);
	tide_free(opaque(block));
	return after_misuse();
}
