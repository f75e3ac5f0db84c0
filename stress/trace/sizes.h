/* What a load generator needs of a trace: how many blocks of which sizes, and how long each lived.
 *
 * Lives are counted in allocations: a block that lived while n others were made lived for n. A
 * realloc is the end of one block and the beginning of another.
 */
#ifndef TRACE_SIZES_H
#define TRACE_SIZES_H

#include "reader.h"

enum {
	SIZES_STEP_BYTES = 8, /* ranges of sizes up to 2^SIZES_EVEN_SHIFT; then 8 a doubling */
	SIZES_EVEN_SHIFT = 10,
	SIZES_TOP_SHIFT = 30,
	SIZES_EVEN_RANGES = (1 << SIZES_EVEN_SHIFT) / SIZES_STEP_BYTES,
	SIZES_RANGES = SIZES_EVEN_RANGES + (SIZES_TOP_SHIFT - SIZES_EVEN_SHIFT) * 8,
	SIZES_LIVES = 31, /* life i: from 2^i - 1 to 2^(i+1) - 2 */
};

/* Which range a size belongs to; sizes above 1 GiB are in the last, 0 in the first. */
uint32_t sizes_range(size_t bytes);
/* The least and the greatest size of a range. */
size_t sizes_min_bytes(uint32_t range);
size_t sizes_max_bytes(uint32_t range);

/* Write the distribution of a trace. False: `trace->fault` says why. */
bool sizes_make(struct trace *trace, FILE *out);

#endif
