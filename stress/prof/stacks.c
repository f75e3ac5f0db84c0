#include "stacks.h"

#include <stdlib.h>
#include <string.h>

static unsigned skipped(const struct symbol **frame, unsigned frames)
{
	unsigned skip = 0;
	for (unsigned i = 0; i + 1 < frames && i < 8; i++) {
		if (frame[i]->of_allocator)
			skip = i + 1;
	}
	return skip;
}

static void add(struct stacks *stacks, struct stack stack)
{
	if (stacks->count == stacks->room) {
		stacks->room = stacks->room != 0 ? 2 * stacks->room : 64;
		struct stack *more = realloc(stacks->stack, stacks->room * sizeof *more);
		if (more == NULL) {
			stacks->failed = true;
			return;
		}
		stacks->stack = more;
	}
	stacks->stack[stacks->count++] = stack;
}

void stacks_add(struct stacks *stacks, const struct profile *profile, struct symbols *symbols,
                enum stacks_measure measure, double sign)
{
	for (size_t i = 0; i < profile->sites && !stacks->failed; i++) {
		const struct site *site = &profile->site[i];
		bool live = measure == STACKS_LIVE;
		struct stack stack = { .blocks = sign * (live ? site->live : site->allocs),
			               .bytes =
			                   sign * (live ? site->live_bytes : site->alloc_bytes),
			               .samples = sign * (double)site->samples };
		const struct symbol **frame = malloc(site->frames * sizeof *frame);
		if (frame == NULL) {
			stacks->failed = true;
			return;
		}
		for (unsigned f = 0; f < site->frames; f++)
			frame[f] = symbols_find(symbols, site->frame[f]);
		unsigned skip = skipped(frame, site->frames);
		stack.frame = frame + skip;
		stack.frames = site->frames - skip;
		add(stacks, stack);
	}
}

static int compare_symbols(const struct symbol *a, const struct symbol *b)
{
	int order = strcmp(a->function, b->function);
	if (order == 0)
		order = strcmp(a->file, b->file);
	return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int by_frames(const void *a, const void *b)
{
	const struct stack *one = a, *other = b;
	for (unsigned i = 0; i < one->frames && i < other->frames; i++) {
		int order = compare_symbols(one->frame[i], other->frame[i]);
		if (order != 0)
			return order;
	}
	return (one->frames > other->frames) - (one->frames < other->frames);
}

static int by_bytes(const void *a, const void *b)
{
	const struct stack *one = a, *other = b;
	return (one->bytes < other->bytes) - (one->bytes > other->bytes);
}

bool stacks_settle(struct stacks *stacks)
{
	size_t kept = 0;
	if (stacks->failed || stacks->count == 0)
		return !stacks->failed;
	qsort(stacks->stack, stacks->count, sizeof *stacks->stack, by_frames);
	for (size_t i = 1; i < stacks->count; i++) {
		struct stack *last = &stacks->stack[kept], *next = &stacks->stack[i];
		if (by_frames(last, next) == 0) {
			last->blocks += next->blocks;
			last->bytes += next->bytes;
			last->samples += next->samples;
		} else {
			stacks->stack[++kept] = *next;
		}
	}
	stacks->count = kept + 1;
	qsort(stacks->stack, stacks->count, sizeof *stacks->stack, by_bytes);
	while (stacks->count > 0 && stacks->stack[stacks->count - 1].bytes < 0.5)
		stacks->count--;
	return true;
}

double stacks_bytes(const struct stacks *stacks)
{
	double sum = 0;
	for (size_t i = 0; i < stacks->count; i++)
		sum += stacks->stack[i].bytes;
	return sum;
}
