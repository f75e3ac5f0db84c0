/* audit.c: silent after honest work, and it names the fault when one thing is wrong. */
#include "support.h"

#include <stdatomic.h>

TestSuite(audit, .timeout = 90);

enum { SLOTS = 3000 };
static struct parcel *slot[SLOTS];

static void churn(unsigned rounds, uint64_t seed)
{
	uint64_t random = seed;

	for (unsigned i = 0; i < rounds; i++) {
		struct parcel **at = &slot[random_next(&random) % SLOTS];
		if (*at != NULL)
			cr_assert_null(parcel_end(*at));
		*at = parcel_make(random_mixed_size(&random), random);
		cr_assert_not_null(*at);
	}
}

static void assert_names(const char *what)
{
	const char *wrong = tide_gc_audit();

	cr_assert_not_null(wrong, "unnoticed: %s", what);
	cr_assert_not_null(strstr(wrong, what), "\"%s\" does not say \"%s\"", wrong, what);
}

Test(audit, nothing_was_done_yet)
{
	assert_audit();
	process_begins();
	assert_audit();
}

Test(audit, random_work_of_one_thread)
{
	for (unsigned i = 0; i < 20; i++) {
		churn(SCALED(10000u), i);
		assert_audit();
		if (i % 5 == 4)
			(void)tide_purge();
		assert_audit();
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot[i] != NULL)
			cr_assert_null(parcel_end(slot[i]));
	}
	assert_audit();
	(void)tide_purge();
	assert_audit();
}

/* The whole family: realloc grows in place, aligned blocks come out of chunks. */
Test(audit, random_work_with_every_call)
{
	static void *block[SLOTS];
	uint64_t random = 9;

	for (unsigned i = 0; i < SCALED(200000u); i++) {
		void **at = &block[random_next(&random) % SLOTS];
		size_t size = random_mixed_size(&random);
		switch (random_next(&random) % 6) {
		case 0:
			*at = tide_realloc(*at, size);
			break;
		case 1:
			tide_free(*at);
			*at = tide_aligned_alloc((size_t)16 << random_next(&random) % 13, size);
			break;
		case 2:
			tide_free(*at);
			*at = tide_calloc(3, size / 3 + 1);
			break;
		case 3:
			*at = tide_realloc(*at, tide_malloc_usable_size(*at) + 1024);
			break;
		case 4:
			tide_free(*at);
			*at = NULL;
			continue;
		default:
			tide_free(*at);
			*at = tide_malloc(size);
		}
		cr_assert_not_null(*at);
		if (i % 8192 == 0)
			assert_audit();
	}
	for (unsigned i = 0; i < SLOTS; i++)
		tide_free(block[i]);
	assert_audit();
}

/* ---- Threads, stopped for the audit ---- */

enum { WORKERS = 4, ROUNDS = 6 };
static pthread_barrier_t barrier;
static _Atomic(struct parcel *) shared[512];

static void *work(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < SCALED(40000u) && wrong == NULL; i++) {
			struct parcel *parcel = parcel_make(random_mixed_size(&random), random);
			size_t at = random_next(&random) % COUNT_OF(shared);
			parcel = atomic_exchange(&shared[at], parcel);
			if (parcel != NULL)
				wrong = parcel_end(parcel);
		}
		(void)pthread_barrier_wait(&barrier);
		(void)pthread_barrier_wait(&barrier);
	}
	return (void *)(uintptr_t)wrong;
}

Test(audit, random_work_of_threads_that_pass_blocks_on)
{
	uint64_t seed[WORKERS] = { 1, 2, 3, 4 };
	pthread_t thread[WORKERS];

	(void)pthread_barrier_init(&barrier, NULL, WORKERS + 1);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, work, &seed[i]), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		(void)pthread_barrier_wait(&barrier);
		assert_audit();
		if (round % 2 == 0)
			(void)tide_purge();
		assert_audit();
		(void)pthread_barrier_wait(&barrier);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	assert_audit();
	(void)tide_gc_stop();
	assert_audit();
}

/* ---- One thing is wrong ---- */

/* A class that has a partly free slab; none is full, none is wholly free. */
static struct tide_slab *partial_slab(void)
{
	for (uint32_t i = 0; i < tide_heap_default.gc.regions; i++) {
		struct tide_region *region = tide_region_at(&tide_heap_default.regions, i);
		for (unsigned page = 0; page < TIDE_REGION_PAGES; page++) {
			struct tide_slab *slab = tide_load_relaxed(&region->slab[page]);
			if (region->listed && slab != NULL && slab->free_blocks > 1 &&
			    slab->free_blocks + 1 < tide_slab_shape[slab->cls].blocks)
				return slab;
		}
	}
	cr_assert_fail("no slab is partly free");
	return NULL;
}

static void work_first(void)
{
	churn(SCALED(100000u), 77);
	for (unsigned i = 0; i < SLOTS; i += 2) {
		if (slot[i] != NULL)
			cr_assert_null(parcel_end(slot[i]));
		slot[i] = NULL;
	}
	drain_everything();
	assert_audit();
}

Test(audit, a_wrong_bit_is_named, .init = work_first)
{
	struct tide_slab *slab = partial_slab();

	slab->bits[0] ^= 2;
	assert_names("slab");
	slab->bits[0] ^= 2;
	assert_audit();
}

Test(audit, a_bit_and_its_count_are_not_enough, .init = work_first)
{
	struct tide_slab *slab = partial_slab();
	unsigned bit = 0;

	while (slab->bits[bit / 64] >> (bit % 64) & 1)
		bit++;
	slab->bits[bit / 64] |= 1ull << (bit % 64);
	slab->free_blocks++;
	assert_names("count of free blocks");
	slab->bits[bit / 64] &= ~(1ull << (bit % 64));
	slab->free_blocks--;
	assert_audit();
}

Test(audit, a_slab_s_wrong_count_is_named, .init = work_first)
{
	struct tide_slab *slab = partial_slab();

	slab->free_blocks--;
	assert_names("slab");
	slab->free_blocks++;
	assert_audit();
}

Test(audit, a_class_s_wrong_count_is_named, .init = work_first)
{
	tide_heap_default.gc.free_blocks[4]++;
	assert_names("count of free blocks");
	tide_heap_default.gc.free_blocks[4]--;
	assert_audit();
}

Test(audit, a_wrong_tag_is_named, .init = work_first)
{
	struct tide_region *region = partial_slab()->region;
	unsigned granules = region->tag[0] & TIDE_TAG_GRANULES;

	region->tag[0]++;
	assert_names("tags");
	region->tag[0]--;
	assert_audit();
	/* At a chunk's end, and in its middle. */
	region->tag[granules - 1] ^= TIDE_TAG_SLAB;
	assert_names("tags");
	region->tag[granules - 1] ^= TIDE_TAG_SLAB;
	region->tag[granules / 2] = TIDE_TAG_FREE | 1;
	assert_names("tags");
	region->tag[granules / 2] = 0;
	assert_audit();
}

Test(audit, a_wrong_free_set_is_named, .init = work_first)
{
	struct tide_region *region = partial_slab()->region;
	struct tide_region_group *group =
	    tide_region_group_of(&tide_heap_default.regions, region->index);

	group->chunk[100] ^= 1ull << (region->index % 64);
	assert_names("free set");
	group->chunk[100] ^= 1ull << (region->index % 64);
	assert_audit();
}

Test(audit, a_wrong_free_page_is_named, .init = work_first)
{
	struct tide_region *region = partial_slab()->region;
	unsigned page = partial_slab()->page;

	region->page_free[page / 64] ^= 1ull << (page % 64);
	assert_names("free set");
	region->page_free[page / 64] ^= 1ull << (page % 64);
	assert_audit();
}

Test(audit, a_queue_s_wrong_count_is_named, .init = work_first)
{
	(void)tide_add_relaxed(&tide_heap_default.queues.of[0][9].blocks, 1u);
	assert_names("queue");
	(void)tide_sub_relaxed(&tide_heap_default.queues.of[0][9].blocks, 1u);
	assert_audit();
}

/* A block straight from the frontier, in a bin, as if freed. */
static struct tide_bin *bin_of_own(unsigned cls)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	while (bin->count < 3) {
		void *block = tide_malloc(tide_class_bytes(cls));
		tide_bin_add(bin, block);
		tide_count_owned(&tide_cache_self->frees[cls], 1u);
	}
	return bin;
}

Test(audit, a_bad_bin_in_a_queue_is_named, .init = work_first)
{
	struct tide_bin *bin = bin_of_own(9);

	tide_queue_push(&tide_heap_default.queues, bin);
	assert_audit();
	void *block = bin->slot[TIDE_BIN_BASE];
	bin->slot[TIDE_BIN_BASE] = bin->slot[TIDE_BIN_BASE + 1];
	assert_names("queue");
	bin->slot[TIDE_BIN_BASE] = block;
	bin->cls = 10;
	assert_names("queue");
	bin->cls = 9;
	assert_audit();
}

Test(audit, a_bad_bin_in_the_garbage_is_named, .init = work_first)
{
	struct tide_bin *bin = bin_of_own(9);

	tide_garbage_publish(&tide_cache_self->garbage, bin);
	assert_audit();
	void *block = bin->slot[TIDE_BIN_BASE + 1];
	bin->slot[TIDE_BIN_BASE + 1] = NULL;
	assert_names("garbage");
	bin->slot[TIDE_BIN_BASE + 1] = block;
	assert_audit();
}

Test(audit, a_bad_bin_of_a_thread_is_named, .init = work_first)
{
	struct tide_cache *cache = tide_cache_self;
	unsigned cls = tide_class_of(64);

	tide_free(tide_malloc(64));
	void **top = cache->top[cls];
	cr_assert_not_null(*top);
	void *block = *top;
	*top = NULL;
	assert_names("thread's bins");
	*top = block;
	assert_audit();
	struct tide_bin *ready = cache->ready[cls];
	cache->ready[cls] = NULL;
	assert_names("thread's bins");
	cache->ready[cls] = ready;
	assert_audit();
}

Test(audit, blocks_out_of_nowhere_are_named, .init = work_first)
{
	unsigned cls = tide_class_of(64);
	uint64_t made = tide_heap_default.gc.made_blocks[cls];

	tide_heap_default.gc.made_blocks[cls] -= 1u << 30;
	if (TIDE_AUDITED)
		cr_assert_not_null(tide_gc_audit());
	else
		assert_names("more free blocks");
	tide_heap_default.gc.made_blocks[cls] = made;
	assert_audit();
}

Test(audit, a_lost_block_is_named, .init = work_first)
{
	unsigned cls = tide_class_of(64);
	struct tide_cache *cache = tide_cache_self;

	if (!TIDE_AUDITED)
		cr_skip_test("only an audit build counts what is live");
	tide_free(tide_malloc(64));
	void *lost = *cache->top[cls]--;
	assert_names("carved is not live");
	*++cache->top[cls] = lost;
	assert_audit();
}
