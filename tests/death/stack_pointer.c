/* free of a local variable.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];

	tide_free(block_of(64));
	tide_free(opaque(local));
	return after_misuse();
}
