/* free of a pointer into what was a medium block and went back to the system.
 *
 * Expects: not inside any block|not a pointer|inside a block, not at its start|double free
 */
#include "misuse.h"

int main(void)
{
	char *block = block_of(100000);

	tide_free(block);
	(void)tide_purge();
	tide_free(block + 16384);
	return after_misuse();
}
