/* meta.c: memory of our own is zeroed, on lines of its own, between guard pages, and whoever takes
 * it at the same time gets his own. */
#include "meta.h"

#include "config.h"
#include "os.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

enum { THREADS = 4, PIECES = SCALED(16384), ENDLESS = 100000 };

/* Whether one byte can be read; the kernel tells without a signal. */
static bool is_readable(const void *address)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	ssize_t wrote = write(ends[1], address, 1);
	bool refused = wrote < 0 && errno == EFAULT;
	close(ends[0]);
	close(ends[1]);
	cr_assert(wrote == 1 || refused);
	return wrote == 1;
}

/* Distance to the first byte from `start` on that can't be read, in whole pages. */
static bool ends_within(const char *start, size_t pages)
{
	for (size_t i = 0; i <= pages; i++)
		if (!is_readable(start + i * TIDE_PAGE_BYTES))
			return true;
	return false;
}

Test(meta, memory_is_zeroed_and_on_lines_of_its_own)
{
	for (size_t bytes = 1; bytes < 3000; bytes += 37) {
		char *first = tide_meta_alloc(bytes);
		char *second = tide_meta_alloc(1);

		cr_assert_not_null(first);
		cr_assert_not_null(second);
		cr_assert_eq((uintptr_t)first % TIDE_CACHE_LINE_BYTES, 0u);
		cr_assert(second >= first + bytes || second < first);
		cr_assert(all_zero(first, bytes));
		memset(first, 0xff, bytes);
		cr_assert(all_zero(second, TIDE_CACHE_LINE_BYTES));
	}
}

Test(meta, arenas_lie_between_guard_pages)
{
	char *piece = tide_meta_alloc(TIDE_CACHE_LINE_BYTES);
	char *page = (char *)((uintptr_t)piece & ~(uintptr_t)(TIDE_PAGE_BYTES - 1));

	cr_assert(!is_readable(page - 1));
	cr_assert(is_readable(page));
	cr_assert(ends_within(page, TIDE_META_ARENA_BYTES / TIDE_PAGE_BYTES));
}

Test(meta, what_has_a_mapping_of_its_own_lies_between_guard_pages_too)
{
	static const size_t size[] = { 65537, 70000, 100000, 131072 - 64, 131072, 1000000 };

	for (size_t i = 0; i < COUNT_OF(size); i++) {
		char *piece = tide_meta_alloc(size[i]);
		char *end = piece + size[i];

		cr_assert_not_null(piece);
		cr_assert(all_zero(piece, size[i]));
		memset(piece, 1, size[i]);
		cr_assert(!is_readable(piece - TIDE_CACHE_LINE_BYTES - 1));
		cr_assert(ends_within(end - 1, 1), "no guard page behind %zu bytes", size[i]);
	}
}

Test(meta, the_account_covers_what_was_handed_out)
{
	size_t before = tide_meta_bytes_racy();
	size_t taken = 0;

	for (int i = 0; i < 1000; i++) {
		cr_assert_not_null(tide_meta_alloc(1000));
		taken += 1000;
	}
	cr_assert_not_null(tide_meta_alloc(1000000));
	taken += 1000000;
	cr_assert_geq(tide_meta_bytes_racy() - before + TIDE_META_ARENA_BYTES, taken);
	cr_assert_leq(tide_meta_bytes_racy() - before, 2 * taken);
}

Test(meta, without_memory_there_is_none_and_later_there_is)
{
	size_t taken = 0;

	cr_assert_not_null(tide_meta_alloc(64));
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	size_t before = tide_meta_bytes_racy();
	cr_assert_null(tide_meta_alloc(1000000));
	while (tide_meta_alloc(4096) != NULL)
		cr_assert_lt(++taken, ENDLESS);
	/* What is left of the arena still serves what fits. */
	cr_assert_null(tide_meta_alloc(4096));
	cr_assert_eq(tide_meta_bytes_racy(), before);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_not_null(tide_meta_alloc(4096));
	cr_assert_not_null(tide_meta_alloc(1000000));
}

struct taker {
	uint64_t *piece[PIECES];
	uint64_t id;
};

static void *take(void *arg)
{
	struct taker *taker = arg;

	for (size_t i = 0; i < PIECES; i++) {
		uint64_t *piece = tide_meta_alloc(64 + 64 * (i % 5));
		if (piece == NULL)
			return "no memory";
		if (!all_zero(piece, 64 + 64 * (i % 5)))
			return "memory is not zero";
		piece[0] = taker->id;
		piece[7 + 8 * (i % 5)] = i;
		taker->piece[i] = piece;
	}
	return NULL;
}

Test(meta, threads_never_share_a_piece, .timeout = 60)
{
	struct taker *taker = calloc(THREADS, sizeof *taker);

	for (unsigned t = 0; t < THREADS; t++)
		taker[t].id = t + 1;
	const char *wrong = run_threads(take, taker, sizeof *taker, THREADS);
	cr_assert_null(wrong, "%s", wrong);
	for (unsigned t = 0; t < THREADS; t++) {
		for (size_t i = 0; i < PIECES; i++) {
			size_t last = 7 + 8 * (i % 5);

			cr_assert_eq(taker[t].piece[i][0], t + 1);
			cr_assert_eq(taker[t].piece[i][last], i);
		}
	}
	free(taker);
}
