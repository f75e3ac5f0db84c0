/* aligned_alloc, memalign, posix_memalign, valloc, pvalloc. */
#include <criterion/criterion.h>
#include <errno.h>

#include "support.h"

TestSuite(aligned, .timeout = 120);

#define LARGEST_ALIGN (4 * MIB)

struct made {
	void *block;
	size_t bytes;
};

/* Through each of the three functions in turn. */
static void *aligned_block(unsigned how, size_t align, size_t size)
{
	void *block = NULL;

	if (how % 3 == 0)
		block = tide_aligned_alloc(align, size);
	else if (how % 3 == 1)
		block = tide_memalign(align, size);
	else
		cr_assert_eq(tide_posix_memalign(&block, align, size), 0);
	return block;
}

Test(aligned, each_alignment_times_sizes)
{
	for (size_t align = sizeof(void *); align <= LARGEST_ALIGN; align *= 2) {
		const size_t size[] = { 0,         1,         8,      17,        48,        100,
			                align / 2, align - 1, align,  align + 1, 3 * align, 1000,
			                4097,      10000,     100000, 128 * KIB, 200 * KIB };
		struct made made[COUNT_OF(size) * 3];
		unsigned count = 0;

		/* All of one alignment live at once, each with a pattern over all of it. */
		for (size_t s = 0; s < COUNT_OF(size); s++) {
			for (unsigned how = 0; how < 3; how++) {
				void *block = aligned_block(how, align, size[s]);

				cr_assert_not_null(block, "%zu bytes at %zu", size[s], align);
				cr_assert_eq((uintptr_t)block % align, 0, "%p for %zu bytes at %zu",
				             block, size[s], align);
				made[count].block = block;
				made[count].bytes = tide_malloc_usable_size(block);
				cr_assert_geq(made[count].bytes, size[s]);
				pattern_fill(block, made[count].bytes, align + count);
				count++;
			}
		}
		for (unsigned i = 0; i < count; i++) {
			cr_assert(pattern_holds(made[i].block, made[i].bytes, align + i),
			          "a block aligned to %zu was overwritten", align);
			if (i % 2 == 0)
				tide_free(made[i].block);
		}
		/* The odd ones by the sized name, with what they were asked for with. */
		for (unsigned i = 1; i < count; i += 2)
			tide_free_aligned_sized(made[i].block, align, size[i / 3]);
	}
}

Test(aligned, small_alignments_are_accepted_where_any_power_of_two_is)
{
	for (size_t align = 1; align < sizeof(void *); align *= 2) {
		void *one = tide_aligned_alloc(align, 100);
		void *two = tide_memalign(align, 100);

		cr_assert_not_null(one);
		cr_assert_not_null(two);
		tide_free(one);
		tide_free(two);
	}
}

Test(aligned, bad_alignment_is_einval)
{
	static const size_t bad[] = { 0, 3, 6, 24, 48, 100, 4095, 4097, SIZE_MAX };

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		errno = 0;
		cr_assert_null(tide_aligned_alloc(bad[i], 100), "aligned_alloc(%zu)", bad[i]);
		cr_assert_eq(errno, EINVAL, "aligned_alloc(%zu): errno %d", bad[i], errno);
		errno = 0;
		cr_assert_null(tide_memalign(bad[i], 100), "memalign(%zu)", bad[i]);
		cr_assert_eq(errno, EINVAL, "memalign(%zu): errno %d", bad[i], errno);
	}
}

Test(aligned, posix_memalign_returns_the_error_and_touches_nothing_else)
{
	static const size_t bad[] = { 0, 1, 2, 4, 12, 24, 4097, SIZE_MAX };
	static const size_t too_much[] = { (size_t)1 << 47, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
		                           SIZE_MAX - 64, SIZE_MAX };
	int here;
	void *block = &here;

	errno = 4321;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		cr_assert_eq(tide_posix_memalign(&block, bad[i], 100), EINVAL, "alignment %zu",
		             bad[i]);
		cr_assert_eq(block, (void *)&here);
		cr_assert_eq(errno, 4321);
	}
	for (size_t align = sizeof(void *); align <= LARGEST_ALIGN; align *= 8) {
		for (size_t i = 0; i < COUNT_OF(too_much); i++) {
			cr_assert_eq(tide_posix_memalign(&block, align, too_much[i]), ENOMEM,
			             "%#zx bytes at %zu", too_much[i], align);
			cr_assert_eq(block, (void *)&here);
			cr_assert_eq(errno, 4321);
		}
	}
	/* A power of two that no address space has. */
	cr_assert_eq(tide_posix_memalign(&block, (size_t)1 << 63, 1), ENOMEM);
	cr_assert_eq(tide_posix_memalign(&block, (size_t)1 << 48, 1), ENOMEM);
	cr_assert_eq(block, (void *)&here);
	cr_assert_eq(errno, 4321);
}

Test(aligned, sizes_that_cannot_be_fail_with_enomem)
{
	static const size_t too_much[] = { (size_t)1 << 47, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
		                           SIZE_MAX - 4095, SIZE_MAX };

	for (size_t i = 0; i < COUNT_OF(too_much); i++) {
		for (size_t align = 8; align <= LARGEST_ALIGN; align *= 8) {
			errno = 0;
			cr_assert_null(tide_aligned_alloc(align, too_much[i]));
			cr_assert_eq(errno, ENOMEM);
			errno = 0;
			cr_assert_null(tide_memalign(align, too_much[i]));
			cr_assert_eq(errno, ENOMEM);
		}
		errno = 0;
		cr_assert_null(tide_valloc(too_much[i]));
		cr_assert_eq(errno, ENOMEM);
		errno = 0;
		cr_assert_null(tide_pvalloc(too_much[i]));
		cr_assert_eq(errno, ENOMEM);
	}
	errno = 0;
	cr_assert_null(tide_aligned_alloc((size_t)1 << 63, 1));
	cr_assert_eq(errno, ENOMEM);
}

Test(aligned, valloc_and_pvalloc_give_whole_pages)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	static const size_t size[] = { 0, 1, 100, 4095, 4096, 4097, 8192, 10000, 100000, 300000 };

	for (size_t i = 0; i < COUNT_OF(size); i++) {
		void *one = tide_valloc(size[i]);
		void *two = tide_pvalloc(size[i]);
		size_t whole = (size[i] + page_bytes - 1) / page_bytes * page_bytes;

		cr_assert_not_null(one);
		cr_assert_not_null(two);
		cr_assert_neq(one, two);
		cr_assert_eq((uintptr_t)one % page_bytes, 0);
		cr_assert_eq((uintptr_t)two % page_bytes, 0);
		cr_assert_geq(tide_malloc_usable_size(one), size[i]);
		cr_assert_geq(tide_malloc_usable_size(two), whole);
		memset(one, 1, tide_malloc_usable_size(one));
		memset(two, 2, tide_malloc_usable_size(two));
		tide_free(one);
		tide_free(two);
	}
}

Test(aligned, aligned_and_plain_blocks_recycle_each_other_s_memory)
{
	enum { BLOCKS = 1024 };
	static struct made made[BLOCKS];
	uint64_t random = 7;

	for (unsigned step = 0; step < SCALED(100000u); step++) {
		size_t i = random_next(&random) % BLOCKS;
		size_t size = random_size(&random, 15);

		if (made[i].block != NULL) {
			cr_assert(pattern_holds(made[i].block, made[i].bytes, i));
			tide_free(made[i].block);
		}
		if (step % 2 == 0) {
			size_t align = (size_t)8 << (random_next(&random) % 12);

			made[i].block = aligned_block(step / 2, align, size);
			cr_assert_not_null(made[i].block);
			cr_assert_eq((uintptr_t)made[i].block % align, 0);
		} else {
			made[i].block = tide_malloc(size);
			cr_assert_not_null(made[i].block);
		}
		made[i].bytes = size;
		pattern_fill(made[i].block, size, i);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		tide_free(made[i].block);
}
