/* Two threads free the same block, one after the other.
 *
 * Expects: double free
 */
#include <pthread.h>

#include "misuse.h"

static void *free_it(void *block)
{
	tide_free(block);
	return NULL;
}

int main(void)
{
	void *block = block_of(64);
	pthread_t thread;

	if (pthread_create(&thread, NULL, free_it, block) != 0 || pthread_join(thread, NULL) != 0)
		return 2;
	tide_free(opaque(block));
	return after_misuse();
}
