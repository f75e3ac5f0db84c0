/* The reclaim function of a heap that is in use is changed. */
#include "limit_support.h"

#include <pthread.h>
#include <stdatomic.h>

/* Each function knows its context; anything else is counted in `torn`. */
static char contexts[2];
static _Atomic unsigned torn, reclaims, resets;
static _Atomic bool resets_on;

static size_t knows(const void *context, unsigned own)
{
	if (context != &contexts[own])
		torn++;
	reclaims++;
	return 0;
}

static size_t knows_first(struct tide_heap *heap, size_t bytes, void *context)
{
	(void)heap;
	(void)bytes;
	return knows(context, 0);
}

static size_t knows_second(struct tide_heap *heap, size_t bytes, void *context)
{
	(void)heap;
	(void)bytes;
	return knows(context, 1);
}

static void *reset_on(void *heap)
{
	while (resets_on) {
		tide_heap_set_reclaim(heap, knows_first, &contexts[0]);
		tide_heap_set_reclaim(heap, knows_second, &contexts[1]);
		tide_heap_set_reclaim(heap, NULL, &contexts[0]);
		resets++;
	}
	tide_heap_set_reclaim(heap, knows_first, &contexts[0]);
	return NULL;
}

/* Function and context are never of two calls. */
Test(reclaim, changed_as_one, .timeout = 60)
{
	struct tide_heap_options options = { .hard_bytes = MIB };
	struct tide_heap *heap = tide_heap_create(&options);
	pthread_t thread;

	cr_assert_not_null(heap);
	resets_on = true;
	cr_assert_eq(pthread_create(&thread, NULL, reset_on, heap), 0);
	for (unsigned i = 0; i < SCALED(20000) || resets < 100; i++)
		cr_assert_null(tide_heap_malloc(heap, 2 * MIB));
	resets_on = false;
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(torn, 0, "%u of %u", torn, reclaims);
	unsigned before = reclaims;
	cr_assert_null(tide_heap_malloc(heap, 2 * MIB));
	cr_assert_eq(reclaims, before + 1);
	tide_heap_set_reclaim(heap, NULL, NULL);
	cr_assert_null(tide_heap_malloc(heap, 2 * MIB));
	cr_assert_eq(reclaims, before + 1);
	tide_heap_destroy(heap);
}
