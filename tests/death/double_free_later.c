/* The same block twice, with many others freed in between.
 *
 * Expects: double free
 */
#include "misuse.h"

int main(void)
{
	enum { BLOCKS = 2000 };
	static void *block[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++)
		block[i] = block_of(64);
	for (size_t i = 0; i < BLOCKS; i++)
		tide_free(block[i]);
	tide_free(opaque(block[100]));
	return after_misuse();
}
