/* Memory for the allocator's own structures: bins, caches, descriptors.
 *
 * Type-stable: what is handed out is never unmapped and never becomes another type, so a stale
 * reader of a lock-free structure reads an old value, never foreign memory. Users recycle through
 * stacks of their own (stack.h). Arenas lie between guard pages, away from user blocks.
 *
 * Touched by  every thread
 * Progress    lock-free: one compare-and-swap; an exhausted arena is replaced by one thread's
 *             mmap, and the loser of that race gives its own mapping back
 */
#ifndef TIDE_META_H
#define TIDE_META_H

#include "compiler.h"

/* `bytes` of zeroed memory on lines of its own. NULL when the system has none. */
TIDE_HIDDEN void *tide_meta_alloc(size_t bytes);
/* Address space taken so far, for statistics. */
TIDE_HIDDEN size_t tide_meta_bytes_racy(void);

#endif
