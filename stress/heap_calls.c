/* See heap_calls.h. */
#include "heap_calls.h"

#ifndef STRESS_EXTERNAL
#define STRESS_EXTERNAL 0
#endif

void heap_census_add(struct heap_census *census, const void *block, uint64_t id, size_t bytes)
{
	census->blocks++;
	census->bytes += bytes;
	census->fingerprint += random_mix((uintptr_t)block ^ random_mix(id)); /* in any order */
}

#if STRESS_EXTERNAL

bool heap_calls_exist(void)
{
	return false;
}

void *heap_make(struct tide_heap *heap, struct held *held, struct random *random)
{
	(void)heap, (void)held, (void)random;
	return NULL;
}

void *heap_resize(struct tide_heap *heap, const struct held *held, size_t bytes)
{
	(void)heap, (void)held, (void)bytes;
	return NULL;
}

void heap_free(struct tide_heap *heap, const struct held *held)
{
	(void)heap, (void)held;
}

const char *heap_wrong(struct tide_heap *heap, const struct held *held)
{
	(void)heap, (void)held;
	return NULL;
}

struct tide_heap *heap_create(const struct heap_plan *plan)
{
	(void)plan;
	return NULL;
}

void heap_destroy(struct tide_heap *heap)
{
	(void)heap;
}

struct heap_census heap_walk(struct tide_heap *heap)
{
	(void)heap;
	return (struct heap_census){ 0 };
}

const char *heap_figures_wrong(struct tide_heap *heap, const struct heap_plan *plan,
                               const struct heap_census *census)
{
	(void)heap, (void)plan, (void)census;
	return NULL;
}

#else

#include <stdlib.h>
#include <string.h>
#include <tide/heap.h>

enum { SOFT_PART = 2, CHARGED_PART = 16 };

bool heap_calls_exist(void)
{
	return true;
}

void *heap_make(struct tide_heap *heap, struct held *held, struct random *random)
{
	struct tide_hint hint;

	held->hinted = false;
	if (held->origin == FROM_CALLOC)
		return tide_heap_calloc(heap, 1, held->bytes);
	if (held->origin == FROM_ALIGNED)
		return tide_heap_aligned_alloc(heap, (size_t)1 << held->align_shift, held->bytes);
	if (!random_once_in(random, 2))
		return tide_heap_malloc(heap, held->bytes);
	void *block = tide_malloc_in(heap, held->bytes, &hint);
	held->hinted = true;
	held->hint = hint.word;
	return block;
}

void *heap_resize(struct tide_heap *heap, const struct held *held, size_t bytes)
{
	return held->id % 2 == 0 ? tide_heap_realloc(heap, held->block, bytes)
	                         : realloc(held->block, bytes);
}

void heap_free(struct tide_heap *heap, const struct held *held)
{
	if (held->id % 3 == 0)
		free(held->block);
	else if (held->hinted)
		tide_free_in(heap, held->block, (struct tide_hint){ held->hint });
	else
		tide_heap_free(heap, held->block);
}

const char *heap_wrong(struct tide_heap *heap, const struct held *held)
{
	if (tide_heap_of(held->block) != heap)
		return "is not of the heap it was made in";
	if (tide_heap_usable_size(heap, held->block) < held->bytes)
		return "is shorter than was asked for";
	return NULL;
}

_Static_assert(HEAP_COUNTS == TIDE_HEAP_CHARGED + 1, "every way to count");

static enum tide_heap_counts counts_of(const struct heap_plan *plan)
{
	return (enum tide_heap_counts)(plan->counts % HEAP_COUNTS);
}

struct tide_heap *heap_create(const struct heap_plan *plan)
{
	struct tide_heap_options options = {
		.hard_bytes = plan->limit_bytes,
		.soft_bytes = plan->limit_bytes / SOFT_PART,
		.counts = counts_of(plan),
		.reclaim = plan->reclaim,
		.context = plan->context,
	};
	struct tide_heap *heap = tide_heap_create(&options);

	/* Charged until the heap goes. */
	if (heap != NULL && options.counts == TIDE_HEAP_CHARGED)
		(void)tide_heap_charge(heap, (ptrdiff_t)(plan->limit_bytes / CHARGED_PART));
	return heap;
}

void heap_destroy(struct tide_heap *heap)
{
	tide_heap_destroy(heap);
}

static int visit(void *block, size_t bytes, void *census)
{
	uint64_t id;

	memcpy(&id, block, sizeof id);
	heap_census_add(census, block, id, bytes);
	return 0;
}

struct heap_census heap_walk(struct tide_heap *heap)
{
	struct heap_census census = { 0 };

	(void)tide_heap_walk(heap, visit, &census);
	return census;
}

/* What the limit is to be compared with. */
static uint64_t due_bytes(const struct heap_plan *plan, const struct tide_heap_stats *stats)
{
	switch (counts_of(plan)) {
	case TIDE_HEAP_BLOCKS:
		return stats->block_bytes;
	case TIDE_HEAP_HELD:
		return stats->held_bytes;
	default:
		return stats->held_bytes + stats->charged_bytes;
	}
}

const char *heap_figures_wrong(struct tide_heap *heap, const struct heap_plan *plan,
                               const struct heap_census *census)
{
	struct tide_heap_stats stats;

	tide_heap_stats(heap, &stats, sizeof stats);
	if (stats.block_bytes < census->bytes)
		return "counts less in blocks than there is";
	if (stats.held_bytes < census->bytes)
		return "holds less memory than its blocks have";
	if (plan->limit_bytes == 0)
		return NULL;
	if (stats.counted_bytes != due_bytes(plan, &stats))
		return "does not count for its limit what it has";
	return stats.counted_bytes <= stats.hard_bytes ? NULL : "is above its limit";
}

#endif
