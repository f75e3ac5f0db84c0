/* The allocator behind the recorder: the next one that the loader finds.
 *
 * Touched by  every thread; the addresses are looked up by the first call of all, and looking them
 *             up again gives the same.
 * Promise     dlsym may itself allocate: such calls, of the thread that is looking up, get memory
 *             of a small area that is never given back.
 */
#ifndef RECORD_NEXT_H
#define RECORD_NEXT_H

#include <stdbool.h>
#include <stddef.h>

void *next_malloc(size_t bytes);
void *next_calloc(size_t count, size_t bytes);
void *next_realloc(void *block, size_t bytes);
void *next_memalign(size_t alignment, size_t bytes);
void next_free(void *block);

/* The block is of the small area. */
bool next_is_early(const void *block);

#endif
