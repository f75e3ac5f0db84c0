/* How far what a heap counts (BLOCKS) is from what was asked for: as <tide/heap.h> says. */
#include "limit_support.h"

/* One block counts at least this, at most that. Blocks come in bins: it is looked at what the
 * block's own length is, which is what counts, and for those that come alone at the count. */
static void assert_rounding(struct tide_heap *heap, size_t bytes, size_t most_bytes)
{
	void *block = tide_heap_malloc(heap, bytes);
	size_t usable = tide_heap_usable_size(heap, block);

	cr_assert_not_null(block);
	cr_assert_geq(usable, bytes);
	cr_assert_leq(usable, most_bytes, "%zu bytes count as %zu", bytes, usable);
	tide_heap_free(heap, block);
}

Test(counted, blocks_are_rounded_as_said)
{
	struct tide_heap_options options = { .hard_bytes = 64 * MIB };
	struct tide_heap *heap = tide_heap_create(&options);

	for (size_t bytes = 1; bytes <= 128; bytes++)
		assert_rounding(heap, bytes, bytes + 15);
	for (size_t bytes = 129; bytes < MIB; bytes += bytes / 64)
		assert_rounding(heap, bytes, (5 * bytes - 1) / 4);
	for (size_t bytes = MIB + 1; bytes < 8 * MIB; bytes += MIB / 3)
		assert_rounding(heap, bytes, (bytes + 4095) / 4096 * 4096);
	tide_heap_destroy(heap);
}

/* A large block is alone, and its count is its length. */
Test(counted, large_blocks_count_alone)
{
	struct tide_heap_options options = { .hard_bytes = 64 * MIB };
	struct tide_heap *heap = tide_heap_create(&options);
	void *block = tide_heap_malloc(heap, 3 * MIB + 1);
	struct tide_heap_stats stats;

	tide_heap_stats(heap, &stats, sizeof stats);
	cr_assert_eq(stats.counted_bytes, tide_heap_usable_size(heap, block));
	tide_heap_free(heap, block);
	tide_heap_destroy(heap);
}
