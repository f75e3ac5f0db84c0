/* classes.c: every size has the smallest class it fits into, little is lost to rounding, and the
 * reciprocals divide exactly. All of it exhaustively: the tables are small. */
#include "classes.h"

#include <criterion/criterion.h>

Test(classes, every_size_has_the_smallest_class_it_fits_into)
{
	unsigned before = TIDE_CLASS_SMALL_FIRST;

	for (size_t bytes = 0; bytes <= TIDE_MEDIUM_MAX_BYTES; bytes++) {
		unsigned cls = tide_class_of(bytes);

		cr_assert(cls == before || cls == before + 1, "%zu bytes: class %u after %u", bytes,
		          cls, before);
		cr_assert_geq(tide_class_bytes(cls), bytes);
		cr_assert(cls == TIDE_CLASS_SMALL_FIRST || tide_class_bytes(cls - 1) < bytes,
		          "%zu bytes would fit class %u", bytes, cls - 1);
		cr_assert_eq(tide_class_is_small(cls), bytes <= TIDE_SMALL_MAX_BYTES);
		before = cls;
	}
	cr_assert_eq(before, TIDE_CLASS_MEDIUM_LAST);
}

Test(classes, sizes_above_are_large)
{
	cr_assert_eq(tide_class_of(TIDE_MEDIUM_MAX_BYTES + 1), TIDE_CLASS_LARGE);
	for (unsigned shift = 21; shift < 64; shift++)
		cr_assert_eq(tide_class_of((size_t)1 << shift), TIDE_CLASS_LARGE);
	cr_assert_eq(tide_class_of(SIZE_MAX), TIDE_CLASS_LARGE);
}

Test(classes, every_class_serves_its_own_size)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		cr_assert_eq(tide_class_of(tide_class_bytes(cls)), cls);
		cr_assert_eq(tide_class_bytes(cls) % TIDE_ALIGN_BYTES, 0u);
	}
}

Test(classes, powers_of_two_are_exact)
{
	for (size_t bytes = 16; bytes <= TIDE_MEDIUM_MAX_BYTES; bytes *= 2)
		cr_assert_eq(tide_class_bytes(tide_class_of(bytes)), bytes);
}

Test(classes, at_most_a_fifth_of_a_block_is_lost_to_rounding)
{
	for (size_t bytes = 129; bytes <= TIDE_MEDIUM_MAX_BYTES; bytes++) {
		size_t has = tide_class_bytes(tide_class_of(bytes));

		cr_assert_leq((has - bytes) * 5, has, "%zu bytes in a block of %zu", bytes, has);
	}
	for (size_t bytes = 1; bytes <= 128; bytes++)
		cr_assert_lt(tide_class_bytes(tide_class_of(bytes)) - bytes, TIDE_ALIGN_BYTES);
}

Test(classes, kinds_do_not_overlap)
{
	for (unsigned cls = 0; cls < 256; cls++) {
		bool small = cls >= TIDE_CLASS_SMALL_FIRST && cls <= TIDE_CLASS_SMALL_LAST;
		bool medium = cls >= TIDE_CLASS_MEDIUM_FIRST && cls <= TIDE_CLASS_MEDIUM_LAST;

		cr_assert_eq(tide_class_is_small(cls), small);
		cr_assert_eq(tide_class_is_medium(cls), medium);
	}
}

Test(classes, granules_and_medium_classes_are_each_others_inverse)
{
	for (unsigned cls = TIDE_CLASS_MEDIUM_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		unsigned granules = tide_class_granules(cls);

		cr_assert_eq(tide_class_of_granules(granules), cls);
		cr_assert_eq((size_t)granules * TIDE_GRANULE_BYTES, tide_class_bytes(cls));
	}
}

Test(classes, blocks_fill_their_slab)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];

		cr_assert_gt(shape->pages, 0);
		cr_assert_leq(shape->pages, TIDE_SLAB_MAX_PAGES);
		cr_assert_eq((size_t)shape->blocks * shape->block_bytes,
		             (size_t)shape->pages * TIDE_PAGE_BYTES);
	}
}

Test(classes, threads_keep_blocks_up_to_512_bytes)
{
	cr_assert_eq(tide_class_bytes(TIDE_STASH_LAST), 512u);
}

Test(classes, reciprocals_divide_every_offset_exactly)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		const struct tide_slab_shape *shape = &tide_slab_shape[cls];
		uint64_t slab_bytes = (uint64_t)shape->pages * TIDE_PAGE_BYTES;

		for (uint64_t offset = 0; offset < slab_bytes; offset++) {
			uint64_t product = offset * shape->reciprocal;
			bool starts = (uint32_t)product < shape->reciprocal;

			if (product >> 32 != offset / shape->block_bytes ||
			    starts != (offset % shape->block_bytes == 0))
				cr_assert_fail("class %u, offset %lu", cls, (unsigned long)offset);
		}
	}
}

/* What aligned allocation relies on: slabs start on a page. */
Test(classes, a_power_of_two_that_divides_the_class_divides_every_block_offset)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		size_t bytes = tide_class_bytes(cls);
		size_t align_bytes = bytes & -bytes;

		for (unsigned i = 0; i < tide_slab_shape[cls].blocks; i++)
			cr_assert_eq(i * bytes % align_bytes, 0u);
	}
}
