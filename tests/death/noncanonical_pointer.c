/* free of a bit pattern that is no address at all.
 *
 * Expects: not a pointer into Tide's memory|not aligned to 16 bytes
 */
#include "misuse.h"

int main(void)
{
	tide_free(block_of(64));
	tide_free((void *)(uintptr_t)0xdeadbeefdeadbeef);
	return after_misuse();
}
