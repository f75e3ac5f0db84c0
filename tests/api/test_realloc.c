/* realloc and reallocarray: contents kept over every boundary of classes, both ways. */
#include <criterion/criterion.h>
#include <errno.h>

#include "support.h"

TestSuite(realloc, .timeout = 120);

#define LARGEST_BYTES (4 * MIB)

/* The largest request of each class as the allocator tells it, thinned out above 128 KiB where each
 * page is one. */
static size_t class_ends(size_t *end, size_t room)
{
	size_t count = 0;

	for (size_t size = 1; size <= LARGEST_BYTES && count < room;) {
		void *block = tide_malloc(size);
		cr_assert_not_null(block);
		end[count] = tide_malloc_usable_size(block);
		cr_assert_geq(end[count], size);
		tide_free(block);
		size = end[count] + 1;
		if (end[count] > 128 * KIB)
			size += end[count] / 8;
		count++;
	}
	return count;
}

/* Resize `block` of `from` bytes that holds the pattern `seed`. */
static void *resized(void *block, size_t from, size_t to, uint64_t seed)
{
	void *moved = tide_realloc(block, to);

	cr_assert_not_null(moved);
	cr_assert_geq(tide_malloc_usable_size(moved), to);
	cr_assert_eq((uintptr_t)moved % 16, 0);
	cr_assert(pattern_holds(moved, from < to ? from & ~(size_t)7 : to & ~(size_t)7, seed),
	          "content lost from %zu to %zu bytes", from, to);
	pattern_fill(moved, to, seed);
	return moved;
}

Test(realloc, content_is_kept_across_each_class_boundary)
{
	static size_t end[400];
	size_t count = class_ends(end, COUNT_OF(end));

	/* The classes are as many as the contract makes them, or the walk below shows little. */
	cr_assert_geq(count, 32 + 120);
	for (size_t i = 0; i + 1 < count; i++) {
		size_t size[] = { end[i] - 1, end[i], end[i] + 1,    end[i + 1],
			          end[i] + 1, end[i], end[i] / 2 + 1 };
		void *block = tide_malloc(size[0]);

		cr_assert_not_null(block);
		pattern_fill(block, size[0], i);
		for (size_t step = 1; step < COUNT_OF(size); step++)
			block = resized(block, size[step - 1], size[step], i);
		tide_free(block);
	}
}

Test(realloc, content_is_kept_on_the_way_up_and_down)
{
	static size_t end[400];
	size_t count = class_ends(end, COUNT_OF(end));
	/* A neighbour of each size that moves along: it would show what a wrong copy spoils. */
	void *block = tide_malloc(1);
	void *other = tide_malloc(1);
	size_t bytes = 1;

	pattern_fill(block, 1, 5);
	pattern_fill(other, 1, 6);
	for (size_t i = 0; i < 2 * count; i++) {
		size_t next = end[i < count ? i : 2 * count - 1 - i];

		block = resized(block, bytes, next, 5);
		other = resized(other, bytes, next, 6);
		bytes = next;
		cr_assert(pattern_holds(block, bytes, 5));
	}
	tide_free(block);
	tide_free(other);
}

Test(realloc, content_is_kept_between_small_medium_and_large)
{
	static const size_t size[] = {
		1,      15,      16,          17,      100,           1000,      8192,
		8193,   20000,   65536,       100000,  128 * KIB - 1, 128 * KIB, 128 * KIB + 1,
		200000, 1 * MIB, 1 * MIB + 1, 3 * MIB, LARGEST_BYTES,
	};

	for (size_t from = 0; from < COUNT_OF(size); from++) {
		for (size_t to = 0; to < COUNT_OF(size); to++) {
			uint64_t seed = from * 100 + to;
			void *block = tide_malloc(size[from]);

			cr_assert_not_null(block);
			pattern_fill(block, size[from], seed);
			block = resized(block, size[from], size[to], seed);
			block = resized(block, size[to], size[from], seed);
			tide_free(block);
		}
	}
}

Test(realloc, random_walk_of_many_blocks)
{
	enum { BLOCKS = 512 };
	static void *block[BLOCKS];
	static size_t bytes[BLOCKS];
	uint64_t random = 42;

	for (unsigned step = 0; step < SCALED(200000u); step++) {
		size_t i = random_next(&random) % BLOCKS;
		size_t next = random_mixed_size(&random);

		if (block[i] == NULL) {
			block[i] = tide_realloc(NULL, next);
			cr_assert_not_null(block[i]);
			pattern_fill(block[i], next, i);
		} else {
			block[i] = resized(block[i], bytes[i], next, i);
		}
		bytes[i] = next;
	}
	for (size_t i = 0; i < BLOCKS; i++)
		tide_free(block[i]);
}

Test(realloc, to_zero_frees)
{
	uint64_t before = stats_now().large_bytes;

	for (unsigned i = 0; i < 1000; i++) {
		cr_assert_null(tide_realloc(tide_malloc(100), 0));
		cr_assert_null(tide_realloc(tide_malloc(1 * MIB), 0));
	}
	cr_assert_eq(stats_now().large_bytes, before);
}

Test(realloc, failure_leaves_the_block_alone)
{
	static const size_t size[] = { 1, 100, 5000, 50000, 1 * MIB };
	static const size_t too_much[] = { (size_t)1 << 47, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
		                           SIZE_MAX - 4095, SIZE_MAX };

	for (size_t i = 0; i < COUNT_OF(size); i++) {
		void *block = tide_malloc(size[i]);

		cr_assert_not_null(block);
		pattern_fill(block, size[i], i);
		for (size_t k = 0; k < COUNT_OF(too_much); k++) {
			errno = 0;
			cr_assert_null(tide_realloc(block, too_much[k]));
			cr_assert_eq(errno, ENOMEM);
			cr_assert(pattern_holds(block, size[i], i));
		}
		errno = 0;
		cr_assert_null(tide_reallocarray(block, SIZE_MAX / 2 + 1, 2));
		cr_assert_eq(errno, ENOMEM);
		errno = 0;
		cr_assert_null(tide_reallocarray(block, SIZE_MAX / 16 + 2, 16));
		cr_assert_eq(errno, ENOMEM);
		cr_assert(pattern_holds(block, size[i], i));
		tide_free(block);
	}
}

Test(realloc, reallocarray_multiplies)
{
	char *block = tide_reallocarray(NULL, 25, 4);

	cr_assert_not_null(block);
	cr_assert_geq(tide_malloc_usable_size(block), 100);
	pattern_fill(block, 100, 9);
	block = tide_reallocarray(block, 1000, 1000);
	cr_assert_not_null(block);
	cr_assert_geq(tide_malloc_usable_size(block), 1000000);
	cr_assert(pattern_holds(block, 96, 9));
	tide_free(block);
}

Test(realloc, of_aligned_blocks_keeps_the_content)
{
	for (size_t align = 16; align <= 1 * MIB; align *= 4) {
		for (size_t size = 8; size <= 1 * MIB; size *= 8) {
			void *block = tide_aligned_alloc(align, size);

			cr_assert_not_null(block);
			pattern_fill(block, size, align);
			block = resized(block, size, 3 * size + 40, align);
			block = resized(block, 3 * size + 40, size / 2 + 8, align);
			tide_free(block);
		}
	}
}

Test(realloc, a_large_block_can_grow_step_by_step)
{
	/* Many steps, so that moving the pages instead of copying bytes is also tried often. */
	size_t bytes = 100 * KIB;
	void *block = tide_malloc(bytes);

	cr_assert_not_null(block);
	pattern_fill(block, bytes, 77);
	while (bytes < SCALED(64 * MIB)) {
		size_t next = bytes + bytes / 8 + 1;
		void *between = tide_malloc(next);

		cr_assert_not_null(between);
		block = tide_realloc(block, next);
		cr_assert_not_null(block);
		cr_assert(pattern_holds(block, bytes & ~(size_t)7, 77));
		pattern_fill(block, next, 77);
		bytes = next;
		tide_free(between);
	}
	tide_free(block);
}
