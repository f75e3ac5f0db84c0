#include "extents.h"

#include <string.h>

static void insert(struct tide_extents *extents, unsigned at, struct tide_extent extent)
{
	memmove(&extents->of[at + 1], &extents->of[at],
	        (extents->count - at) * sizeof extents->of[0]);
	extents->of[at] = extent;
	extents->count++;
}

static void drop(struct tide_extents *extents, unsigned at)
{
	extents->count--;
	memmove(&extents->of[at], &extents->of[at + 1],
	        (extents->count - at) * sizeof extents->of[0]);
}

/* The first that starts above `base`. */
static unsigned first_above(const struct tide_extents *extents, uintptr_t base)
{
	unsigned from = 0;
	unsigned to = extents->count;
	while (from < to) {
		unsigned middle = (from + to) / 2;
		if (extents->of[middle].base > base)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

bool tide_extents_add(struct tide_extents *extents, struct tide_extent extent)
{
	unsigned at = first_above(extents, extent.base);
	struct tide_extent *next = &extents->of[at];
	struct tide_extent *prev = at > 0 ? next - 1 : NULL;
	bool joins_next = at < extents->count && extent.base + extent.bytes == next->base;
	bool joins_prev = prev != NULL && prev->base + prev->bytes == extent.base;
	if (joins_next)
		extent.bytes += next->bytes;
	if (joins_prev) {
		prev->bytes += extent.bytes;
		if (joins_next)
			drop(extents, at);
		return true;
	}
	if (joins_next) {
		*next = extent;
		return true;
	}
	if (extents->count == TIDE_EXTENTS_MAX)
		return false;
	insert(extents, at, extent);
	return true;
}

/* Cut [base, base + bytes) out of extent `at`; false: one too many would be left. */
static bool cut(struct tide_extents *extents, unsigned at, uintptr_t base, size_t bytes)
{
	struct tide_extent *extent = &extents->of[at];
	size_t head_bytes = base - extent->base;
	struct tide_extent tail = { base + bytes, extent->bytes - head_bytes - bytes };
	if (head_bytes > 0 && tail.bytes > 0 && extents->count == TIDE_EXTENTS_MAX)
		return false;
	if (head_bytes == 0 && tail.bytes == 0) {
		drop(extents, at);
	} else if (head_bytes == 0) {
		*extent = tail;
	} else {
		extent->bytes = head_bytes;
		if (tail.bytes > 0)
			insert(extents, at + 1, tail);
	}
	return true;
}

bool tide_extents_take(struct tide_extents *extents, size_t align_bytes, size_t slack_bytes,
                       uintptr_t *base, size_t *bytes)
{
	unsigned best = extents->count;
	for (unsigned i = 0; i < extents->count; i++) {
		const struct tide_extent *extent = &extents->of[i];
		size_t head_bytes = -extent->base & (align_bytes - 1);
		if (extent->bytes < *bytes || extent->bytes - *bytes < head_bytes)
			continue;
		if (best == extents->count || extent->bytes < extents->of[best].bytes)
			best = i;
	}
	if (best == extents->count)
		return false;
	const struct tide_extent *extent = &extents->of[best];
	*base = extent->base + (-extent->base & (align_bytes - 1));
	size_t rest_bytes = extent->base + extent->bytes - *base - *bytes;
	if (rest_bytes < slack_bytes)
		*bytes += rest_bytes;
	return cut(extents, best, *base, *bytes);
}

bool tide_extents_take_at(struct tide_extents *extents, uintptr_t base, size_t bytes)
{
	unsigned above = first_above(extents, base);
	if (above == 0)
		return false;
	const struct tide_extent *extent = &extents->of[above - 1];
	return extent->base == base && extent->bytes >= bytes &&
	       cut(extents, above - 1, base, bytes);
}

bool tide_extents_take_longest(struct tide_extents *extents, size_t least_bytes, size_t most_bytes,
                               size_t step_bytes, uintptr_t *base, size_t *bytes)
{
	unsigned longest = 0;
	for (unsigned i = 1; i < extents->count; i++) {
		if (extents->of[i].bytes > extents->of[longest].bytes)
			longest = i;
	}
	if (extents->count == 0 || extents->of[longest].bytes < least_bytes)
		return false;
	const struct tide_extent *extent = &extents->of[longest];
	*bytes = extent->bytes < most_bytes ? extent->bytes : most_bytes;
	*base = extent->base + extent->bytes - *bytes;
	uintptr_t step = *base & ~(uintptr_t)(step_bytes - 1);
	if (step > extent->base && step < *base) {
		*bytes += *base - step;
		*base = step;
	}
	return cut(extents, longest, *base, *bytes); /* no tail is left: it can */
}

bool tide_extents_are_valid(const struct tide_extents *extents)
{
	if (extents->count > TIDE_EXTENTS_MAX)
		return false;
	for (unsigned i = 0; i < extents->count; i++) {
		const struct tide_extent *extent = &extents->of[i];
		if (extent->bytes == 0 || (extent->base | extent->bytes) % TIDE_PAGE_BYTES != 0)
			return false;
		if (i > 0 && extent[-1].base + extent[-1].bytes >= extent->base)
			return false;
	}
	return true;
}
