/* Profile mode: which allocations are taken, that none is favoured, and that what is live is known
 * whatever becomes of the blocks. */
#include "sample.h"

#include "gc.h"
#include "options.h"
#include "profile.h"

#include "../api/support.h"
#include "sample_support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <tide/heap.h>
#include <tide/profile.h>

static void some(void)
{
	profile_every("4096");
}

static void assert_live(size_t blocks, size_t bytes)
{
	struct tide_profile_totals totals;

	tide_profile_total(&totals);
	cr_assert_eq(totals.live, blocks, "%zu live, not %zu", (size_t)totals.live, blocks);
	cr_assert_eq(totals.live_bytes, bytes, "%zu bytes, not %zu", (size_t)totals.live_bytes,
	             bytes);
	cr_assert_eq(totals.lost_sites + totals.lost_blocks, 0u);
}

/* Five standard deviations: for the seed that is used, and any reasonable other. */
#define SIGMAS 5

Test(sample, distances_are_exponential)
{
	enum { DRAWS = 100000, MEAN = 1 << 19 };
	uint64_t random = 1;
	double sum = 0, above[4] = { 0 };

	for (unsigned i = 0; i < DRAWS; i++) {
		uint64_t drawn = tide_sample_exponential(&random, MEAN);
		sum += (double)drawn;
		for (unsigned k = 0; k < COUNT_OF(above); k++)
			above[k] += drawn >= (uint64_t)MEAN * k / 2;
	}
	cr_assert_lt(fabs(sum / DRAWS - MEAN), SIGMAS * MEAN / sqrt(DRAWS));
	for (unsigned k = 0; k < COUNT_OF(above); k++) {
		double expected = exp(-0.5 * k);
		double sigma = sqrt(expected * (1 - expected) / DRAWS);
		cr_assert_leq(fabs(above[k] / DRAWS - expected), SIGMAS * sigma, "at %u halves", k);
	}
	cr_assert_leq(tide_sample_exponential(&random, 1ull << 30) / TIDE_ALIGN_BYTES,
	              UINT32_MAX - 1, "a countdown has 32 bits");
}

Test(sample, without_the_option_there_is_none)
{
	(void)unsetenv("TIDE_PROFILE");
	tide_free(tide_malloc(100));
	cr_assert(!tide_sample_on());
	cr_assert_eq(tide_profile_mean_bytes(), 0u);
	cr_assert_eq(tide_profile_write("/dev/null"), EINVAL);
}

Test(sample, every_block_is_known_for_as_long_as_it_lives, .init = each_one)
{
	static void *block[200];
	size_t bytes = 0, blocks = 0;

	cr_assert_eq(tide_profile_mean_bytes() * 0 + 1, 1u);
	for (size_t size = 1; size < 3 * MIB; size += 1 + size / 8, blocks++) {
		block[blocks] = blocks % 3 == 0   ? tide_calloc(1, size)
		                : blocks % 3 == 1 ? tide_malloc(size)
		                                  : tide_memalign(blocks % 2 ? 64 : 4096, size);
		cr_assert(blocks < COUNT_OF(block) && block[blocks] != NULL);
		memset(block[blocks], 1, size);
		bytes += tide_malloc_usable_size(block[blocks]);
		assert_live(blocks + 1, bytes);
		cr_assert_null(tide_heap_of(block[blocks]));
	}
	assert_sound();
	for (size_t i = 0; i < blocks; i++) {
		bytes -= tide_malloc_usable_size(block[i]);
		tide_free(block[i]);
		assert_live(blocks - 1 - i, bytes);
	}
	assert_sound();
}

Test(sample, realloc_moves_what_is_known_with_the_block, .init = each_one)
{
	char *block = tide_malloc(1);

	for (size_t size = 2; size < 40 * MIB; size += size / 2) {
		block = tide_realloc(block, size);
		block[size - 1] = (char)size;
		assert_live(1, tide_malloc_usable_size(block));
	}
	for (size_t size = 40 * MIB; size > 1; size /= 3) {
		block = tide_realloc(block, size);
		assert_live(1, tide_malloc_usable_size(block));
	}
	cr_assert_null(tide_realloc(block, 0));
	assert_live(0, 0);
	assert_sound();
}

Test(sample, heaps_and_hints_are_known, .init = each_one)
{
	struct tide_heap *heap = tide_heap_create(NULL);
	struct tide_hint hint, own;
	size_t bytes = 0;

	for (unsigned i = 0; i < 300; i++) {
		void *block = tide_heap_malloc(heap, 1 + i * 97);
		bytes += tide_malloc_usable_size(block);
		cr_assert_eq(tide_heap_of(block), heap);
	}
	bytes += tide_malloc_usable_size(tide_heap_malloc(heap, 2 * MIB));
	assert_live(301, bytes);
	for (unsigned i = 0; i < 1000; i++) {
		void *block = tide_malloc_in(heap, 48, &hint);
		void *other = tide_malloc_in(NULL, 48, &own);
		assert_live(303, bytes + 96);
		tide_free_in(heap, block, hint);
		tide_free_in(NULL, other, own);
	}
	assert_live(301, bytes);
	assert_sound();
	tide_heap_destroy(heap);
	assert_live(0, 0);
}

static unsigned looks;

static bool is_the_one(const void *block, const void *wanted)
{
	looks++;
	return block == wanted;
}

/* The end of a heap with a sample costs a look at the part of the table that it is in. */
Test(sample, a_part_of_what_is_live_is_looked_at, .init = each_one)
{
	enum { BLOCKS = 6400 };
	const char *address = (const char *)(uintptr_t)(1 << 20);
	struct tide_profile_totals totals;
	uintptr_t frame = 1;

	cr_assert(tide_profile_start());
	for (unsigned i = 0; i < BLOCKS; i++)
		tide_profile_enter(address + i * TIDE_ALIGN_BYTES, TIDE_ALIGN_BYTES, &frame, 1);
	uint64_t group = tide_profile_group(address);
	cr_assert(group != 0 && (group & (group - 1)) == 0);
	tide_profile_sweep(group, is_the_one, address);
	/* 100 of them are expected, and 10 is the standard deviation. */
	cr_assert(looks > 0 && looks < 200, "%u looks", looks);
	tide_profile_total(&totals);
	cr_assert_eq(totals.live, BLOCKS - 1u);
	looks = 0;
	for (unsigned i = 0; i < BLOCKS; i++)
		tide_profile_sweep(tide_profile_group(address + i * TIDE_ALIGN_BYTES), is_the_one,
		                   address + i * TIDE_ALIGN_BYTES);
	tide_profile_total(&totals);
	cr_assert_eq(totals.live, 0u);
}

/* What is allocated, by size; the sizes are those of classes. */
static const size_t sizes[] = { 16, 64, 112, 640, 4096, 20480, 65536, 163840, 1310720 };
static double truth[COUNT_OF(sizes)];

static void *allocate(unsigned which)
{
	void *block = tide_malloc(sizes[which]);

	cr_assert_eq(tide_malloc_usable_size(block), sizes[which]);
	truth[which] += (double)sizes[which];
	return block;
}

/* Against the true sums: each allocation of S bytes is taken with probability p, and then counts as
 * S/p, so the variance of the estimate is S * S * (1 - p) / p for each. */
static void assert_estimates(double mean)
{
	for (unsigned which = 0; which < COUNT_OF(sizes); which++) {
		double size = (double)sizes[which], p = -expm1(-size / mean), taken = 0;
		for (unsigned i = 0; i < TIDE_PROFILE_SITES; i++) {
			const struct tide_profile_site *site = tide_profile_site_at(i);
			struct tide_profile_totals totals;
			if (site == NULL || site->block_bytes != sizes[which])
				continue;
			tide_profile_count(site, &totals);
			taken += (double)totals.alloc_bytes;
		}
		double sigma = sqrt(truth[which] * size * (1 - p) / p);
		cr_expect_leq(fabs(taken / p - truth[which]), SIGMAS * sigma,
		              "%zu bytes: %.0f estimated, %.0f true, sigma %.0f", sizes[which],
		              taken / p, truth[which], sigma);
	}
}

/* In turns: pairs, batches, and what is kept; malloc's own bins turn over differently in each. */
Test(sample, no_size_and_no_order_is_favoured, .init = some, .timeout = 100)
{
	enum { KEPT = 512 };
	static void *kept[KEPT];
	uint64_t random = 3;
	unsigned rounds = SCALED(60000);

	for (unsigned i = 0; i < rounds; i++) {
		/* Few of the large ones. */
		unsigned which = (unsigned)__builtin_ctzll(random_next(&random) | 1u << 8);
		unsigned times = 1 + (unsigned)(random_next(&random) % 40);
		void *batch[40];
		if (i % 3 == 0) {
			for (unsigned k = 0; k < times; k++)
				tide_free(allocate(which));
		} else if (i % 3 == 1) {
			times = which > 5 ? 2 : times;
			for (unsigned k = 0; k < times; k++)
				batch[k] = allocate(which);
			while (times > 0)
				tide_free(batch[--times]);
		} else {
			void **slot = &kept[random_next(&random) % KEPT];
			tide_free(*slot);
			*slot = allocate(which);
		}
		if (i % 5000 == 0)
			(void)tide_purge();
	}
	assert_sound();
	assert_estimates(4096);
}

struct exchange {
	_Atomic(void *) slot[64];
};
static struct exchange exchanged;

static void *exchange(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	for (unsigned i = 0; i < SCALED(20000); i++) {
		char *block = tide_malloc(1 + random_next(&random) % 3000);
		if (block == NULL)
			return "no memory";
		*block = 1;
		tide_free(tide_swap_acq_rel(&exchanged.slot[random_next(&random) % 64], block));
	}
	return NULL;
}

Test(sample, blocks_freed_by_other_threads_are_taken_out, .init = each_one, .timeout = 100)
{
	uint64_t seed[] = { 1, 2, 3, 4 };

	/* The process's first call makes the heap of samples: one of another thread that overtakes it
	 * would lose its sample, and be counted. */
	tide_free(tide_malloc(1));
	const char *wrong = run_threads(exchange, seed, sizeof seed[0], COUNT_OF(seed));

	cr_assert_null(wrong, "%s", wrong);
	for (unsigned i = 0; i < COUNT_OF(exchanged.slot); i++)
		tide_free(exchanged.slot[i]);
	assert_live(0, 0);
}

/* A guarded block that could not be had is served by the bins, out of turn. */
static void with_guards(void)
{
	profile_every("20000");
	(void)setenv("TIDE_GUARD_EVERY", "1", 1);
}

Test(sample, calls_out_of_turn_find_a_block, .init = with_guards)
{
	static void *block[20000];

	for (unsigned i = 0; i < COUNT_OF(block); i++) {
		block[i] = tide_malloc(i % 3000);
		cr_assert_not_null(block[i]);
		memset(block[i], 1, i % 3000);
	}
	for (unsigned i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	assert_sound();
}

/* What a heap's bins had counted down and not used is no part of what the next heap does. */
Test(sample, heaps_that_live_for_a_block_count_no_more_than_that, .init = some, .timeout = 100)
{
	enum { HEAPS = 4000 };
	struct tide_profile_totals totals;

	for (unsigned i = 0; i < HEAPS; i++) {
		struct tide_heap *heap = tide_heap_create(NULL);
		cr_assert_not_null(heap);
		cr_assert_not_null(tide_heap_malloc(heap, 64));
		tide_heap_destroy(heap);
	}
	tide_profile_total(&totals);
	/* One in 64 is expected, 62; five standard deviations above. */
	cr_assert_lt(totals.allocs, 102, "%zu samples", (size_t)totals.allocs);
}

Test(sample, a_child_goes_on_with_what_its_parent_had, .init = each_one)
{
	enum { BLOCKS = 100 };
	void *block[BLOCKS];
	int status;

	for (unsigned i = 0; i < BLOCKS; i++)
		block[i] = tide_malloc(64);
	pid_t child = fork();
	if (child == 0) {
		struct tide_profile_totals totals;
		for (unsigned i = 0; i < BLOCKS; i++)
			tide_free(block[i]);
		void *own = tide_malloc(5000);
		tide_profile_total(&totals);
		_exit(totals.live == 1 && own != NULL ? 0 : 1);
	}
	cr_assert(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	assert_live(BLOCKS, BLOCKS * 64);
}

/* Reads a profile; live blocks of its sites together. */
static unsigned long read_profile(const char *path, unsigned long *head, bool *complete)
{
	char line[4096];
	unsigned long live, sum = 0;
	FILE *file = fopen(path, "r");

	cr_assert_not_null(file);
	*complete = true;
	cr_assert_not_null(fgets(line, sizeof line, file));
	cr_assert_eq(sscanf(line, "heap profile: %lu:", head), 1);
	while (fgets(line, sizeof line, file) != NULL && strncmp(line, "MAPPED", 6) != 0) {
		if (*line == '#')
			*complete = false;
		else if (sscanf(line, "%lu: %*u [%*u: %*u] @", &live) == 1)
			sum += live;
	}
	cr_assert_not_null(fgets(line, sizeof line, file), "no list of mapped files");
	(void)fclose(file);
	return sum;
}

Test(sample, a_profile_says_what_did_not_fit, .init = each_one, .timeout = 100)
{
	char path[] = "/tmp/tide-test-profile.XXXXXX";
	unsigned long head;
	bool complete;
	int file = mkstemp(path);

	cr_assert_geq(file, 0);
	void **last = NULL;
	for (unsigned i = 0; i < 50; i++) {
		void **block = tide_malloc(40);
		*block = last;
		last = block;
	}
	cr_assert_eq(tide_profile_write(path), 0);
	cr_assert_eq(read_profile(path, &head, &complete), 50u);
	cr_assert(complete && head == 50);
	for (unsigned i = 0; i < 3 * TIDE_PROFILE_BLOCKS / 2; i++) {
		void **block = tide_malloc(40);
		cr_assert_not_null(block);
		*block = last;
		last = block;
	}
	cr_assert_eq(tide_profile_write(path), 0);
	unsigned long live = read_profile(path, &head, &complete);
	cr_assert(!complete && live == head && live <= TIDE_PROFILE_BLOCKS);
	while (last != NULL) {
		void *next = *last;
		tide_free(last);
		last = next;
	}
	cr_assert_eq(tide_profile_write(path), 0);
	cr_assert_eq(read_profile(path, &head, &complete), 0u);
	cr_assert_eq(tide_profile_write("/nowhere/at/all"), ENOENT);
	(void)close(file);
	(void)unlink(path);
	assert_sound();
}
