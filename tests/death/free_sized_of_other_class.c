/* free_sized with a size of another class.
 *
 * Expects: size does not match
 * Only: TIDE_CHECK=1
 */
#include "misuse.h"

int main(void)
{
	tide_free_sized(block_of(64), 200);
	return after_misuse();
}
