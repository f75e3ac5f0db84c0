#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *show_bytes(char *text, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;
	for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
		bytes /= 1024;
	snprintf(text, SHOW_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return text;
}

struct row {
	const char *function;
	double own, all;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->function, ((const struct row *)b)->function);
}

static int by_own(const void *a, const void *b)
{
	const struct row *one = a, *other = b;
	if (one->own != other->own)
		return one->own < other->own ? 1 : -1;
	return (one->all < other->all) - (one->all > other->all);
}

/* Whether the function is nearer to the root as well: then it is counted there. */
static bool is_below(const struct stack *stack, unsigned at)
{
	for (unsigned i = at + 1; i < stack->frames; i++) {
		if (strcmp(stack->frame[i]->function, stack->frame[at]->function) == 0)
			return true;
	}
	return false;
}

bool show_top(const struct stacks *stacks, size_t lines)
{
	char own[SHOW_BYTES], all[SHOW_BYTES];
	double total = stacks_bytes(stacks);
	size_t rows = 0;
	for (size_t i = 0; i < stacks->count; i++)
		rows += stacks->stack[i].frames;
	struct row *row = calloc(rows + 1, sizeof *row);
	if (row == NULL) {
		fprintf(stderr, "tide-prof: out of memory\n");
		return false;
	}
	rows = 0;
	for (size_t i = 0; i < stacks->count; i++) {
		const struct stack *stack = &stacks->stack[i];
		for (unsigned f = 0; f < stack->frames; f++)
			row[rows++] = (struct row){ .function = stack->frame[f]->function,
				                    .own = f == 0 ? stack->bytes : 0,
				                    .all = is_below(stack, f) ? 0 : stack->bytes };
	}
	qsort(row, rows, sizeof *row, by_name);
	size_t kept = 0;
	for (size_t i = 1; i < rows; i++) {
		if (by_name(&row[kept], &row[i]) == 0) {
			row[kept].own += row[i].own;
			row[kept].all += row[i].all;
		} else {
			row[++kept] = row[i];
		}
	}
	rows = rows > 0 ? kept + 1 : 0;
	qsort(row, rows, sizeof *row, by_own);
	printf("%10s %6s %10s %6s  function\n", "own", "", "with calls", "");
	for (size_t i = 0; i < rows && i < lines; i++)
		printf("%10s %5.1f%% %10s %5.1f%%  %s\n", show_bytes(own, row[i].own),
		       100 * row[i].own / total, show_bytes(all, row[i].all),
		       100 * row[i].all / total, row[i].function);
	if (rows > lines)
		printf("(%zu more functions: --lines)\n", rows - lines);
	free(row);
	return true;
}

void show_stacks(const struct stacks *stacks, size_t lines, const char *what)
{
	char bytes[SHOW_BYTES];
	for (size_t i = 0; i < stacks->count && i < lines; i++) {
		const struct stack *stack = &stacks->stack[i];
		printf("%s in %.0f block%s %s, by %.0f sample%s:\n",
		       show_bytes(bytes, stack->bytes), stack->blocks,
		       stack->blocks < 1.5 ? "" : "s", what, stack->samples,
		       stack->samples < 1.5 ? "" : "s");
		for (unsigned f = 0; f < stack->frames; f++) {
			const struct symbol *symbol = stack->frame[f];
			printf("    %s", symbol->function);
			if (*symbol->file != '\0')
				printf(" (%s:%d)", symbol->file, symbol->line);
			printf("\n");
		}
		printf("\n");
	}
	if (stacks->count > lines)
		printf("(%zu more stacks: --lines)\n", stacks->count - lines);
}
