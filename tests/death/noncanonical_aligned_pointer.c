/* The same on a multiple of 16: only the page map can tell.
 *
 * Expects: not a pointer into Tide's memory
 */
#include "misuse.h"

int main(void)
{
	tide_free(block_of(64));
	tide_free((void *)(uintptr_t)0xdeadbeefdeadbee0);
	return after_misuse();
}
