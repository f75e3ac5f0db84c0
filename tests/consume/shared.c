/* A shared object that would carry an allocator of its own. */
#include <tide/tide.h>

void *shared_malloc(size_t size)
{
	return tide_malloc(size);
}
