/* Heaps from inside: seats, page classes, what is recycled. */
#include <criterion/criterion.h>

#include "heap.h"
#include "hit.h"
#include "meta.h"
#include "os.h"
#include "pagemap.h"
#include "seat.h"

#include "../api/support.h"
#include "window_support.h"

#include <tide/heap.h>

static const size_t sizes[] = { 8, 100, 3000, 8192, 10000, 100000 };

static struct tide_heap *heap_new(void)
{
	struct tide_heap *heap = tide_heap_create(NULL);

	cr_assert_not_null(heap);
	return heap;
}

static void use(struct tide_heap *heap)
{
	void *block = tide_heap_malloc(heap, 100);

	cr_assert_not_null(block);
	tide_free(block);
}

Test(heap, pages_do_not_say_a_class_that_has_bins)
{
	struct tide_heap *heap = heap_new();

	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		void *block = tide_heap_malloc(heap, sizes[s]);

		cr_assert_eq(tide_pagemap_class((uintptr_t)block), TIDE_CLASS_HEAP);
		cr_assert_eq(tide_region_class(block), tide_class_of(sizes[s]));
		cr_assert_eq(tide_hit_class(block), class_in_window(block, TIDE_CLASS_HEAP));
		cr_assert_not(tide_hit_push(tide_cache_self, TIDE_CLASS_HEAP, block));
	}
	tide_heap_destroy(heap);
}

Test(heap, a_seat_is_taken_once_and_void_after_the_end)
{
	struct tide_heap *heap = heap_new();

	cr_assert_null(tide_seat_find(heap));
	use(heap);
	struct tide_cache *cache = tide_seat_find(heap);
	cr_assert_not_null(cache);
	cr_assert_eq(cache->heap, heap);
	use(heap);
	cr_assert_eq(tide_seat_find(heap), cache);

	tide_heap_destroy(heap);
	cr_assert_null(tide_seat_find(heap));
	cr_assert_eq(heap_new(), heap, "the destroyed one is made anew");
	cr_assert_null(tide_seat_find(heap));
	use(heap);
	cr_assert_eq(tide_seat_find(heap), cache, "and its cache with it");
	tide_heap_destroy(heap);
}

Test(heap, the_list_has_the_live_ones)
{
	struct tide_heap *heap[3];

	cr_assert_null(tide_heap_next(&tide_heap_default));
	for (unsigned i = 0; i < COUNT_OF(heap); i++)
		heap[i] = heap_new();
	tide_heap_destroy(heap[1]);
	cr_assert_eq(tide_heap_next(&tide_heap_default), heap[2]);
	cr_assert_eq(tide_heap_next(heap[2]), heap[0]);
	cr_assert_null(tide_heap_next(heap[0]));
	tide_heap_destroy(heap[0]);
	tide_heap_destroy(heap[2]);
}

/* A thread without notice leaves its seats to whoever gets its cache, who must not sit there. */
Test(heap, seats_of_a_vanished_thread_are_cleared)
{
	struct tide_heap *heap = heap_new();

	use(heap);
	struct tide_cache *self = tide_cache_self;
	struct tide_cache *in_heap = tide_seat_find(heap);
	tide_cache_self = TIDE_CACHE_NONE; /* as if it had ended */
	cr_assert(tide_cache_adopt(self, tide_load_relaxed(&self->owner)));
	use(heap);
	cr_assert_eq(tide_cache_self, self, "taken anew");
	cr_assert_neq(tide_seat_find(heap), in_heap);
	tide_heap_destroy(heap);
}

Test(heap, a_cache_is_parked_by_one_of_two)
{
	struct tide_heap *heap = heap_new();

	use(heap);
	struct tide_cache *cache = tide_seat_find(heap);
	uint64_t owner = tide_load_relaxed(&cache->owner);
	cr_assert(tide_cache_park_of(cache, owner));
	cr_assert_not(tide_cache_park_of(cache, owner));
	cr_assert_not(tide_cache_park_of(cache, tide_load_relaxed(&cache->owner)));
	cr_assert_eq(tide_cache_threads_racy(heap), 0);
	tide_heap_destroy(heap);
}

/* Metadata of a heap with many regions and large blocks serves the next one. */
Test(heap, metadata_is_recycled)
{
	size_t after_first = 0;

	for (unsigned round = 0; round < 20; round++) {
		struct tide_heap *heap = heap_new();

		for (unsigned i = 0; i < 3000; i++) {
			cr_assert_not_null(tide_heap_malloc(heap, 10000));
			cr_assert_not_null(tide_heap_malloc(heap, 64));
			if (i % 100 == 0)
				cr_assert_not_null(tide_heap_malloc(heap, 2 * MIB));
		}
		tide_heap_destroy(heap);
		cr_assert_eq(tide_load_relaxed(&heap->larges.live_bytes), 0);
		cr_assert_eq(tide_region_mapped_bytes_racy(&heap->regions), 0);
		if (round == 1)
			after_first = tide_meta_bytes_racy();
	}
	cr_assert_leq(tide_meta_bytes_racy(), after_first);
}

/* What the system does not take back, the next heap uses. */
Test(heap, a_region_that_cannot_go_is_used_again)
{
	struct tide_heap *heap = heap_new();

	use(heap);
	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, UINT32_MAX);
	tide_heap_destroy(heap);
	tide_os_fault_plan(0, 0, 0);
	uint64_t mapped = tide_region_mapped_bytes_racy(&heap->regions);
	cr_assert_geq(mapped, TIDE_REGION_MIN_BYTES);
	cr_assert_eq(heap_new(), heap);
	unsigned char *block = tide_heap_calloc(heap, 1, 8192);
	for (unsigned i = 0; i < 8192; i++)
		cr_assert_eq(block[i], 0);
	cr_assert_eq(tide_region_mapped_bytes_racy(&heap->regions), mapped);
	tide_heap_destroy(heap);
	cr_assert_eq(tide_region_mapped_bytes_racy(&heap->regions), 0);
}

Test(heap, none_when_there_is_no_memory)
{
	tide_free(tide_malloc(1));
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	struct tide_heap_options options = { .reserve_bytes = 100 * MIB };
	cr_assert_null(tide_heap_create(&options));
	tide_os_fault_plan(0, 0, 0);
	struct tide_heap *heap = tide_heap_create(&options);
	cr_assert_not_null(heap);
	use(heap);
	tide_heap_destroy(heap);
}
