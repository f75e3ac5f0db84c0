/* free of an address in the kernel's half: beyond the page map.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

int main(void)
{
	tide_free(block_of(64));
	tide_free((void *)(uintptr_t)0xffffffffff600000);
	return after_misuse();
}
