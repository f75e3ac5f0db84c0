/* Bins of one block, and a GC that is rung for every block: each block moves by itself, in a bin
 * that may be many times as long. There are never more bins than blocks, and those that were needed
 * once are used again, also when the GC stands still while all is freed. */
#include "support.h"

#include "token.h"

TestSuite(bins_of_one, .timeout = 100);

enum { ROUNDS = 4, BLOCKS = SCALED(16000), THREADS = 3, SLOTS = 64, TURNS = SCALED(40000) };

static void process_of_single_blocks(void)
{
	tide_options_set(TIDE_OPTION_BIN_MAX_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_BIN_BLOCKS, 1);
	tide_options_set(TIDE_OPTION_WAKE_BYTES, 1);
	tide_free(tide_malloc(1));
}

static uint64_t blocks_carved(void)
{
	uint64_t blocks = 0;

	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++)
		blocks += tide_frontier_carved_racy(&tide_heap_default.frontier, cls) +
		          tide_load_relaxed(&tide_heap_default.gc.made_blocks[cls]);
	return blocks;
}

/* Those that may be empty: each cache's ready and pending bins, and the head of its garbage. */
static size_t empty_bins_limit(void)
{
	return caches_made() * (2 * (size_t)TIDE_CLASS_SLOTS + 1);
}

/* Free all while nobody can be the GC. */
static void free_with_the_gc_frozen(void **block)
{
	cr_assert(tide_token_wait(0));
	for (unsigned i = 0; i < BLOCKS; i++) {
		cr_assert_eq(*(unsigned *)block[i], i);
		tide_free(block[i]);
	}
	tide_token_release();
}

Test(bins_of_one, bins_are_used_again_after_the_gc_stood_still)
{
	static void *block[BLOCKS];
	uint64_t carved = 0;
	size_t bins = 0;

	tide_options_set(TIDE_OPTION_GC, 0);
	process_of_single_blocks();
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t random = 5;
		for (unsigned i = 0; i < BLOCKS; i++) {
			block[i] = tide_malloc(16 + random_next(&random) % 1000);
			cr_assert_not_null(block[i]);
			*(unsigned *)block[i] = i;
		}
		free_with_the_gc_frozen(block);
		assert_audit();
		cr_assert_leq(tide_bin_total_racy(), BLOCKS + empty_bins_limit());
		if (round == 0) {
			carved = blocks_carved();
			bins = tide_bin_total_racy();
			cr_assert_geq(bins, BLOCKS,
			              "a bin for each block: else this shows nothing");
			continue;
		}
		cr_assert_leq(tide_bin_total_racy(), bins, "round %u", round);
		cr_assert_leq(blocks_carved(), carved, "round %u", round);
	}
	/* And the GC takes it up where it stood. */
	(void)tide_purge();
	assert_audit();
	cr_assert_eq(stats_now().queued_bytes, 0);
	cr_assert_eq(stats_now().backlog_bytes, 0);
}

static _Atomic(struct parcel *) slot[SLOTS];

static void *exchange(void *arg)
{
	uint64_t *random = arg;
	const char *wrong = NULL;

	for (unsigned i = 0; i < TURNS && wrong == NULL; i++) {
		struct parcel *parcel = parcel_make(16 + random_next(random) % 500, *random);
		if (parcel == NULL)
			return (void *)(uintptr_t) "out of memory";
		parcel = atomic_exchange(&slot[random_next(random) % SLOTS], parcel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

Test(bins_of_one, threads_exchange_blocks_one_by_one)
{
	uint64_t seed[THREADS] = { 1, 2, 3 };

	process_of_single_blocks();
	const char *wrong = run_threads(exchange, seed, sizeof seed[0], COUNT_OF(seed));
	cr_assert_null(wrong, "%s", wrong);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		wrong = parcel != NULL ? parcel_end(parcel) : NULL;
		cr_assert_null(wrong, "%s", wrong);
	}
	(void)tide_gc_stop();
	(void)tide_purge();
	assert_audit();
	cr_assert_eq(stats_now().backlog_bytes, 0);
}
