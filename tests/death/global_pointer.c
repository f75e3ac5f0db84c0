/* free of a global variable.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

_Alignas(4096) static char global[4096];

int main(void)
{
	tide_free(block_of(64));
	tide_free(opaque(global));
	return after_misuse();
}
