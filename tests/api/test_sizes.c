/* How much a block really holds, and that no two blocks share any of it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "support.h"

TestSuite(sizes, .timeout = 120);

Test(sizes, powers_of_two_are_exact)
{
	for (size_t size = 16; size <= 8192; size *= 2) {
		void *block = tide_malloc(size);

		cr_assert_not_null(block);
		cr_assert_eq(tide_malloc_usable_size(block), size);
		tide_free(block);
	}
}

/* The most that rounding up to a class may waste. */
static size_t worst_usable_bytes(size_t size)
{
	if (size <= 128)
		return (size + 15) / 16 * 16;
	if (size <= 8192)
		return size + size / 4;
	if (size <= 128 * KIB)
		return size + KIB - 1;
	if (size <= MIB)
		return size + size / 8;
	return size + 4095;
}

Test(sizes, usable_size_is_enough_monotone_and_not_wasteful)
{
	size_t last = 0;

	for (size_t size = 1; size <= 20 * MIB; size += 1 + size / 2000) {
		void *block = tide_malloc(size);
		cr_assert_not_null(block);
		size_t usable = tide_malloc_usable_size(block);

		cr_assert_geq(usable, size);
		cr_assert_leq(usable, worst_usable_bytes(size), "%zu bytes get %zu", size, usable);
		cr_assert_geq(usable, last, "%zu bytes get %zu, one less gets %zu", size, usable,
		              last);
		last = usable;
		tide_free(block);
	}
}

Test(sizes, small_blocks_are_aligned_as_their_size_allows)
{
	enum { BLOCKS = 200 };
	static void *block[BLOCKS];

	for (size_t size = 1; size <= 8192; size += size < 128 ? 16 : size / 8) {
		for (size_t i = 0; i < BLOCKS; i++) {
			block[i] = tide_malloc(size);
			cr_assert_not_null(block[i]);
			size_t usable = tide_malloc_usable_size(block[i]);
			size_t power = usable & -usable;
			size_t align = power < 4096 ? power : 4096;

			cr_assert_eq((uintptr_t)block[i] % align, 0, "%p of %zu bytes", block[i],
			             usable);
		}
		for (size_t i = 0; i < BLOCKS; i++)
			tide_free(block[i]);
	}
}

Test(sizes, all_of_the_usable_size_can_be_written)
{
	enum { BLOCKS = 64 };
	static void *block[BLOCKS];
	static size_t usable[BLOCKS];
	uint64_t random = 3;

	/* 64 neighbours at a time, of one size or of nearly one size. */
	for (unsigned round = 0; round < SCALED(2000u); round++) {
		size_t size = random_size(&random, round % 20 == 0 ? 20 : 14);

		for (size_t i = 0; i < BLOCKS; i++) {
			block[i] = tide_malloc(size + (round % 2 ? i : 0));
			cr_assert_not_null(block[i]);
			usable[i] = tide_malloc_usable_size(block[i]);
			pattern_fill(block[i], usable[i], round + i);
		}
		for (size_t i = 0; i < BLOCKS; i++) {
			cr_assert(pattern_holds(block[i], usable[i], round + i),
			          "a block of %zu bytes was overwritten", usable[i]);
			tide_free(block[i]);
		}
	}
}

/* ---- Many random blocks and an oracle that knows what each must hold ---- */

enum { LIVE_BLOCKS = 100000 };

static struct live {
	char *block;
	size_t bytes;
	uint64_t seed;
} live[LIVE_BLOCKS], sorted[LIVE_BLOCKS];

static void live_make(struct live *own, uint64_t *random, uint64_t serial)
{
	size_t request = random_mixed_size(random);

	own->block = tide_malloc(request);
	cr_assert_not_null(own->block);
	own->bytes = tide_malloc_usable_size(own->block);
	own->seed = serial;
	pattern_fill(own->block, own->bytes, own->seed);
}

static int compare_live(const void *a, const void *b)
{
	const struct live *left = a, *right = b;

	return (left->block > right->block) - (left->block < right->block);
}

static void assert_disjoint(size_t count)
{
	memcpy(sorted, live, count * sizeof live[0]);
	qsort(sorted, count, sizeof sorted[0], compare_live);
	for (size_t i = 1; i < count; i++) {
		cr_assert_leq((uintptr_t)sorted[i - 1].block + sorted[i - 1].bytes,
		              (uintptr_t)sorted[i].block, "blocks at %p and %p overlap",
		              (void *)sorted[i - 1].block, (void *)sorted[i].block);
	}
}

Test(sizes, random_live_blocks_never_overlap)
{
	size_t count = SCALED(LIVE_BLOCKS);
	uint64_t random = 99;
	uint64_t serial = 0;

	for (size_t i = 0; i < count; i++)
		live_make(&live[i], &random, serial++);
	assert_disjoint(count);
	for (unsigned round = 0; round < 4; round++) {
		for (size_t step = 0; step < count; step++) {
			struct live *own = &live[random_next(&random) % count];

			cr_assert(pattern_holds(own->block, own->bytes, own->seed),
			          "%zu bytes at %p were overwritten", own->bytes,
			          (void *)own->block);
			tide_free(own->block);
			live_make(own, &random, serial++);
		}
		assert_disjoint(count);
		if (round == 2)
			(void)tide_purge();
	}
	for (size_t i = 0; i < count; i++) {
		cr_assert(pattern_holds(live[i].block, live[i].bytes, live[i].seed));
		tide_free(live[i].block);
	}
}

Test(sizes, sized_frees_take_every_size)
{
	uint64_t random = 12;

	for (unsigned step = 0; step < SCALED(200000u); step++) {
		size_t size = step < 20000 ? step : random_size(&random, 20);
		void *block = tide_malloc(size);

		cr_assert_not_null(block);
		tide_free_sized(block, size);
	}
	/* Had any gone astray, purging would see it in the wrong class. */
	(void)tide_purge();
}
