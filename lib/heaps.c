/* Heaps that a program makes: their life, limits and figures. */
#include <tide/heap.h>

#include "gc.h"
#include "heap.h"
#include "limit.h"
#include "os.h"
#include "profiled.h"
#include "seat.h"
#include "slow.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static struct tide_heap *heap_or_default(struct tide_heap *heap)
{
	return heap != NULL ? heap : &tide_heap_default;
}

static bool options_are_valid(const struct tide_heap_options *options)
{
	if (options->hard_bytes != 0 && options->soft_bytes > options->hard_bytes)
		return false;
	struct tide_heap *within = options->within;
	if (within != NULL) {
		enum tide_heap_counts counts = tide_budget_counts(&within->budget);
		if (within->budget.within != NULL ||
		    (tide_budget_is_on(&within->budget) && counts != options->counts))
			return false;
	}
	return options->counts <= TIDE_HEAP_CHARGED && options->reserve_bytes <= PTRDIFF_MAX / 2;
}

/* Map what was asked for, as regions to be opened. */
static bool reserve(struct tide_heap *heap, const struct tide_heap_options *options)
{
	for (size_t done = 0; done < options->reserve_bytes;) {
		struct tide_region *region = tide_region_map(heap);
		if (region == NULL)
			return false;
		size_t bytes = (size_t)tide_load_relaxed(&region->granules) * TIDE_GRANULE_BYTES;
		tide_stack_push(&heap->frontier.spare_region, &region->node);
		if (options->reserve_touched)
			tide_os_populate((void *)tide_load_relaxed(&region->base), bytes);
		done += bytes;
	}
	return true;
}

static bool set_up(struct tide_heap *heap, const struct tide_heap_options *options)
{
	heap->reserve_bytes = options->reserve_bytes;
	heap->reserve_touched = options->reserve_touched != 0;
	tide_limit_set_reclaim(heap, options->reclaim, options->context);
	heap->gc.tick_start_ns = tide_os_clock_ns();
	tide_queue_init(&heap->queues);
	heap->budget.within = options->within != NULL ? &options->within->budget : NULL;
	tide_budget_set(&heap->budget, options->counts, options->soft_bytes, options->hard_bytes);
	return reserve(heap, options);
}

struct tide_heap *tide_heap_create(const struct tide_heap_options *options)
{
	static const struct tide_heap_options no_options;
	if (options == NULL)
		options = &no_options;
	if (!options_are_valid(options)) {
		errno = EINVAL;
		return NULL;
	}
	/* First of all: it starts the process. */
	struct tide_heap *heap = tide_slow_self() != NULL ? tide_heap_take() : NULL;
	if (heap == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (!set_up(heap, options)) {
		tide_gc_dismantle(heap);
		errno = ENOMEM;
		return NULL;
	}
	tide_store_release(&heap->live, true); /* heap.live */
	return heap;
}

void tide_heap_destroy(struct tide_heap *heap)
{
	if (heap == NULL)
		return;
	if (tide_sample_on())
		tide_profiled_forget(heap);
	tide_gc_dismantle(heap);
}

void tide_heap_set_reclaim(struct tide_heap *heap,
                           size_t (*reclaim)(struct tide_heap *heap, size_t bytes, void *context),
                           void *context)
{
	tide_limit_set_reclaim(heap_or_default(heap), reclaim, context);
}

int tide_heap_charge(struct tide_heap *heap, ptrdiff_t bytes)
{
	heap = heap_or_default(heap);
	struct tide_budget *budget = &heap->budget;
	if (!tide_load_relaxed(&budget->counts_charged) || bytes <= 0) {
		if (tide_load_relaxed(&budget->counts_charged))
			tide_budget_add(budget, bytes);
		(void)tide_add_relaxed(&budget->charged, bytes);
		return 0;
	}
	struct tide_cache *cache = tide_seat_take(heap);
	if (cache == NULL)
		return ENOMEM;
	unsigned tries = 0;
	while (!tide_budget_charge(budget, (uint64_t)bytes)) {
		if (!tide_limit_make_room(cache, (size_t)bytes, &tries))
			return ENOMEM;
	}
	(void)tide_add_relaxed(&budget->charged, bytes);
	tide_limit_tell(cache);
	return 0;
}

int tide_heap_walk(struct tide_heap *heap, int (*visit)(void *block, size_t bytes, void *context),
                   void *context)
{
	/* Who is cancelled in `visit` would leave no GC behind. */
	int cancel;
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	int result = tide_gc_walk(heap, visit, context);
	(void)pthread_setcancelstate(cancel, &cancel);
	return result;
}

size_t tide_heap_purge(struct tide_heap *heap)
{
	tide_self_empty();
	return tide_gc_purge_heap(heap_or_default(heap));
}

void tide_heap_stats(struct tide_heap *heap, struct tide_heap_stats *stats, size_t size)
{
	struct tide_heap_stats all;
	heap = heap_or_default(heap);
	tide_gc_heap_stats(heap, &all);
	memcpy(stats, &all, size < sizeof all ? size : sizeof all);
	if (size > sizeof all)
		memset((char *)stats + sizeof all, 0, size - sizeof all);
}
