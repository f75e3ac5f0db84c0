/* What is recorded: how many blocks of which sizes, and how long each lived.
 *
 * Lives are counted in allocations: a block that lived while n others were made lived for n. A
 * realloc is the end of one block and the beginning of another.
 *
 * Touched by  every thread of the recorded program.
 * Progress    no lock, no allocation, no wait: fork finds nothing in the midst.
 */
#ifndef RECORD_COUNTS_H
#define RECORD_COUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	COUNTS_STEP_BYTES = 8, /* ranges of sizes up to COUNTS_EVEN_BYTES; then 8 a doubling */
	COUNTS_EVEN_SHIFT = 10,
	COUNTS_TOP_SHIFT = 30,
	COUNTS_EVEN_RANGES = (1 << COUNTS_EVEN_SHIFT) / COUNTS_STEP_BYTES,
	COUNTS_RANGES = COUNTS_EVEN_RANGES + (COUNTS_TOP_SHIFT - COUNTS_EVEN_SHIFT) * 8,
	COUNTS_LIVES = 31, /* life i: from 2^i - 1 to 2^(i+1) - 2 */
};

enum call { CALL_MALLOC, CALL_CALLOC, CALL_REALLOC, CALL_ALIGNED, CALL_FREE, CALLS };

/* Which range a size belongs to; sizes above 1 GiB are in the last, 0 in the first. */
uint32_t counts_range(size_t bytes);
/* The least and the greatest size of a range. */
size_t counts_min_bytes(uint32_t range);
size_t counts_max_bytes(uint32_t range);

void counts_call(enum call call);
/* A block begins, or ends. */
void counts_begin(void *block, size_t bytes);
void counts_end(void *block);

/* In a forked child: what the parent counted is the parent's. */
void counts_restart(void);
/* Write all into a file, without allocating. False: errno says why. */
bool counts_write(int file, const char *program);

#endif
