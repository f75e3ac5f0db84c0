/* Numbers out of /proc, without stdio, whose buffers come from the allocator under test. */
#ifndef STRESS_PROC_H
#define STRESS_PROC_H

#include <stdint.h>

/* The number that stands `place` numbers behind the first in a file. 0: not known. */
uint64_t proc_number(const char *path, unsigned place);

/* Address space and resident memory of this process. 0: not known. */
uint64_t proc_mapped_bytes(void);
uint64_t proc_resident_bytes(void);

#endif
