/* Shadow of the address space: which memory belongs to a live block, and to which.
 *
 * One bit for each 16 bytes, and where a block starts, its id: a block that is handed out while any
 * byte of it belongs to another is found in the moment its maker has it, before a byte is written.
 *
 * The tables lie in a file in memory, mapped on demand for each 32 MiB in use: not in the heap, and
 * told apart from it in the resident memory, by shadow_resident_bytes. What can't be mapped is not
 * watched (a limit on addresses may be part of the test); shadow_unwatched counts that. A child of
 * fork would write into its parent's tables, so there everything is unwatched.
 *
 * Touched by  every thread.
 * Progress    lock-free: single atomic operations on words that differ for different blocks, except
 *             at the ends of neighbours.
 * Edges       none of its own. The owner leaves before it frees and enters after it allocated, and
 *             the allocator orders a free before the next allocation of the same memory.
 */
#ifndef STRESS_SHADOW_H
#define STRESS_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHADOW_ID_BITS = 63 }; /* of an id; the highest is the table's, and no id is 0 */

struct shadow_other {
	uint64_t id; /* 0: not known */
	const void *block;
};

/* False: there is no memory for tables, nothing will be watched. */
bool shadow_start(void);
/* False: some byte belongs to `other`. The table is unchanged then. */
bool shadow_enter(const void *block, size_t bytes, uint64_t id, struct shadow_other *other);
/* False: the block that starts here is not this one (it is `other`), or not all of it is marked. */
bool shadow_leave(const void *block, size_t bytes, uint64_t id, struct shadow_other *other);

/* Up to `slots` blocks that are in the table, and how many there are; when no thread runs. */
uint64_t shadow_live(struct shadow_other *into, uint64_t slots);
uint64_t shadow_resident_bytes(void);
uint64_t shadow_unwatched(void); /* stretches of 32 MiB that could not be watched */

#endif
