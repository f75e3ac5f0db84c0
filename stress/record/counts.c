/* See counts.h. */
#include "counts.h"

#include "../order.h"
#include "live.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

/* All that was counted.
 * writers  every thread, by addition           readers  the thread that ends the program
 * order    relaxed                             edges    none: counts carry no data */
static struct {
	_Atomic uint64_t made; /* the clock: allocations so far, of parents too */
	_Atomic uint64_t call[CALLS];
	_Atomic uint64_t lost; /* blocks that could not be followed; they seem to live for ever */
	_Atomic uint64_t blocks[COUNTS_RANGES];
	_Atomic uint64_t ended[COUNTS_RANGES][COUNTS_LIVES];
	/* Ends of blocks that a parent made; not in `ended`. */
	_Atomic uint64_t inherited;
	_Atomic uint64_t since; /* blocks with a lower birth are a parent's */
} counts;

uint32_t counts_range(size_t bytes)
{
	if (bytes == 0)
		bytes = 1;
	if (bytes <= 1 << COUNTS_EVEN_SHIFT)
		return (uint32_t)((bytes - 1) / COUNTS_STEP_BYTES);
	if (bytes > (size_t)1 << COUNTS_TOP_SHIFT)
		return COUNTS_RANGES - 1;
	uint32_t top = 63u - (uint32_t)__builtin_clzll(bytes - 1);
	uint32_t eighth = (uint32_t)((bytes - 1) >> (top - 3)) & 7;
	return COUNTS_EVEN_RANGES + (top - COUNTS_EVEN_SHIFT) * 8 + eighth;
}

size_t counts_max_bytes(uint32_t range)
{
	if (range < COUNTS_EVEN_RANGES)
		return (size_t)(range + 1) * COUNTS_STEP_BYTES;
	range -= COUNTS_EVEN_RANGES;
	return (size_t)(9 + range % 8) << (COUNTS_EVEN_SHIFT + range / 8 - 3);
}

size_t counts_min_bytes(uint32_t range)
{
	return range == 0 ? 1 : counts_max_bytes(range - 1) + 1;
}

void counts_call(enum call call)
{
	add_relaxed(&counts.call[call], 1);
}

void counts_begin(void *block, size_t bytes)
{
	struct live live = { .birth = add_relaxed(&counts.made, 1), .range = counts_range(bytes) };

	if (block == NULL)
		return;
	add_relaxed(&counts.blocks[live.range], 1);
	if (!live_put(block, &live))
		add_relaxed(&counts.lost, 1);
}

void counts_end(void *block)
{
	struct live live;

	if (!live_take(block, &live))
		return;
	if (live.birth < load_relaxed(&counts.since)) {
		add_relaxed(&counts.inherited, 1);
		return;
	}
	/* The block itself is not one of those that were made meanwhile. */
	uint64_t life = load_relaxed(&counts.made) - live.birth - 1;
	uint32_t i = 63u - (uint32_t)__builtin_clzll(life + 1);
	if (i >= COUNTS_LIVES)
		i = COUNTS_LIVES - 1;
	add_relaxed(&counts.ended[live.range][i], 1);
}

void counts_restart(void)
{
	for (int i = 0; i < CALLS; i++)
		store_relaxed(&counts.call[i], 0);
	for (int range = 0; range < COUNTS_RANGES; range++) {
		store_relaxed(&counts.blocks[range], 0);
		for (int life = 0; life < COUNTS_LIVES; life++)
			store_relaxed(&counts.ended[range][life], 0);
	}
	store_relaxed(&counts.inherited, 0);
	store_relaxed(&counts.lost, 0);
	store_relaxed(&counts.since, load_relaxed(&counts.made));
}

static bool put(int file, const char *line, int length)
{
	return length > 0 && write(file, line, (size_t)length) == length;
}

static bool head_write(int file, const char *program)
{
	char line[LINE_BYTES];
	uint64_t call[CALLS];

	for (int i = 0; i < CALLS; i++)
		call[i] = load_relaxed(&counts.call[i]);
	int length = snprintf(
	    line, sizeof line,
	    "# Blocks of a program by size, and how long they lived; lives are in allocations.\n"
	    "# size MIN MAX COUNT, then LIFE:COUNT for lives from 2^LIFE - 1 to 2^(LIFE+1) - 2;\n"
	    "# those of no life were never freed. A realloc ends one block and begins another.\n"
	    "program %s\n"
	    "calls malloc %" PRIu64 " calloc %" PRIu64 " realloc %" PRIu64 " aligned %" PRIu64
	    " free %" PRIu64 "\n"
	    "lost %" PRIu64 "\n",
	    program, call[CALL_MALLOC], call[CALL_CALLOC], call[CALL_REALLOC], call[CALL_ALIGNED],
	    call[CALL_FREE], load_relaxed(&counts.lost));
	return put(file, line, length);
}

static bool range_write(int file, uint32_t range)
{
	char line[LINE_BYTES];
	uint64_t blocks = load_relaxed(&counts.blocks[range]);

	if (blocks == 0)
		return true;
	int length = snprintf(line, sizeof line, "size %zu %zu %" PRIu64, counts_min_bytes(range),
	                      counts_max_bytes(range), blocks);
	for (int life = 0; life < COUNTS_LIVES; life++) {
		uint64_t ended = load_relaxed(&counts.ended[range][life]);

		if (ended != 0)
			length += snprintf(line + length, sizeof line - (size_t)length,
			                   " %d:%" PRIu64, life, ended);
	}
	line[length++] = '\n';
	return put(file, line, length);
}

bool counts_write(int file, const char *program)
{
	if (!head_write(file, program))
		return false;
	for (uint32_t range = 0; range < COUNTS_RANGES; range++) {
		if (!range_write(file, range))
			return false;
	}
	return true;
}
