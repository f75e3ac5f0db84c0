/* realloc of a local variable.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];

	tide_free(block_of(64));
	(void)opaque(tide_realloc(opaque(local), 100));
	return after_misuse();
}
