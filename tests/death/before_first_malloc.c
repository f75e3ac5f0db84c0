/* A bad free as the very first call of the program.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

_Alignas(16) static char global[64];

int main(void)
{
	tide_free(opaque(global));
	return after_misuse();
}
