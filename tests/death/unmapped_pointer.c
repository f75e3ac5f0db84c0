/* free of an address where nothing is mapped any more.
 *
 * Expects: not a pointer into Tide's memory
 */
#include <sys/mman.h>

#include "misuse.h"

int main(void)
{
	void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	tide_free(block_of(64));
	if (page == MAP_FAILED || munmap(page, 4096) != 0)
		return 2;
	tide_free(opaque(page));
	return after_misuse();
}
