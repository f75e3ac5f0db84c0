/* drain.c: what left the bins reaches the free sets, and what was freed wrongly comes to light. */
#include "support.h"

#include "frontier.h"
#include "orphan.h"

#include <sys/mman.h>

static void begin(void)
{
	process_begins();
	tide_options_set(TIDE_OPTION_FATAL, 0);
}

TestSuite(drain, .init = begin, .timeout = 60);

/* What is written to stderr from here on lands in a file. */
static int capture_stderr(void)
{
	int file = memfd_create("stderr", MFD_CLOEXEC);

	cr_assert_geq(file, 0);
	cr_assert_geq(dup2(file, STDERR_FILENO), 0);
	return file;
}

static unsigned times_written(int file, const char *text)
{
	static char content[1 << 16];
	ssize_t got = pread(file, content, sizeof content - 1, 0);
	unsigned times = 0;

	cr_assert_geq(got, 0);
	content[got] = '\0';
	for (const char *at = content; (at = strstr(at, text)) != NULL; at++)
		times++;
	return times;
}

/* Blocks as a thread would hand them in: a bin of the class, straight to the GC. */
static void drain(unsigned cls, void *const *blocks, unsigned count)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	for (unsigned i = 0; i < count; i++)
		tide_bin_add(bin, blocks[i]);
	uint64_t before = tide_load_relaxed(&tide_heap_default.gc.count.drained_blocks);
	tide_gc_drain_bin(&tide_heap_default, bin);
	cr_assert_eq(bin->count, 0);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.drained_blocks) - before, count);
	tide_bin_recycle(bin);
}

static void *fresh(unsigned cls)
{
	if (tide_class_is_medium(cls))
		return tide_frontier_chunk(&tide_heap_default, cls, TIDE_GRANULE_BYTES);
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
	cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 1), 1);
	void *block = tide_bin_take(bin);
	tide_bin_recycle(bin);
	return block;
}

Test(drain, every_class_gets_back_what_it_gave)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		void *block[5];
		for (unsigned i = 0; i < COUNT_OF(block); i++)
			block[i] = fresh(cls);
		drain(cls, block, COUNT_OF(block));
		if (tide_class_is_small(cls))
			cr_assert_eq(tide_heap_default.gc.free_blocks[cls], COUNT_OF(block));
		else
			cr_assert_eq((int64_t)tide_heap_default.gc.made_blocks[cls],
			             -(int64_t)COUNT_OF(block));
	}
	if (!TIDE_AUDITED) /* its equation counts calls of malloc, and there were none */
		assert_audit();
}

Test(drain, a_block_freed_twice_is_found_and_dropped)
{
	static const size_t size[] = { 16, 48, 1000, 8192, 9000, 100000 };
	int file = capture_stderr();

	for (unsigned i = 0; i < COUNT_OF(size); i++) {
		unsigned cls = tide_class_of(size[i]);
		void *block = fresh(cls);
		void *other = fresh(cls);
		uint64_t free_before =
		    tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes);
		drain(cls, (void *[]){ block, other }, 2);
		cr_assert_eq(times_written(file, "double free"), i);
		uint64_t blocks_once = tide_heap_default.gc.free_blocks[cls];
		uint64_t free_once = tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes);
		cr_assert(tide_class_is_small(cls) || free_once > free_before);
		drain(cls, &block, 1);
		cr_assert_eq(times_written(file, "double free"), i + 1, "%zu bytes", size[i]);
		cr_assert_eq(tide_heap_default.gc.free_blocks[cls], blocks_once);
		cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes),
		             free_once);
	}
	/* The pointer and the class are named. */
	cr_assert_eq(times_written(file, "tide: free(0x"), COUNT_OF(size));
	cr_assert_eq(times_written(file, "48-byte blocks)"), 1);
}

Test(drain, a_block_of_a_slab_that_is_gone_is_a_double_free)
{
	unsigned cls = tide_class_of(8192);
	unsigned blocks = tide_slab_shape[cls].blocks;
	void *block[TIDE_BIN_SLOTS];
	int file = capture_stderr();

	for (unsigned i = 0; i < blocks; i++)
		block[i] = fresh(cls);
	drain(cls, block, blocks);
	cr_assert_eq(tide_heap_default.gc.free_blocks[cls], 0, "the slab is a chunk again");
	cr_assert_eq(times_written(file, "double free"), 0);
	drain(cls, block, blocks);
	cr_assert_eq(times_written(file, "double free"), blocks);
	cr_assert(
	    tide_gc_freeset_is_valid(tide_pagemap_region((uintptr_t)block[0]),
	                             tide_frontier_end(tide_pagemap_region((uintptr_t)block[0]))));
}

Test(drain, a_pointer_into_a_block_is_found_and_dropped)
{
	unsigned cls = tide_class_of(48);
	char *small = fresh(cls);
	unsigned medium_cls = tide_class_of(20000);
	char *medium = fresh(medium_cls);
	int file = capture_stderr();

	drain(cls, (void *[]){ small + 16, small + 32 }, 2);
	cr_assert_eq(times_written(file, "not at its start"), 2);
	cr_assert_eq(tide_heap_default.gc.free_blocks[cls], 0);
	drain(medium_cls, (void *[]){ medium + 16 }, 1);
	cr_assert_eq(times_written(file, "not at its start"), 3);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes), 0);
	/* And the blocks themselves are as good as before. */
	drain(cls, (void *[]){ small }, 1);
	drain(medium_cls, (void *[]){ medium }, 1);
	cr_assert_eq(times_written(file, "tide:"), 3);
	cr_assert_eq(tide_heap_default.gc.free_blocks[cls], 1);
	cr_assert_gt(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes), 0);
}

Test(drain, orphans_reach_their_free_sets)
{
	unsigned cls = tide_class_of(100);
	unsigned medium_cls = tide_class_of(50000);

	cr_assert_eq(tide_gc_drain_strays(&tide_heap_default), GC_IDLE);
	for (unsigned i = 0; i < 10; i++) {
		tide_orphan_push(&tide_heap_default.orphans, fresh(cls));
		tide_orphan_push(&tide_heap_default.orphans, fresh(medium_cls));
	}
	cr_assert_eq(tide_gc_drain_strays(&tide_heap_default), GC_WORKED);
	cr_assert_eq(tide_gc_drain_strays(&tide_heap_default), GC_IDLE);
	cr_assert_eq(tide_heap_default.gc.free_blocks[cls], 10);
	cr_assert_eq((int64_t)tide_heap_default.gc.made_blocks[medium_cls], -10);
	uint64_t chunk_bytes = tide_class_bytes(medium_cls);
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes),
	             10 * chunk_bytes);
}

Test(drain, the_rest_of_a_region_left_behind_is_free)
{
	unsigned cls = tide_class_of(TIDE_MEDIUM_MAX_BYTES);
	struct tide_region *last = NULL;
	unsigned issued = 0;

	/* 33 granules do not divide a region: there is a rest. */
	unsigned odd = tide_class_of(33 * TIDE_GRANULE_BYTES);
	(void)fresh(odd);
	while (tide_stack_is_empty_racy(&tide_heap_default.frontier.sealed)) {
		last = tide_pagemap_region((uintptr_t)fresh(cls));
		issued++;
	}
	cr_assert_not_null(last);
	unsigned chunk = tide_class_granules(cls);
	unsigned rest = TIDE_REGION_GRANULES - 33 - (issued - 1) * chunk;
	cr_assert_leq(rest, chunk);
	cr_assert_eq(tide_gc_drain_strays(&tide_heap_default), GC_WORKED);
	cr_assert(tide_stack_is_empty_racy(&tide_heap_default.frontier.sealed));
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes),
	             rest * (uint64_t)TIDE_GRANULE_BYTES);
	cr_assert_eq(tide_heap_default.gc.dirty_pages, 0, "it was never touched");
	if (!TIDE_AUDITED)
		assert_audit();
}

Test(drain, garbage_goes_round_all_caches)
{
	enum { CACHES = 5, BINS = 6 };
	struct tide_cache *cache[CACHES];
	unsigned cls = tide_class_of(64);

	for (unsigned c = 0; c < CACHES; c++) {
		cache[c] = tide_cache_unpark(&tide_heap_default, 1000000 + c);
		for (unsigned i = 0; i < BINS; i++) {
			struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
			cr_assert_eq(tide_frontier_carve(&tide_heap_default, bin, 16), 16);
			tide_garbage_publish(&cache[c]->garbage, bin);
		}
	}
	/* One cache, no more than asked for. */
	cr_assert_eq(tide_gc_drain_cache(cache[1], 2), 2);
	cr_assert_eq(tide_gc_drain_cache(cache[1], 100), BINS - 2);
	cr_assert(tide_garbage_is_empty(&cache[1]->garbage));
	/* All, in portions: each is reached, and the portions are kept to. */
	unsigned left = (CACHES - 1) * BINS;
	while (left > 0) {
		unsigned due = left < 4 ? left : 4;
		cr_assert_eq(tide_gc_drain_all(&tide_heap_default, 4, UINT32_MAX), due);
		left -= due;
	}
	cr_assert_eq(tide_gc_drain_all(&tide_heap_default, 4, UINT32_MAX), 0);
	for (unsigned c = 0; c < CACHES; c++) {
		cr_assert(tide_garbage_is_empty(&cache[c]->garbage));
		cr_assert_eq(tide_garbage_backlog_racy(&cache[c]->garbage), 0);
	}
	uint64_t due = CACHES * BINS * 16;
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.drained_blocks), due);
	cr_assert_eq(tide_heap_default.gc.free_blocks[cls], due);
}
