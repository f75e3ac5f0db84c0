/* malloc, calloc, free: the edges of their contracts. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "support.h"

TestSuite(malloc, .timeout = 120);

static int compare_pointers(const void *a, const void *b)
{
	void *const *block = a;
	void *const *other = b;
	uintptr_t left = (uintptr_t)*block;
	uintptr_t right = (uintptr_t)*other;

	return (left > right) - (left < right);
}

Test(malloc, size_zero_gives_unique_pointers)
{
	enum { ROUNDS = 500, KINDS = 6 };
	static void *block[ROUNDS * KINDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		void **at = &block[i * KINDS];
		at[0] = tide_malloc(0);
		at[1] = tide_calloc(0, 8);
		at[2] = tide_calloc(8, 0);
		at[3] = tide_realloc(NULL, 0);
		at[4] = tide_aligned_alloc(64, 0);
		cr_assert_eq(tide_posix_memalign(&at[5], 32, 0), 0);
	}
	qsort(block, COUNT_OF(block), sizeof block[0], compare_pointers);
	cr_assert_not_null(block[0]);
	for (size_t i = 1; i < COUNT_OF(block); i++)
		cr_assert_neq(block[i - 1], block[i], "%p was given twice", block[i]);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
}

Test(malloc, sizes_that_cannot_be_fail_with_enomem)
{
	static const size_t size[] = {
		(size_t)1 << 47,         PTRDIFF_MAX - 4095,      PTRDIFF_MAX - 1, PTRDIFF_MAX,
		(size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 2, SIZE_MAX - 8191, SIZE_MAX - 4096,
		SIZE_MAX - 4095,         SIZE_MAX - 16,           SIZE_MAX - 1,    SIZE_MAX,
	};

	for (size_t i = 0; i < COUNT_OF(size); i++) {
		errno = 0;
		cr_assert_null(tide_malloc(size[i]), "malloc(%#zx)", size[i]);
		cr_assert_eq(errno, ENOMEM, "malloc(%#zx): errno %d", size[i], errno);
		errno = 0;
		cr_assert_null(tide_calloc(1, size[i]), "calloc(1, %#zx)", size[i]);
		cr_assert_eq(errno, ENOMEM, "calloc(1, %#zx): errno %d", size[i], errno);
		errno = 0;
		cr_assert_null(tide_calloc(size[i], 1), "calloc(%#zx, 1)", size[i]);
		cr_assert_eq(errno, ENOMEM, "calloc(%#zx, 1): errno %d", size[i], errno);
		errno = 0;
		cr_assert_null(tide_realloc(NULL, size[i]), "realloc(NULL, %#zx)", size[i]);
		cr_assert_eq(errno, ENOMEM, "realloc(NULL, %#zx): errno %d", size[i], errno);
	}
	/* A failure leaves nothing behind that would spoil the next call. */
	void *block = tide_malloc(100);
	cr_assert_not_null(block);
	memset(block, 1, 100);
	tide_free(block);
}

Test(malloc, calloc_product_that_overflows_fails_with_enomem)
{
	static const size_t pair[][2] = {
		{ SIZE_MAX, SIZE_MAX },
		{ SIZE_MAX / 2 + 1, 2 },
		{ 2, SIZE_MAX / 2 + 1 },
		{ (size_t)1 << 32, (size_t)1 << 32 },
		{ ((size_t)1 << 32) + 1, ((size_t)1 << 32) - 1 },
		{ SIZE_MAX / 16 + 2, 16 }, /* wraps to 16 */
		{ SIZE_MAX / 3 + 1, 3 },
	};

	for (size_t i = 0; i < COUNT_OF(pair); i++) {
		errno = 0;
		cr_assert_null(tide_calloc(pair[i][0], pair[i][1]), "calloc(%#zx, %#zx)",
		               pair[i][0], pair[i][1]);
		cr_assert_eq(errno, ENOMEM);
	}
}

Test(malloc, free_of_null_does_nothing)
{
	errno = 4321;
	tide_free(NULL);
	tide_free_sized(NULL, 0);
	tide_free_sized(NULL, 100);
	tide_free_aligned_sized(NULL, 64, 128);
	cr_assert_eq(errno, 4321);
	cr_assert_eq(tide_malloc_usable_size(NULL), 0);
}

Test(malloc, free_preserves_errno)
{
	enum { BLOCKS = 4096 };
	static void *block[BLOCKS];

	/* Enough of each size to go through every slow path of free. */
	for (size_t size = 1; size <= 64 * MIB; size *= 3) {
		size_t count = 256 * MIB / size < BLOCKS ? 256 * MIB / size : BLOCKS;

		for (size_t i = 0; i < count; i++) {
			block[i] = tide_malloc(size);
			cr_assert_not_null(block[i]);
		}
		for (size_t i = 0; i < count; i++) {
			errno = 1000 + (int)i;
			if (i % 3 == 0)
				tide_free(block[i]);
			else if (i % 3 == 1)
				tide_free_sized(block[i], size);
			else
				tide_free_aligned_sized(block[i], 16, size);
			cr_assert_eq(errno, 1000 + (int)i, "free of %zu bytes", size);
		}
	}
}

Test(malloc, calloc_is_zero_after_dirty_use)
{
	enum { BLOCKS = 300 };
	static void *block[BLOCKS];
	static const size_t size[] = {
		1,         7,       16,       24,    48,     100,       112,           128,
		200,       512,     1000,     1024,  3000,   4096,      8191,          8192,
		8193,      10000,   16 * KIB, 50000, 100000, 128 * KIB, 128 * KIB + 1, 200 * KIB,
		300 * KIB, 1 * MIB, 4 * MIB,
	};

	for (unsigned round = 0; round < 4; round++) {
		for (size_t s = 0; s < COUNT_OF(size); s++) {
			size_t room = SCALED(32 * MIB) / size[s];
			size_t count = room < 2 ? 2 : room > BLOCKS ? BLOCKS : room;

			for (size_t i = 0; i < count; i++) {
				/* Both arguments in turn carry the size. */
				block[i] =
				    round % 2 ? tide_calloc(size[s], 1) : tide_calloc(1, size[s]);
				cr_assert_not_null(block[i]);
				cr_assert(all_zero(block[i], size[s]),
				          "calloc of %zu bytes, round %u", size[s], round);
				memset(block[i], 0xa5, tide_malloc_usable_size(block[i]));
			}
			for (size_t i = 0; i < count; i++)
				tide_free(block[i]);
		}
		/* In the last rounds the memory has been to the system and back. */
		if (round == 1)
			(void)tide_purge();
	}
}

/* Blocks of `size` bytes until there are no more, as a list through the blocks themselves. */
static size_t fill_up(void **list, size_t size, int *error)
{
	size_t count = 0;
	void **block;

	while (errno = 0, (block = tide_malloc(size)) != NULL) {
		*block = *list;
		*list = block;
		count++;
	}
	*error = errno;
	return count;
}

static void drop_list(void *list)
{
	while (list != NULL) {
		void *next = *(void **)list;
		tide_free(list);
		list = next;
	}
}

Test(malloc, address_space_limit_gives_enomem_and_recovery)
{
	static const size_t size[] = { 64, 5000, 60 * KIB, 1 * MIB };
	struct rlimit limit;

	if (SANITIZED)
		cr_skip_test("the sanitizer's shadow is address space as well");
	tide_free(tide_malloc(64));
	limit.rlim_cur = address_space_bytes() + 256 * MIB;
	limit.rlim_max = limit.rlim_cur;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);

	for (size_t i = 0; i < COUNT_OF(size); i++) {
		void *list = NULL;
		int error = 0;
		size_t count = fill_up(&list, size[i], &error);

		drop_list(list);
		cr_assert_eq(error, ENOMEM, "%zu bytes: errno %d", size[i], error);
		cr_assert_geq(count * size[i], 128 * MIB, "only %zu blocks of %zu bytes", count,
		              size[i]);
		/* What one size had must be there for the next. */
		(void)tide_purge();
	}
}

Test(malloc, version_is_the_header_s)
{
	char expected[32];

	(void)snprintf(expected, sizeof expected, "%d.%d.%d", TIDE_VERSION_MAJOR,
	               TIDE_VERSION_MINOR, TIDE_VERSION_PATCH);
	cr_assert_str_eq(tide_version(), expected);
}
