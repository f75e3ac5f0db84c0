/* slow.c: where a thread that misses gets its blocks from and where its full bins go; classes
 * without bins of their own; and checked mode, which looks at every call. */
#include "block.h"
#include "slow.h"

#include "gc.h"
#include "heap.h"
#include "hit.h"
#include "options.h"
#include "queue.h"
#include "start.h"

#include "../api/support.h"
#include "window_support.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum { CALLS = SCALED(20000), SLOTS = 256 };

static void *block_of(size_t bytes)
{
	void *block = tide_malloc(bytes);

	cr_assert_not_null(block);
	return block;
}

static void assert_sound(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

Test(slow, every_block_is_known_as_what_it_was_made)
{
	for (size_t bytes = 1; bytes <= 200000; bytes += 1 + bytes / 9) {
		char *block = block_of(bytes);
		struct tide_heap *heap;

		cr_assert_eq(tide_block_class(block, "test", &heap), tide_class_of(bytes));
		cr_assert_eq(tide_hit_class(block), class_in_window(block, tide_class_of(bytes)));
		/* Misaligned ones leave the fast path. */
		for (int offset = 1; offset < 16; offset++)
			cr_assert_eq(tide_hit_class(block + offset), TIDE_CLASS_NONE);
	}
	assert_sound();
}

Test(slow, what_was_freed_last_comes_back_first)
{
	void *block[2000];

	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = block_of(100);
	for (size_t i = 0; i < 10; i++)
		tide_free(block[i]);
	for (size_t i = 10; i-- > 0;)
		cr_assert_eq(block_of(100), block[i]);
}

static void *free_them(void *arg)
{
	void **block = arg;

	for (size_t i = 0; i < SLOTS; i++)
		tide_free(block[i]);
	return NULL;
}

Test(slow, what_one_thread_frees_serves_another)
{
	static void *block[SLOTS];
	uint64_t carved;
	struct tide_stats before;

	tide_options_set(TIDE_OPTION_GC, 0);
	for (size_t i = 0; i < SLOTS; i++)
		block[i] = block_of(64);
	cr_assert_null(run_threads(free_them, block, sizeof block, 1));
	before = stats_now();
	carved = before.carved_bytes;
	for (size_t i = 0; i < SLOTS / 2; i++)
		(void)block_of(64);
	cr_assert_eq(stats_now().carved_bytes, carved, "fresh memory, though there was freed");
	assert_sound();
}

/* The bins that an ended thread left belong to the next one, warm. */

struct heir {
	size_t bytes;
	void *last;  /* that the one freed */
	void *first; /* that the other gets */
};

static void *leave_warm(void *arg)
{
	struct heir *heir = arg;

	heir->last = block_of(heir->bytes);
	tide_free(heir->last);
	return NULL;
}

static void *inherit(void *arg)
{
	struct heir *heir = arg;

	heir->first = tide_malloc(heir->bytes); /* its first call of all */
	return NULL;
}

Test(slow, the_first_call_of_a_thread_that_takes_over_warm_bins_is_counted)
{
	static const size_t size[] = { 64, 3000, 9000, 20000, 32768 };

	tide_options_set(TIDE_OPTION_GC, 0); /* it would take what idles */
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		struct heir heir = { .bytes = size[i] };

		cr_assert_null(run_threads(leave_warm, &heir, sizeof heir, 1));
		assert_sound();
		cr_assert_null(run_threads(inherit, &heir, sizeof heir, 1));
		cr_assert_eq(heir.first, heir.last, "%zu: it was not a warm bin", size[i]);
		assert_sound();
		tide_free(heir.first);
		assert_sound();
	}
}

/* A bin more than the queue's level wants goes to the GC, and from there comes back. */
/* No cache line is dealt to two threads because one freed what was the other's. */
static void *free_and_allocate(void *arg)
{
	char *given = arg;

	tide_free(given);
	for (int i = 0; i < 100; i++) {
		char *own = tide_malloc(16);
		if (own == NULL || (uintptr_t)own / 64 == (uintptr_t)given / 64)
			return own == NULL ? "no block" : "in the line of another thread's block";
		tide_free(own);
	}
	return NULL;
}

Test(slow, a_thread_does_not_reuse_a_neighbour_of_anothers_block)
{
	char *block[8];
	char *given = NULL;

	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = block_of(16);
	for (size_t i = 1; i < COUNT_OF(block) && given == NULL; i++) {
		if ((uintptr_t)block[i] / 64 == (uintptr_t)block[i - 1] / 64)
			given = block[i];
	}
	cr_assert_not_null(given);
	const char *wrong = run_threads(free_and_allocate, given, 0, 1);
	cr_assert_null(wrong, "%s", wrong);
	assert_sound();
}

Test(slow, nothing_is_lost_when_the_queues_want_nothing)
{
	static void *block[8 * SLOTS];

	tide_options_set(TIDE_OPTION_QUEUE_BLOCKS, 0);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT_OF(block); i++)
			block[i] = block_of(64);
		for (size_t i = 0; i < COUNT_OF(block); i++)
			tide_free(block[i]);
		assert_sound();
	}
	cr_assert_leq(stats_now().carved_bytes, 2 * COUNT_OF(block) * 64 + 64 * KIB);
}

static void swap(void **one, void **other)
{
	void *swapped = *one;

	*one = *other;
	*other = swapped;
}

static void in_random_order(void **block, size_t blocks)
{
	static uint64_t seed = 42;

	for (size_t i = blocks - 1; i > 0; i--)
		swap(&block[i], &block[random_next(&seed) % (i + 1)]);
}

/* As a tree that was built from the top is dropped from the bottom: of each three neighbours the
 * first comes last, and of each fifteen, and so on. */
static void in_tree_order(void **block, size_t blocks)
{
	if (blocks < 3)
		return;
	void *root = block[0];
	for (size_t i = 1; i < blocks; i++)
		block[i - 1] = block[i];
	block[blocks - 1] = root;
	in_tree_order(block, (blocks - 1) / 2);
	in_tree_order(block + (blocks - 1) / 2, (blocks - 1) / 2);
}

/* Allocate all and free them in some order, so often; of all blocks of the last round, how many did
 * not come right after the one before. */
static size_t steps_aside(void **block, size_t blocks, int rounds, void (*order)(void **, size_t))
{
	size_t aside = 0;

	for (int round = 0; round < rounds; round++) {
		aside = 0;
		for (size_t i = 0; i < blocks; i++) {
			block[i] = block_of(32);
			aside += i > 0 && (uintptr_t)block[i] - (uintptr_t)block[i - 1] != 32;
		}
		order(block, blocks);
		for (size_t i = 0; i < blocks; i++)
			tide_free(block[i]);
	}
	return aside;
}

/* Through a queue if few, as that is cheaper; of many, but for the first bins, none. */
Test(slow, many_blocks_of_a_thread_that_is_alone_come_back_side_by_side)
{
	static void *block[16383];

	tide_options_set(TIDE_OPTION_GC, 0);
	size_t few = steps_aside(block, 300, 10, in_random_order);
	size_t at_random = steps_aside(block, COUNT_OF(block), 10, in_random_order);
	size_t tree = steps_aside(block, COUNT_OF(block), 10, in_tree_order);

	cr_assert_gt(few, 300 / 2, "%zu", few);
	cr_assert_lt(at_random, COUNT_OF(block) / 16, "%zu", at_random);
	cr_assert_lt(tree, COUNT_OF(block) / 16, "%zu", tree);
	assert_sound();
}

/* What the thread of this cache keeps, as its own or the GC's next look would see it. */
static uint32_t kept(struct tide_cache *cache)
{
	uint32_t blocks = 0;

	while (tide_swap_acq_rel(&cache->pending_taken, true))
		(void)sched_yield();
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_STASH_LAST; cls++)
		blocks += cache->stash[cls].blocks;
	tide_store_release(&cache->pending_taken, false);
	return blocks;
}

static void *purge(void *unused)
{
	(void)tide_purge();
	return unused;
}

static void keep_blocks(void **block, size_t blocks)
{
	cr_assert_eq(tide_gc_start(), 0);
	(void)steps_aside(block, blocks, 10, in_tree_order);
	cr_assert_gt(kept(tide_slow_self()), blocks / 2, "%u", kept(tide_slow_self()));
	assert_sound();
}

/* The first time it frees them, too, whether they were fresh or had been another's. */
Test(slow, a_thread_keeps_what_it_had_got)
{
	static void *block[16383];

	tide_options_set(TIDE_OPTION_DECAY_MS, 3600000);
	cr_assert_eq(tide_gc_start(), 0);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(32);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	cr_assert_gt(kept(tide_slow_self()), COUNT_OF(block) / 2, "%u", kept(tide_slow_self()));
	const char *wrong = run_threads(purge, NULL, 0, 1); /* into the free sets */
	cr_assert_null(wrong, "%s", wrong);
	cr_assert_eq(kept(tide_slow_self()), 0);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(32);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	cr_assert_gt(kept(tide_slow_self()), COUNT_OF(block) / 2, "%u", kept(tide_slow_self()));
	assert_sound();
}

Test(slow, a_bin_of_the_queue_counts_as_got)
{
	struct tide_queues *queues = &tide_heap_default.queues;
	unsigned cls = tide_class_of(32);
	void *block[100];

	tide_options_set(TIDE_OPTION_DECAY_MS, 3600000);
	cr_assert_eq(tide_gc_start(), 0);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(32);
	struct tide_bin *bin = tide_bin_new(cls, COUNT_OF(block));
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_bin_add(bin, block[i]);
	struct tide_cache *cache = tide_slow_self();
	uint32_t before = cache->stash[cls].took;
	uint64_t popped = tide_load_relaxed(&cache->counts[cls].from_queue);
	tide_queue_push(queues, bin);
	while (tide_load_relaxed(&cache->counts[cls].from_queue) == popped)
		cr_assert_not_null(tide_malloc(32));
	cr_assert_geq(cache->stash[cls].took, before + COUNT_OF(block));
}

Test(slow, with_a_GC_thread_a_thread_keeps_what_it_frees_and_gets_it_side_by_side)
{
	static void *block[16383];

	keep_blocks(block, COUNT_OF(block));
	size_t aside = steps_aside(block, COUNT_OF(block), 3, in_tree_order);
	cr_assert_lt(aside, COUNT_OF(block) / 4, "%zu", aside);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = block_of(32);
	cr_assert_lt(kept(tide_slow_self()), COUNT_OF(block) / 2);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	assert_sound();
}

Test(slow, what_a_thread_keeps_goes_when_another_purges)
{
	static void *block[16383];

	keep_blocks(block, COUNT_OF(block));
	const char *wrong = run_threads(purge, NULL, 0, 1);
	cr_assert_null(wrong, "%s", wrong);
	cr_assert_eq(kept(tide_slow_self()), 0);
	assert_sound();
}

Test(slow, what_a_thread_keeps_goes_when_it_is_idle)
{
	static void *block[16383];
	struct timespec pause = { .tv_nsec = 10000000 };

	tide_options_set(TIDE_OPTION_DECAY_MS, 20);
	keep_blocks(block, COUNT_OF(block));
	while (kept(tide_slow_self()) > 0) /* the time limit of the test ends it */
		(void)nanosleep(&pause, NULL);
	assert_sound();
}

/* It puts them into the free sets itself, and none wait anywhere. */
Test(slow, what_a_thread_that_is_alone_frees_waits_for_nobody)
{
	static void *block[16383];

	tide_options_set(TIDE_OPTION_GC, 0);
	(void)steps_aside(block, COUNT_OF(block), 1, in_random_order);
	struct tide_cache *cache = tide_slow_self();
	unsigned cls = tide_class_of(32);
	size_t kept = (size_t)tide_cache_blocks(cache, cls) +
	              tide_queue_blocks_racy(&tide_heap_default.queues, cls);

	cr_assert_eq(tide_garbage_backlog_racy(&cache->garbage), 0);
	cr_assert_lt(kept, 1024, "%zu", kept);
	assert_sound();
}

Test(slow, refusals_say_so_and_free_keeps_errno)
{
	errno = 0;
	cr_assert_null(tide_malloc((size_t)1 << 62));
	cr_assert_eq(errno, ENOMEM);
	errno = 77;
	for (size_t bytes = 16; bytes < 4 * MIB; bytes *= 2) {
		void *block[100];

		for (size_t i = 0; i < COUNT_OF(block); i++)
			block[i] = tide_malloc(bytes);
		for (size_t i = 0; i < COUNT_OF(block); i++)
			tide_free(block[i]);
	}
	tide_free(NULL);
	tide_free_slow(NULL, "free");
	cr_assert_eq(errno, 77);
}

/* Twice in a row into the same bin, and with the option to go on: reported, and handed out once. */
Test(slow, a_block_freed_twice_in_a_row_is_handed_out_once)
{
	cr_redirect_stderr();
	tide_options_set(TIDE_OPTION_FATAL, 0);
	void *block = block_of(64);
	(void)block_of(64); /* room for two in the bin */
	tide_free(block);
	tide_free(block);
	void *first = block_of(64);
	for (int i = 0; i < 1000; i++)
		cr_assert_neq(block_of(64), first);
}

/* Checked mode. */

static void check_mode(void)
{
	tide_options_set(TIDE_OPTION_CHECK, 1);
	tide_options_set(TIDE_OPTION_FATAL, 0);
}

static void assert_no_bin_in_sight(void)
{
	for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
		void **top = tide_cache_self->top[cls];

		cr_assert(*top == top[-1] && top[1] == TIDE_BIN_FULL);
	}
}

static void *churn(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	struct parcel *parcel[SLOTS] = { NULL };
	const char *wrong = NULL;

	for (int i = 0; i < CALLS && wrong == NULL; i++) {
		struct parcel **at = &parcel[random_next(&random) % SLOTS];

		if (*at != NULL)
			wrong = parcel_end(*at);
		*at =
		    parcel_make(random_size(&random, i % 16 == 0 ? 17 : 11), random_next(&random));
	}
	for (size_t i = 0; i < SLOTS && wrong == NULL; i++)
		wrong = parcel[i] != NULL ? parcel_end(parcel[i]) : NULL;
	return (void *)(uintptr_t)wrong;
}

Test(slow, checked_mode_serves_as_usual, .init = check_mode, .timeout = 60)
{
	uint64_t random = 1;
	const char *wrong = churn(&random);

	cr_assert_null(wrong, "%s", wrong);
	cr_assert(tide_start_checked());
	assert_no_bin_in_sight();
	assert_sound();
}

Test(slow, checked_mode_serves_four_threads, .init = check_mode, .timeout = 60)
{
	uint64_t random[4] = { 1, 2, 3, 4 };
	const char *wrong = run_threads(churn, random, sizeof random[0], 4);

	cr_assert_null(wrong, "%s", wrong);
	(void)tide_gc_stop();
	assert_sound();
}

Test(slow, checked_mode_finds_a_second_free_at_once_and_ignores_it, .init = check_mode)
{
	static const size_t size[] = { 16, 100, 5000, 9000, 60000 };

	cr_redirect_stderr();
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		char *block = block_of(size[i]);
		char *other = block_of(size[i]);

		memset(other, 3, size[i]);
		tide_free(block);
		tide_free(other);
		tide_free(block); /* not in a row */
		tide_free(other);
		tide_free(other + 16); /* not a block */
		char *seen[100];
		for (size_t n = 0; n < COUNT_OF(seen); n++) {
			seen[n] = block_of(size[i]);
			for (size_t m = 0; m < n; m++)
				cr_assert_neq(seen[n], seen[m]);
		}
	}
	assert_sound();
}
