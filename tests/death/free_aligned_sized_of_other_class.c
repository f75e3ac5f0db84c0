/* free_aligned_sized with a size that the block was not asked for with.
 *
 * Expects: size does not match
 * Only: TIDE_CHECK=1
 */
#include "misuse.h"

int main(void)
{
	tide_free_aligned_sized(tide_aligned_alloc(64, 128), 64, 4096);
	return after_misuse();
}
