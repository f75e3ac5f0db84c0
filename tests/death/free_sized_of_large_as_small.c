/* free_sized of a large block with a small size.
 *
 * Expects: size does not match
 * Only: TIDE_CHECK=1
 */
#include "misuse.h"

int main(void)
{
	tide_free_sized(block_of(1 << 20), 64);
	return after_misuse();
}
