/* free of what a field of a null struct would be at.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

int main(void)
{
	tide_free(block_of(64));
	tide_free((void *)(uintptr_t)0x40);
	return after_misuse();
}
