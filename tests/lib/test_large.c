/* large.c: mappings of their own, kept for reuse within bounds and until they are old, resized
 * without losing a byte, and as before when the system refuses. */
#include "extents.h"
#include "heap.h"
#include "large_keep.h"

#include "config.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { THREADS = 4, ROUNDS = SCALED(3000) };

static void *large_alloc(size_t bytes)
{
	bool zeroed;
	void *block = tide_large_alloc(&tide_heap_default, bytes, TIDE_PAGE_BYTES, &zeroed);

	cr_assert_not_null(block);
	return block;
}

static uint64_t live(void)
{
	return tide_large_live_bytes_racy();
}

static uint64_t cached(void)
{
	return tide_large_cached_bytes_racy();
}

/* Address space. */
static size_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * TIDE_PAGE_BYTES;
}

static void assert_block(void *block, size_t bytes)
{
	size_t has = tide_large_bytes(block);
	uintptr_t at = (uintptr_t)block;

	cr_assert_geq(has, bytes);
	cr_assert_eq(has % TIDE_PAGE_BYTES, 0u);
	cr_assert_eq(at % TIDE_PAGE_BYTES, 0u);
	cr_assert_eq(tide_pagemap_class(at), TIDE_CLASS_LARGE);
	for (size_t page = TIDE_PAGE_BYTES; page < has; page += TIDE_PAGE_BYTES)
		cr_assert_eq(tide_pagemap_class(at + page), TIDE_CLASS_NONE);
}

static void assert_gone(const void *block)
{
	cr_assert_eq(tide_large_bytes(block), 0u);
	cr_assert_eq(tide_pagemap_class((uintptr_t)block), TIDE_CLASS_NONE);
}

Test(large, blocks_are_whole_pages_and_zero)
{
	for (size_t bytes = 1; bytes < 40 * MIB; bytes += bytes / 3 + 4097) {
		bool zeroed = false;
		char *block = tide_large_alloc(&tide_heap_default, bytes, TIDE_PAGE_BYTES, &zeroed);

		cr_assert_not_null(block);
		cr_assert(zeroed);
		assert_block(block, bytes);
		cr_assert_gt(tide_large_bytes(block), TIDE_STEP_MAX_BYTES);
		cr_assert_leq(tide_large_bytes(block),
		              bytes + TIDE_STEP_MAX_BYTES + TIDE_PAGE_BYTES);
		cr_assert_eq(block[0] | block[bytes / 2] | block[bytes - 1], 0);
		block[0] = block[tide_large_bytes(block) - 1] = 1;
	}
}

Test(large, a_block_is_freed_at_its_start_and_once)
{
	char *block = large_alloc(MIB);

	cr_assert_eq(live(), MIB);
	cr_assert(!tide_large_free(block + TIDE_PAGE_BYTES));
	cr_assert(!tide_large_free(block + 16));
	cr_assert(!tide_large_free((void *)0x1000));
	cr_assert(!tide_large_free((void *)0xffffffff80000000));
	assert_block(block, MIB);
	cr_assert(tide_large_free(block));
	assert_gone(block);
	cr_assert(!tide_large_free(block));
	cr_assert_eq(live(), 0u);
}

Test(large, an_address_inside_is_told_from_one_outside)
{
	char *block = large_alloc(3 * MIB);
	size_t has = tide_large_bytes(block);

	cr_assert(tide_large_is_inside(block));
	cr_assert(tide_large_is_inside(block + 1));
	cr_assert(tide_large_is_inside(block + has - 1));
	cr_assert(!tide_large_is_inside(block + has));
	cr_assert(!tide_large_is_inside(block - 1));
	cr_assert(!tide_large_is_inside((void *)0x10));
	cr_assert_eq(tide_large_bytes(block + TIDE_PAGE_BYTES), 0u);
	cr_assert(tide_large_free(block));
	cr_assert(!tide_large_is_inside(block + 1));
}

Test(large, alignment_holds_for_fresh_and_for_kept_blocks)
{
	for (unsigned round = 0; round < 3; round++) {
		for (size_t align_bytes = TIDE_PAGE_BYTES; align_bytes <= 64 * MIB;
		     align_bytes *= 2) {
			bool zeroed;
			char *block =
			    tide_large_alloc(&tide_heap_default, 300 * KIB, align_bytes, &zeroed);

			cr_assert_not_null(block);
			cr_assert_eq((uintptr_t)block % align_bytes, 0u);
			assert_block(block, 300 * KIB);
			cr_assert(!zeroed || all_zero(block, 300 * KIB));
			memset(block, 0xee, 300 * KIB);
			cr_assert(tide_large_free(block));
		}
	}
}

Test(large, sizes_beyond_reason_are_refused)
{
	bool zeroed;

	cr_assert_null(tide_large_alloc(&tide_heap_default, SIZE_MAX, TIDE_PAGE_BYTES, &zeroed));
	cr_assert_null(tide_large_alloc(&tide_heap_default, PTRDIFF_MAX, TIDE_PAGE_BYTES, &zeroed));
	cr_assert_null(
	    tide_large_alloc(&tide_heap_default, (size_t)1 << 50, TIDE_PAGE_BYTES, &zeroed));
	cr_assert_null(tide_large_alloc(&tide_heap_default, MIB, (size_t)1 << 63, &zeroed));
	cr_assert_null(tide_large_alloc(&tide_heap_default, MIB, (size_t)1 << 50, &zeroed));
	char *block = large_alloc(MIB);
	cr_assert_null(tide_large_resize(block, SIZE_MAX));
	cr_assert_null(tide_large_resize(block, PTRDIFF_MAX));
	cr_assert_null(tide_large_resize(block, (size_t)1 << 50));
	assert_block(block, MIB);
	cr_assert_eq(live(), MIB);
}

/* The kept ones. */

Test(large, the_next_of_its_size_gets_the_freed_one)
{
	char *block = large_alloc(MIB);
	bool zeroed = true;

	memset(block, 1, MIB);
	cr_assert(tide_large_free(block));
	cr_assert_eq(cached(), MIB);
	cr_assert_eq(
	    (char *)tide_large_alloc(&tide_heap_default, MIB - 100000, TIDE_PAGE_BYTES, &zeroed),
	    block);
	cr_assert(!zeroed);
	assert_block(block, MIB - 100000);
	cr_assert_eq(cached() + live(), MIB);
	cr_assert_gt(cached(), 0u);
}

Test(large, a_shorter_one_gets_a_part_and_the_rest_stays)
{
	char *block = large_alloc(2 * MIB);

	cr_assert(tide_large_free(block));
	char *first = large_alloc(800 * KIB);
	char *second = large_alloc(900 * KIB);
	cr_assert_eq(first, block);
	cr_assert_eq(second, first + tide_large_bytes(first));
	cr_assert_eq(cached() + live(), 2 * MIB);
	/* Both parts free, it is one again. */
	cr_assert(tide_large_free(first));
	cr_assert(tide_large_free(second));
	cr_assert_eq((char *)large_alloc(2 * MIB), block);
	cr_assert_eq(cached(), 0u);
}

/* Memory that was in use comes first; only what is missing is mapped, beside it. */
Test(large, a_longer_one_gets_all_of_it_and_fresh_memory_beside)
{
	char *block = large_alloc(2 * MIB);
	char *end = block + 2 * MIB;

	memset(block, 1, 2 * MIB);
	cr_assert(tide_large_free(block));
	char *longer = large_alloc(3 * MIB);
	cr_assert_eq(cached(), 0u);
	cr_assert(longer == block || longer + 3 * MIB == end);
	cr_assert_eq(block[0] + end[-1], 2);
	assert_block(longer, 3 * MIB);
	memset(longer, 2, 3 * MIB);
}

Test(large, a_block_grows_into_a_kept_one_behind_it)
{
	char *block = large_alloc(8 * MIB);

	cr_assert(tide_large_free(block));
	char *first = large_alloc(2 * MIB);
	cr_assert_eq(first, block);
	pattern_fill(first, 2 * MIB, 7);
	cr_assert_eq(tide_large_resize(first, 6 * MIB), first);
	cr_assert(pattern_holds(first, 2 * MIB, 7));
	cr_assert_geq(tide_large_bytes(first), 6 * MIB);
	cr_assert_eq(cached() + live(), 8 * MIB);
}

Test(large, what_is_kept_is_bounded)
{
	enum { BLOCKS = 200 };
	char *block[BLOCKS];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 4 * MIB);
	tide_options_set(TIDE_OPTION_RETAIN_PERCENT, 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		block[i] = large_alloc(200 * KIB + i * 8 * KIB);
	for (unsigned i = 0; i < BLOCKS; i++) {
		cr_assert(tide_large_free(block[i]));
		cr_assert_leq(cached(), 4 * MIB);
	}
	cr_assert_gt(cached(), 0u);
	cr_assert_eq(live(), 0u);
	/* A lower bound takes effect with the next that is freed. */
	block[0] = large_alloc(300 * KIB);
	tide_options_set(TIDE_OPTION_RETAIN_BYTES, MIB);
	cr_assert(tide_large_free(block[0]));
	cr_assert_leq(cached(), MIB);
}

Test(large, a_clock_allows_for_more_and_none_for_giants)
{
	char *block[8];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 2 * MIB);
	tide_options_set(TIDE_OPTION_RETAIN_PERCENT, 0);
	tide_large_set_aged(true);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = large_alloc(MIB + i * 300 * KIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		cr_assert(tide_large_free(block[i]));
	cr_assert_gt(cached(), 2 * MIB);
	cr_assert_leq(cached(), 8 * MIB);
	(void)tide_large_purge();

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, (int64_t)1 << 40);
	char *giant = large_alloc(65 * MIB);
	cr_assert(tide_large_free(giant));
	cr_assert_eq(cached(), 0u);
}

/* What was not needed between two ticks. */
Test(large, what_is_kept_goes_when_it_is_old)
{
	char *old = large_alloc(MIB);
	(void)large_alloc(MIB); /* or they would be one */
	char *young = large_alloc(2 * MIB);

	(void)tide_large_age();
	cr_assert(tide_large_free(old));
	cr_assert_eq(tide_large_age(), 0u);
	cr_assert(tide_large_free(young));
	cr_assert_eq(tide_large_age(), MIB);
	cr_assert_eq(cached(), 2 * MIB);
	cr_assert_eq(tide_large_age(), 2 * MIB);
	cr_assert_eq(cached(), 0u);
}

/* A small part that comes and goes does not keep the rest. */
Test(large, what_is_needed_again_and_again_stays_alone)
{
	char *block = large_alloc(16 * MIB);

	cr_assert(tide_large_free(block));
	for (int tick = 0; tick < 4; tick++) {
		cr_assert(tide_large_free(large_alloc(2 * MIB)));
		(void)tide_large_age();
	}
	cr_assert_leq(cached(), 4 * MIB);
	cr_assert_geq(cached(), 2 * MIB);
}

/* One that can't be lengthened, between two that are in use, ages all the same. */
Test(large, what_was_tried_in_vain_is_as_it_was)
{
	char *between = NULL;
	char *near[3];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 256 * MIB);
	for (size_t i = 0; i < COUNT_OF(near); i++)
		near[i] = large_alloc(6 * MIB);
	for (size_t i = 0; i < COUNT_OF(near); i++)
		between = near[i] + 6 * MIB == near[(i + 1) % 3] ? near[(i + 1) % 3] : between;
	if (between == NULL)
		between = near[1];
	cr_assert(tide_large_free(between));
	(void)tide_large_age();
	for (int i = 0; i < 2; i++)
		cr_assert(tide_large_resize(large_alloc(10 * MIB), 10 * MIB) != NULL);
	cr_assert_leq(cached(), 6 * MIB);
	if (cached() == 6 * MIB)
		cr_assert_eq(tide_large_age(), 6 * MIB);
}

/* Two halves of different mappings are one block, which then can't be moved by the system. */
Test(large, a_block_over_two_mappings_is_resized_without_loss)
{
	size_t before = 0;

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 256 * MIB);
	tide_options_set(TIDE_OPTION_HUGE_BYTES, (int64_t)1 << 40);
	char *start = large_alloc(8 * MIB);
	cr_assert_eq(madvise(start + 4 * MIB, 4 * MIB, MADV_NOHUGEPAGE), 0);
	pattern_fill(start, 8 * MIB, 3);
	for (int i = 0; i < 20; i++) {
		char *moved = tide_large_resize(start, 64 * MIB);
		if (moved != NULL) {
			cr_assert_eq(moved, start); /* there was room behind it */
			break;
		}
		cr_assert_eq(tide_large_bytes(start), 8 * MIB);
		cr_assert(before == 0 || mapped_bytes() <= before, "address space is lost");
		before = mapped_bytes();
	}
	cr_assert(pattern_holds(start, 8 * MIB, 3));
	start = tide_large_resize(start, 3 * MIB);
	cr_assert_not_null(start);
	cr_assert(pattern_holds(start, 3 * MIB, 3));
}

/* Address space has a limit: what is kept makes room. */
Test(large, what_is_kept_goes_before_an_allocation_fails)
{
	char *block[4];
	struct rlimit limit;

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 1024 * MIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = large_alloc(60 * MIB);
	(void)large_alloc(MIB);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		cr_assert(tide_large_free(block[i]));
	cr_assert_eq(cached(), 240 * MIB);
	limit.rlim_cur = limit.rlim_max = mapped_bytes() + 100 * MIB;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	(void)large_alloc(330 * MIB);
}

/* What a forked process finds: all that is kept, and counted. */
Test(large, the_kept_ones_are_adopted)
{
	char *block = large_alloc(2 * MIB);

	cr_assert(tide_large_free(block));
	cr_assert(tide_large_keep_hold());
	tide_large_keep_adopt(true);
	cr_assert_eq(cached(), 2 * MIB);
	cr_assert_eq((char *)large_alloc(2 * MIB), block);
	cr_assert(tide_large_free(block));
	/* Not so when another thread was at it. */
	cr_assert(tide_large_keep_hold());
	cr_assert_neq((char *)large_alloc(3 * MIB), block);
	tide_large_keep_adopt(false);
	char *again = large_alloc(MIB);
	cr_assert(tide_large_free(again));
	cr_assert_eq((char *)large_alloc(MIB), again);
}

/* Resizing. */

static void *resize(char *block, size_t bytes, size_t filled)
{
	char *resized = tide_large_resize(block, bytes);
	size_t kept = filled < bytes ? filled : bytes;

	cr_assert_not_null(resized);
	cr_assert(pattern_holds(resized, kept / 8 * 8, 3));
	assert_block(resized, bytes);
	cr_assert_eq(live(), tide_large_bytes(resized));
	if (resized != block)
		assert_gone(block);
	return resized;
}

Test(large, contents_survive_every_resize)
{
	static const size_t size[] = { MIB,     3 * MIB,   3 * MIB + 1,   40 * MIB,
		                       2 * MIB, 200 * KIB, 132 * KIB + 1, 5 * MIB };
	char *block = large_alloc(MIB);
	size_t filled = MIB;

	pattern_fill(block, MIB, 3);
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		block = resize(block, size[i], filled);
		filled = size[i];
		pattern_fill(block, filled, 3);
	}
	cr_assert(tide_large_free(block));
	cr_assert_eq(live(), 0u);
}

/* A page that keeps the block from growing where it is. */
static void *block_with_a_neighbour(size_t bytes)
{
	char *block = large_alloc(bytes);
	char *end = block + tide_large_bytes(block);
	void *neighbour = mmap(end, TIDE_PAGE_BYTES, PROT_READ,
	                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	cr_assert(neighbour == end || neighbour == MAP_FAILED);
	pattern_fill(block, bytes, 3);
	return block;
}

Test(large, a_block_without_room_moves)
{
	char *block = block_with_a_neighbour(MIB);
	char *moved = resize(block, 16 * MIB, MIB);

	cr_assert_neq(moved, block);
	cr_assert(all_zero(moved + MIB, 15 * MIB));
}

Test(large, a_block_that_grows_by_small_steps_is_not_moved_each_time)
{
	char *block = block_with_a_neighbour(4 * MIB);
	unsigned changes = 0;

	for (size_t bytes = 4 * MIB; bytes < 8 * MIB; bytes += TIDE_PAGE_BYTES) {
		if (bytes <= tide_large_bytes(block))
			continue;
		block = resize(block, bytes, 4 * MIB);
		changes++;
	}
	cr_assert_leq(changes, 8u);
}

Test(large, a_refused_resize_leaves_the_block_as_it_was)
{
	static const struct {
		unsigned mask;
		uint32_t pass, fail;
	} plan[] = {
		{ TIDE_OS_MREMAP, 0, UINT32_MAX },
		{ TIDE_OS_MREMAP | TIDE_OS_MMAP, 0, UINT32_MAX },
		{ TIDE_OS_MREMAP | TIDE_OS_MMAP | TIDE_OS_MUNMAP, 0, UINT32_MAX },
		{ TIDE_OS_MREMAP | TIDE_OS_MUNMAP, 0, UINT32_MAX },
	};
	static const size_t size[] = { 5 * MIB, 16 * MIB, 3 * MIB };

	for (size_t p = 0; p < COUNT_OF(plan); p++) {
		for (size_t i = 0; i < COUNT_OF(size); i++) {
			char *block = block_with_a_neighbour(3 * MIB - 8 * KIB);
			size_t has = tide_large_bytes(block);

			tide_os_fault_plan(plan[p].mask, plan[p].pass, plan[p].fail);
			void *resized = tide_large_resize(block, size[i]);
			tide_os_fault_plan(0, 0, 0);
			cr_assert_null(resized, "plan %zu, to %zu", p, size[i]);
			assert_block(block, has);
			cr_assert_eq(tide_large_bytes(block), has);
			cr_assert(pattern_holds(block, 3 * MIB - 8 * KIB, 3));
			cr_assert_eq(live(), has);
			cr_assert(tide_large_free(block));
			(void)tide_large_purge();
			cr_assert_eq(live(), 0u);
		}
	}
}

Test(large, a_block_that_cannot_stay_may_still_move)
{
	char *block = block_with_a_neighbour(MIB);

	tide_os_fault_plan(TIDE_OS_MREMAP, 0, 1);
	cr_assert_neq(resize(block, 8 * MIB, MIB), block);
}

/* Refusals. */

Test(large, without_memory_there_is_none_and_none_is_lost)
{
	bool zeroed;

	for (uint32_t pass = 0; pass < 4; pass++) {
		uint64_t before = live();

		tide_os_fault_plan(TIDE_OS_MMAP, pass, UINT32_MAX);
		void *block;
		unsigned got = 0;
		while ((block = tide_large_alloc(&tide_heap_default, 64 * MIB, 64 * MIB,
		                                 &zeroed)) != NULL)
			cr_assert_leq(++got, pass);
		tide_os_fault_plan(0, 0, 0);
		cr_assert_eq(live(), before + got * 64 * MIB);
	}
	cr_assert_not_null(large_alloc(64 * MIB));
}

Test(large, a_kept_block_serves_when_the_system_has_none)
{
	char *block = large_alloc(MIB);

	cr_assert(tide_large_free(block));
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	cr_assert_eq((char *)large_alloc(MIB), block);
}

Test(large, what_the_system_does_not_take_back_loses_its_memory_and_goes_later)
{
	char *block = large_alloc(8 * MIB);

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 0);
	tide_options_set(TIDE_OPTION_RETAIN_PERCENT, 0);
	memset(block, 1, 8 * MIB);
	size_t resident = resident_bytes();
	tide_os_fault_plan(TIDE_OS_MUNMAP, 0, UINT32_MAX);
	cr_assert(tide_large_free(block));
	assert_gone(block);
	cr_assert_eq(live(), 0u);
	cr_assert_eq(cached(), 0u);
	cr_assert_lt(resident_bytes(), resident - 7 * MIB);
	cr_assert_eq(tide_os_discarded_bytes_racy(), 8 * MIB);
	tide_os_fault_plan(0, 0, 0);
	cr_assert(tide_large_free(large_alloc(70 * MIB)));
	cr_assert_eq(tide_os_discarded_bytes_racy(), 0u);
}

/* More free ranges than there is room for, none beside another: what does not fit goes at once. */
Test(large, what_there_is_no_room_for_goes)
{
	enum { BLOCKS = 2 * TIDE_EXTENTS_MAX + 80 };
	static char *block[BLOCKS];

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, (int64_t)1 << 40);
	for (size_t i = 0; i < BLOCKS; i++)
		block[i] = large_alloc(MIB);
	for (size_t i = 0; i < BLOCKS; i += 2)
		cr_assert(tide_large_free(block[i]));
	cr_assert_eq(cached(), BLOCKS / 2 * MIB);
	(void)tide_large_resize(large_alloc(MIB), 2 * MIB);
	cr_assert_leq(cached(), TIDE_EXTENTS_MAX * MIB);
	cr_assert_geq(cached(), (TIDE_EXTENTS_MAX - 4) * MIB);
	(void)tide_large_purge();
	cr_assert_eq(cached(), 0u);
}

/* Threads. */

static const char *use_block(size_t bytes, uint64_t seed)
{
	bool zeroed;
	char *block = tide_large_alloc(&tide_heap_default, bytes, TIDE_PAGE_BYTES, &zeroed);

	if (block == NULL)
		return "no block";
	if (tide_large_bytes(block) < bytes)
		return "a block is too short";
	if (zeroed && !all_zero(block, 4096))
		return "a block is not zero";
	pattern_fill(block, 4096, seed);
	if (seed % 8 == 0) {
		char *resized = tide_large_resize(block, bytes + 700 * KIB);
		block = resized != NULL ? resized : block;
	}
	if (!pattern_holds(block, 4096, seed))
		return "a block has two owners";
	return tide_large_free(block) ? NULL : "a block could not be freed";
}

static void *use_blocks(void *arg)
{
	uint64_t *random = arg;
	const char *wrong = NULL;

	for (int i = 0; i < ROUNDS && wrong == NULL; i++)
		wrong =
		    use_block(150 * KIB + random_next(random) % 40 * 24 * KIB, random_next(random));
	return (void *)(uintptr_t)wrong;
}

Test(large, four_threads_use_what_is_kept, .timeout = 60)
{
	uint64_t random[THREADS] = { 1, 2, 3, 4 };

	tide_options_set(TIDE_OPTION_RETAIN_BYTES, 2 * MIB);
	const char *wrong = run_threads(use_blocks, random, sizeof random[0], THREADS);
	cr_assert_null(wrong, "%s", wrong);
	cr_assert_eq(live(), 0u);
	uint64_t kept = cached();
	cr_assert_eq(tide_large_purge(), kept);
	cr_assert_eq(cached(), 0u);
}

/* Two threads free the same blocks at once: each block is freed by one. */

enum { SHARED = 500 };
static void *shared[SHARED];
static pthread_barrier_t barrier;
static _Atomic uint32_t freed[SHARED];

static void *free_all(void *unused)
{
	(void)unused;
	for (int i = 0; i < SHARED; i++) {
		pthread_barrier_wait(&barrier);
		if (tide_large_free(shared[i]))
			(void)tide_add_relaxed(&freed[i], 1u);
	}
	return NULL;
}

Test(large, of_two_freers_one_wins, .timeout = 60)
{
	char none[2] = { 0 };

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < SHARED; i++)
		shared[i] = large_alloc(200 * KIB);
	cr_assert_null(run_threads(free_all, none, 1, 2));
	for (int i = 0; i < SHARED; i++)
		cr_assert_eq(tide_load_relaxed(&freed[i]), 1u);
	cr_assert_eq(live(), 0u);
}
