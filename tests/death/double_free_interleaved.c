/* Time and again a block is freed twice with another between, and the bins fill up: of the full
 * bins the thread looks into some, and what leaves it otherwise the GC sees.
 *
 * Expects: double free
 */
#include "misuse.h"

int main(void)
{
	enum { BLOCKS = 200, ROUNDS = 16 };
	static void *block[BLOCKS];

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < BLOCKS; i++)
			block[i] = block_of(64);
		tide_free(block[0]);
		tide_free(block[1]);
		tide_free(opaque(block[0]));
		for (size_t i = 2; i < BLOCKS; i++)
			tide_free(block[i]);
	}
	return after_misuse();
}
