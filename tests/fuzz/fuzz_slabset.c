/* Free blocks of slabs: slabs are cut, blocks taken and put back one by one and in bins, with some
 * that are no blocks or free already; free pages go back. Which blocks of which slab are free is
 * known from plain tables: what is taken next follows from them, and so does which pages are
 * free. */
#include "input.h"

#include "freeset.h"
#include "gc.h"
#include "heap.h"
#include "pagemap.h"
#include "region.h"
#include "slabset.h"

#include <tide/tide.h>

enum { REGIONS = 2, SLABS = 12, BLOCKS_MAX = 4096, CALLS = 120 };

static struct known {
	struct tide_slab *slab; /* NULL: none is known by this */
	unsigned free_blocks;
	bool is_free[BLOCKS_MAX];
} known[SLABS];

static struct tide_region *region[REGIONS]; /* the older one first */

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	tide_free(tide_malloc(1));
	(void)tide_gc_stop();
	for (unsigned i = 0; i < REGIONS; i++) {
		region[i] = tide_region_map(&tide_heap_default);
		HOLDS(region[i] != NULL);
		tide_gc_region_list(region[i]);
		tide_gc_chunk_free(region[i], 0, tide_load_relaxed(&region[i]->granules), false);
	}
	return 0;
}

static const struct tide_slab_shape *shape_of(const struct known *at)
{
	return &tide_slab_shape[at->slab->cls];
}

static void *address(const struct known *at, unsigned idx)
{
	return (void *)(at->slab->base + (uintptr_t)idx * shape_of(at)->block_bytes);
}

static bool is_set(const uint64_t *words, unsigned bit)
{
	return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

static struct known *known_as(const struct tide_slab *slab)
{
	for (unsigned i = 0; i < SLABS; i++) {
		if (known[i].slab == slab)
			return &known[i];
	}
	return NULL;
}

static void carve(unsigned cls)
{
	struct known *at = known_as(NULL);
	unsigned found = 0;

	if (at == NULL || !tide_gc_slab_carve(&tide_heap_default, cls))
		return;
	for (unsigned i = 0; i < REGIONS; i++) {
		for (unsigned page = 0; page < TIDE_REGION_PAGES;) {
			struct tide_slab *slab = tide_load_relaxed(&region[i]->slab[page]);
			if (slab != NULL && known_as(slab) == NULL) {
				HOLDS(slab->cls == cls && slab->page == page);
				at->slab = slab;
				at->free_blocks = shape_of(at)->blocks;
				memset(at->is_free, true, at->free_blocks);
				found++;
			}
			page += slab != NULL ? tide_slab_shape[slab->cls].pages : 1u;
		}
	}
	HOLDS(found == 1);
}

/* The first slab of the class with a free block, by age of the region and place. */
static struct known *oldest(unsigned cls)
{
	struct known *first = NULL;

	for (unsigned i = 0; i < SLABS; i++) {
		struct known *at = &known[i];
		if (at->slab == NULL || at->slab->cls != cls || at->free_blocks == 0)
			continue;
		if (first == NULL || at->slab->region->index < first->slab->region->index ||
		    (at->slab->region == first->slab->region && at->slab->page < first->slab->page))
			first = at;
	}
	return first;
}

static void take(unsigned cls, unsigned want)
{
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
	struct known *at;

	HOLDS(bin != NULL);
	unsigned taken = tide_gc_slab_take(&tide_heap_default, bin, want);
	HOLDS(taken == bin->count && taken <= want);
	for (unsigned i = 0; i < taken; i++) {
		unsigned idx = 0;
		at = oldest(cls);
		HOLDS(at != NULL);
		while (!at->is_free[idx])
			idx++;
		HOLDS(tide_bin_take(bin) == address(at, idx));
		at->is_free[idx] = false;
		at->free_blocks--;
	}
	HOLDS(taken == want || oldest(cls) == NULL);
	tide_bin_recycle(bin);
}

/* A slab, the number-th of those there are or one after it; NULL: there is none. */
static struct known *some_slab(unsigned number)
{
	for (unsigned i = 0; i < SLABS; i++) {
		if (known[(number + i) % SLABS].slab != NULL)
			return &known[(number + i) % SLABS];
	}
	return NULL;
}

/* Note it as free; the slab of which all are is a free chunk now. */
static void note_free(struct known *at, unsigned idx)
{
	at->is_free[idx] = true;
	if (++at->free_blocks < shape_of(at)->blocks)
		return;
	at->slab = NULL;
	at->free_blocks = 0;
}

static void put(unsigned slab, unsigned block)
{
	struct known *at = some_slab(slab);

	if (at == NULL)
		return;
	unsigned idx = block % shape_of(at)->blocks;
	bool was_free = at->is_free[idx];
	HOLDS(tide_gc_slab_put(at->slab, idx) == !was_free);
	if (!was_free)
		note_free(at, idx);
}

/* A bin of blocks side by side, some of them free already, one not on a block's boundary, one
 * twice, and one or every other of another slab, whatever its class. */
static void put_bin(struct input *input)
{
	struct known *at = some_slab(input_word(input));
	struct known *other = some_slab(input_word(input));
	unsigned first = input_word(input);
	unsigned count = input_byte(input) % TIDE_BIN_SLOTS + 1;
	unsigned wrong = input_byte(input);
	void *block[TIDE_BIN_SLOTS];
	void *left[TIDE_BIN_SLOTS];
	unsigned idx[TIDE_BIN_SLOTS];
	struct known *of[TIDE_BIN_SLOTS];
	unsigned lefts = 0;

	if (at == NULL)
		return;
	unsigned cls = at->slab->cls;
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);
	HOLDS(bin != NULL);
	for (unsigned i = 0; i < count; i++) {
		bool of_other =
		    (wrong % 8 == 1 && i == wrong / 8) || (wrong % 8 == 3 && i % 2 == 1);
		of[i] = of_other ? other : at;
		idx[i] = (first + i) % shape_of(of[i])->blocks;
		if (wrong % 8 == 4 && i == wrong / 8)
			idx[i] = idx[0];
		block[i] = address(of[i], idx[i]);
		if (wrong % 8 == 2 && i == wrong / 8)
			block[i] = (char *)block[i] + 8;
		tide_bin_add(bin, block[i]);
	}
	tide_gc_slab_put_bin(&tide_heap_default, bin);
	for (unsigned i = 0; i < count; i++) {
		bool is_block = of[i]->slab != NULL && of[i]->slab->cls == cls &&
		                block[i] == address(of[i], idx[i]) && !of[i]->is_free[idx[i]];
		if (is_block)
			note_free(of[i], idx[i]);
		else
			left[lefts++] = block[i];
	}
	HOLDS(bin->count == lefts);
	while (lefts > 0)
		HOLDS(tide_bin_take(bin) == left[--lefts]);
	tide_bin_recycle(bin);
}

/* As release.c does: pages of a slab in which all is free hold no memory from here on. */
static void release_pages(void)
{
	uint64_t found[REGIONS][TIDE_PAGE_WORDS] = { { 0 } };

	for (unsigned i = 0; i < REGIONS; i++)
		tide_gc_slab_sweep(region[i], found[i]);
	for (unsigned i = 0; i < SLABS; i++) {
		const struct known *at = &known[i];
		for (unsigned own = 0; at->slab != NULL && own < shape_of(at)->pages; own++) {
			unsigned bytes = shape_of(at)->block_bytes;
			unsigned page = at->slab->page + own;
			uint64_t *words = found[at->slab->region == region[0] ? 0 : 1];
			bool all = true;
			for (unsigned idx = own * TIDE_PAGE_BYTES / bytes;
			     idx < shape_of(at)->blocks &&
			     idx * bytes < (own + 1) * TIDE_PAGE_BYTES;
			     idx++)
				all &= at->is_free[idx];
			HOLDS(is_set(words, page) == all);
			words[page / 64] &= ~(1ull << (page % 64));
			if (all)
				at->slab->region->page_clean[page / 64] |= 1ull << (page % 64);
		}
	}
	/* And no page that is in no slab. */
	for (unsigned i = 0; i < REGIONS * TIDE_PAGE_WORDS; i++)
		HOLDS(found[i / TIDE_PAGE_WORDS][i % TIDE_PAGE_WORDS] == 0);
}

/* The slab is valid, and no block that is out lies where no memory is. */
static void compare_slab(const struct known *at)
{
	const uint64_t *clean = at->slab->region->page_clean;

	HOLDS(at->slab->free_blocks == at->free_blocks);
	/* (It must not be wholly free, but when it was just cut.) */
	HOLDS(at->free_blocks == shape_of(at)->blocks || tide_gc_slab_is_valid(at->slab));
	for (unsigned idx = 0; idx < shape_of(at)->blocks; idx++) {
		unsigned start = idx * shape_of(at)->block_bytes;
		unsigned end = start + shape_of(at)->block_bytes - 1;
		uint64_t word = tide_load_relaxed(&at->slab->bits[idx / 64]);
		HOLDS((word >> (idx % 64) & 1) == at->is_free[idx]);
		HOLDS(at->is_free[idx] ||
		      (!is_set(clean, at->slab->page + start / TIDE_PAGE_BYTES) &&
		       !is_set(clean, at->slab->page + end / TIDE_PAGE_BYTES)));
	}
}

static void compare(void)
{
	uint64_t blocks[TIDE_CLASS_SLOTS] = { 0 };
	uint64_t free_blocks[TIDE_CLASS_SLOTS] = { 0 };

	for (unsigned i = 0; i < SLABS; i++) {
		if (known[i].slab == NULL)
			continue;
		blocks[known[i].slab->cls] += shape_of(&known[i])->blocks;
		free_blocks[known[i].slab->cls] += known[i].free_blocks;
		compare_slab(&known[i]);
	}
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_SMALL_LAST; cls++) {
		HOLDS(tide_heap_default.gc.made_blocks[cls] == blocks[cls]);
		HOLDS(tide_heap_default.gc.free_blocks[cls] == free_blocks[cls]);
	}
	for (unsigned i = 0; i < REGIONS; i++)
		HOLDS(tide_gc_freeset_is_valid(region[i], TIDE_REGION_GRANULES));
}

/* A slab that was cut and never taken from is wholly free, and a slab as yet. */
static void put_all(void)
{
	struct known *at;

	while ((at = some_slab(0)) != NULL) {
		if (at->free_blocks == shape_of(at)->blocks) {
			at = oldest(at->slab->cls);
			take(at->slab->cls, 1);
		}
		for (unsigned idx = 0; at->slab != NULL && idx < shape_of(at)->blocks; idx++) {
			if (at->is_free[idx])
				continue;
			HOLDS(tide_gc_slab_put(at->slab, idx));
			note_free(at, idx);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };

	for (int calls = 0; input.left > 0 && calls < CALLS; calls++) {
		unsigned call = input_byte(&input);
		unsigned cls = TIDE_CLASS_SMALL_FIRST + input_byte(&input) % TIDE_CLASS_SMALL_LAST;
		unsigned slab;

		switch (call % 8) {
		case 0:
			carve(cls);
			break;
		case 1:
		case 2:
			take(cls, input_byte(&input) % TIDE_BIN_SLOTS + 1);
			break;
		case 3:
			slab = input_word(&input);
			put(slab, input_word(&input));
			break;
		case 4:
			release_pages();
			break;
		default:
			put_bin(&input);
			break;
		}
		if (calls % 32 == 0)
			compare();
	}
	compare();
	put_all();
	compare();
	for (unsigned i = 0; i < REGIONS; i++)
		HOLDS(tide_gc_region_is_free(region[i]));
	return 0;
}
