/* free_sized of a small block with a large size.
 *
 * Expects: size does not match
 * Only: TIDE_CHECK=1
 */
#include "misuse.h"

int main(void)
{
	tide_free_sized(block_of(64), 1 << 20);
	return after_misuse();
}
