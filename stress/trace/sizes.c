/* See sizes.h. */
#include "sizes.h"

#include "books.h"

#include <inttypes.h>
#include <stdlib.h>

struct counts {
	uint64_t made, resized, aligned, freed, zeroed; /* calls */
	uint64_t blocks[SIZES_RANGES];
	uint64_t ended[SIZES_RANGES][SIZES_LIVES];
};

uint32_t sizes_range(size_t bytes)
{
	if (bytes == 0)
		bytes = 1;
	if (bytes <= 1 << SIZES_EVEN_SHIFT)
		return (uint32_t)((bytes - 1) / SIZES_STEP_BYTES);
	if (bytes > (size_t)1 << SIZES_TOP_SHIFT)
		return SIZES_RANGES - 1;
	uint32_t top = 63u - (uint32_t)__builtin_clzll(bytes - 1);
	uint32_t eighth = (uint32_t)((bytes - 1) >> (top - 3)) & 7;
	return SIZES_EVEN_RANGES + (top - SIZES_EVEN_SHIFT) * 8 + eighth;
}

size_t sizes_max_bytes(uint32_t range)
{
	if (range < SIZES_EVEN_RANGES)
		return (size_t)(range + 1) * SIZES_STEP_BYTES;
	range -= SIZES_EVEN_RANGES;
	return (size_t)(9 + range % 8) << (SIZES_EVEN_SHIFT + range / 8 - 3);
}

size_t sizes_min_bytes(uint32_t range)
{
	return range == 0 ? 1 : sizes_max_bytes(range - 1) + 1;
}

static void count_call(struct counts *counts, const struct trace_event *event)
{
	unsigned parts = trace_parts(event->function);

	if ((parts & TRACE_RESULT) == 0)
		counts->freed += event->old != 0;
	else if ((parts & TRACE_TOOK) != 0 && event->old != 0)
		counts->resized++;
	else if ((parts & TRACE_ALIGN) != 0 || event->function == TRACE_VALLOC ||
	         event->function == TRACE_PVALLOC)
		counts->aligned++;
	else if (event->function == TRACE_CALLOC)
		counts->zeroed++;
	else
		counts->made++;
}

static void count_change(struct counts *counts, const struct books *books,
                         const struct books_change *change)
{
	if (change->ended.address != 0) {
		/* Neither the block itself nor what realloc made of it is among the others. */
		uint64_t life =
		    books->blocks - change->ended.birth - 1 - (change->begun.address != 0);
		uint32_t i = 63u - (uint32_t)__builtin_clzll(life + 1);

		counts->ended[sizes_range(change->ended.bytes)]
			     [i < SIZES_LIVES ? i : SIZES_LIVES - 1]++;
	}
	if (change->begun.address != 0)
		counts->blocks[sizes_range(change->begun.bytes)]++;
}

static void print(FILE *out, const struct counts *counts, const struct trace_head *head)
{
	fprintf(
	    out,
	    "# Blocks of a program by size, and how long they lived; lives are in allocations.\n"
	    "# size MIN MAX COUNT, then LIFE:COUNT for lives from 2^LIFE - 1 to 2^(LIFE+1) - 2;\n"
	    "# those of no life were never freed. A realloc ends one block and begins another.\n"
	    "program %s\n"
	    "calls malloc %" PRIu64 " calloc %" PRIu64 " realloc %" PRIu64 " aligned %" PRIu64
	    " free %" PRIu64 "\n"
	    "lost %" PRIu64 "\n",
	    head->program, counts->made, counts->zeroed, counts->resized, counts->aligned,
	    counts->freed, head->lost);
	for (uint32_t range = 0; range < SIZES_RANGES; range++) {
		if (counts->blocks[range] == 0)
			continue;
		fprintf(out, "size %zu %zu %" PRIu64, sizes_min_bytes(range),
		        sizes_max_bytes(range), counts->blocks[range]);
		for (int life = 0; life < SIZES_LIVES; life++) {
			if (counts->ended[range][life] != 0)
				fprintf(out, " %d:%" PRIu64, life, counts->ended[range][life]);
		}
		putc('\n', out);
	}
}

bool sizes_make(struct trace *trace, FILE *out)
{
	struct counts *counts = calloc(1, sizeof *counts);
	struct books_change change;
	struct trace_event event;
	struct books books;
	bool good = books_open(&books, 0) && counts != NULL;

	while (good && trace_next(trace, &event)) {
		good = books_enter(&books, &event, &change);
		if (!good || event.function == TRACE_THREAD_END)
			continue;
		count_call(counts, &event);
		count_change(counts, &books, &change);
	}
	if (!good)
		trace_fail(trace, "at", 0, "no memory for its live blocks");
	if (trace->fault[0] == '\0')
		print(out, counts, &trace->head);
	books_close(&books);
	free(counts);
	return trace->fault[0] == '\0';
}
