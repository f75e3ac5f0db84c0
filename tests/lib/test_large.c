/* large.c: blocks of whole pages, resized without losing a byte, and as before when the system
 * refuses; kept ones are in test_large_keep.c. */
#include "large_support.h"

#include <sys/mman.h>

enum { THREADS = 4, ROUNDS = SCALED(3000) };

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
