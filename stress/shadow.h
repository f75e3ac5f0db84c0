/* Shadow of the address space: which memory belongs to a live block.
 *
 * One bit for each 16 bytes: a block that is handed out while any byte of it belongs to another is
 * found in the moment its maker has it, before a byte is written.
 *
 * The tables are not in the heap; they are made whole for each 32 MiB of addresses that come up, so
 * that their part of the resident memory is known. What there is no memory for is not watched (a
 * limit may be part of the test), and counted. They cost less than what is watched by 128 times. A
 * child of fork has a copy and goes on with that.
 *
 * Touched by  every thread
 * Progress    lock-free: single atomic operations on words that differ for different blocks, except
 *             at the ends of neighbours
 * Edges       none of its own. The owner leaves before it frees and enters after it allocated, and
 *             the allocator orders a free before the next allocation of the same memory
 */
#ifndef STRESS_SHADOW_H
#define STRESS_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: what begins at `hit` belongs to another block. Nothing is marked then. */
bool shadow_enter(const void *block, size_t bytes, const unsigned char **hit);
/* False: not all of it was marked. */
bool shadow_leave(const void *block, size_t bytes);

enum { SHADOW_STEP_BYTES = 16 };

/* Whether these 16 bytes belong to a live block. */
bool shadow_is_marked(const void *at);
/* The first such 16 bytes at or after `from`; NULL: there are none. */
const unsigned char *shadow_next(const unsigned char *from);

uint64_t shadow_resident_bytes(void);
uint64_t shadow_unwatched(void); /* stretches of 32 MiB that could not be watched */

#endif
