/* freeset.c: free chunks merge, split, and are found by size, then by age; and the validator. */
#include "support.h"

TestSuite(freeset, .init = process_begins, .timeout = 60);

static bool is_free_chunk(const struct tide_region *region, unsigned first, unsigned granules)
{
	unsigned tag = TIDE_TAG_FREE | granules;

	return tide_load_relaxed(&region->tag[first]) == tag &&
	       tide_load_relaxed(&region->tag[first + granules - 1]) == tag;
}

static void assert_valid(const struct tide_region *region)
{
	cr_assert(tide_region_is_valid(region, tide_load_relaxed(&region->granules)));
	cr_assert(tide_gc_freeset_is_valid(region, tide_load_relaxed(&region->granules)));
}

/* A region in blocks of `granules` each, none free; they lie side by side from 0 on. */
static struct tide_region *issued_region(unsigned granules)
{
	struct tide_region *region = free_region();
	struct tide_region *from;
	unsigned first;

	for (unsigned at = 0; at < TIDE_REGION_GRANULES; at += granules) {
		cr_assert(chunk_issue(granules, 1, &from, &first));
		cr_assert_eq(from, region);
		cr_assert_eq(first, at, "not side by side");
	}
	cr_assert_not(tide_gc_chunk_take(&tide_heap_default, 1, 1, &from, &first));
	return region;
}

Test(freeset, sets_are_exact_then_four_per_doubling)
{
	cr_assert_eq(tide_gc_set_of(1), 0);
	for (unsigned granules = 2; granules <= 128; granules++)
		cr_assert_eq(tide_gc_set_of(granules), granules - 1);
	cr_assert_eq(tide_gc_set_of(160), tide_gc_set_of(191));
	cr_assert_eq(tide_gc_set_of(159) + 1, tide_gc_set_of(160));
	for (unsigned granules = 128; granules < TIDE_REGION_GRANULES; granules++) {
		unsigned step = tide_gc_set_of(granules + 1) - tide_gc_set_of(granules);
		cr_assert_leq(step, 1);
		/* Within a set the longest is less than 5/4 of the shortest. */
		unsigned longer = granules * 5 / 4 + 1;
		if (longer <= TIDE_REGION_GRANULES)
			cr_assert_gt(tide_gc_set_of(longer), tide_gc_set_of(granules));
	}
	cr_assert_eq(tide_gc_set_of(TIDE_REGION_GRANULES), TIDE_CHUNK_SETS - 1);
}

Test(freeset, a_freed_chunk_merges_with_prev_next_both_and_none)
{
	struct tide_region *region = issued_region(16);
	uint64_t merges = tide_load_relaxed(&tide_heap_default.gc.count.merges);

	tide_gc_chunk_free(region, 160, 16, true);
	cr_assert(is_free_chunk(region, 160, 16), "none");
	tide_gc_chunk_free(region, 176, 16, true);
	cr_assert(is_free_chunk(region, 160, 32), "prev");
	tide_gc_chunk_free(region, 144, 16, true);
	cr_assert(is_free_chunk(region, 144, 48), "next");
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.merges), merges + 2);
	tide_gc_chunk_free(region, 208, 16, true);
	cr_assert(is_free_chunk(region, 208, 16));
	tide_gc_chunk_free(region, 192, 16, true);
	cr_assert(is_free_chunk(region, 144, 80), "both");
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.merges), merges + 4);
	/* Tags inside a merged chunk are gone: they would be taken for a chunk's ends. */
	for (unsigned at = 145; at < 144 + 79; at++)
		cr_assert_eq(tide_load_relaxed(&region->tag[at]), 0);
	assert_valid(region);
}

Test(freeset, the_ends_of_a_region_have_no_neighbours)
{
	struct tide_region *region = issued_region(64);

	tide_gc_chunk_free(region, 0, 64, true);
	tide_gc_chunk_free(region, TIDE_REGION_GRANULES - 64, 64, true);
	cr_assert(is_free_chunk(region, 0, 64));
	cr_assert(is_free_chunk(region, TIDE_REGION_GRANULES - 64, 64));
	assert_valid(region);
	for (unsigned at = 64; at < TIDE_REGION_GRANULES - 64; at += 64)
		tide_gc_chunk_free(region, at, 64, true);
	cr_assert(tide_gc_region_is_free(region));
	assert_valid(region);
}

Test(freeset, what_is_not_wanted_of_a_chunk_goes_back)
{
	struct tide_region *region = issued_region(32);
	struct tide_region *from;
	unsigned first;

	tide_gc_chunk_free(region, 96, 32, true);
	cr_assert(chunk_issue(12, 1, &from, &first));
	cr_assert_eq(first, 96);
	cr_assert(is_free_chunk(region, 108, 20));
	/* From the middle: 108..127 holds a piece of 4 at a multiple of 16 at 112. */
	cr_assert(chunk_issue(4, 16, &from, &first));
	cr_assert_eq(first, 112);
	cr_assert(is_free_chunk(region, 108, 4));
	cr_assert(is_free_chunk(region, 116, 12));
	assert_valid(region);
	tide_gc_chunk_free(region, 112, 4, true);
	tide_gc_chunk_free(region, 96, 12, true);
	cr_assert(is_free_chunk(region, 96, 32));
	assert_valid(region);
}

Test(freeset, the_smallest_that_fits_is_taken)
{
	struct tide_region *region = issued_region(128);
	static const unsigned length[] = { 100, 9, 30, 10, 128, 11, 64 };
	struct tide_region *from;
	unsigned first;

	for (unsigned i = 0; i < COUNT_OF(length); i++) {
		/* Every other block in two: what is free, and what keeps it apart. */
		unsigned at = i * 256;
		if (length[i] < 128)
			tide_region_tag(region, at + length[i], 128 - length[i], TIDE_TAG_ISSUED);
	}
	for (unsigned i = 0; i < COUNT_OF(length); i++)
		tide_gc_chunk_free(region, i * 256, length[i], true);
	assert_valid(region);
	cr_assert(chunk_issue(10, 1, &from, &first));
	cr_assert_eq(first, 3 * 256u);
	cr_assert(chunk_issue(10, 1, &from, &first));
	cr_assert_eq(first, 5 * 256u, "11, since 9 is too short");
	cr_assert(chunk_issue(65, 1, &from, &first));
	cr_assert_eq(first, 0, "100");
	assert_valid(region);
}

Test(freeset, the_oldest_region_comes_first_across_groups)
{
	enum { REGIONS = 70 }; /* more than one group */
	struct tide_region *region[REGIONS];
	struct tide_region *from;
	unsigned first;

	for (unsigned i = 0; i < REGIONS; i++) {
		region[i] = free_region();
		cr_assert(i == 0 || region[i]->index > region[i - 1]->index);
	}
	/* In each a hole of 5, freed from the youngest to the oldest. */
	for (unsigned i = 0; i < REGIONS; i++) {
		for (unsigned at = 0; at < TIDE_REGION_GRANULES; at += 64)
			cr_assert(chunk_issue(64, 1, &from, &first));
		tide_region_tag(region[i], 64, 5, TIDE_TAG_ISSUED);
		tide_region_tag(region[i], 69, 59, TIDE_TAG_ISSUED);
	}
	for (unsigned i = REGIONS; i-- > 0;)
		tide_gc_chunk_free(region[i], 64, 5, true);
	for (unsigned i = 0; i < REGIONS; i++) {
		cr_assert(chunk_issue(5, 1, &from, &first));
		cr_assert_eq(from, region[i], "region %u of %u", i, (unsigned)REGIONS);
	}
	cr_assert_not(tide_gc_chunk_take(&tide_heap_default, 5, 1, &from, &first));
	/* And back to an old one after the young ones were reached. */
	tide_gc_chunk_free(region[66], 64, 5, true);
	tide_gc_chunk_free(region[2], 64, 5, true);
	cr_assert(chunk_issue(5, 1, &from, &first));
	cr_assert_eq(from, region[2]);
}

Test(freeset, pages_of_a_dirty_chunk_are_not_clean)
{
	struct tide_region *region = issued_region(2);

	for (unsigned i = 0; i < TIDE_REGION_PAGES; i++)
		region->page_clean[i / 64] |= 1ull << (i % 64);
	tide_gc_chunk_free(region, 6, 2, true); /* the second half of page 1 */
	cr_assert(bit_of(region->page_clean, 0));
	cr_assert_not(bit_of(region->page_clean, 1));
	cr_assert_not(bit_of(region->page_free, 1));
	tide_gc_chunk_free(region, 8, 2, false);
	tide_gc_chunk_free(region, 10, 2, false);
	cr_assert(bit_of(region->page_clean, 2));
	cr_assert(bit_of(region->page_free, 2));
	tide_gc_chunk_free(region, 4, 2, false);
	cr_assert(bit_of(region->page_free, 1));
}

Test(freeset, a_region_is_withdrawn_and_comes_back)
{
	struct tide_region *region = free_region();
	struct tide_region *from;
	unsigned first;

	tide_gc_chunk_withdraw(region);
	cr_assert_not(tide_gc_chunk_take(&tide_heap_default, 1, 1, &from, &first));
	cr_assert_eq(tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes), 0);
	tide_gc_chunk_free(region, 0, TIDE_REGION_GRANULES, false);
	cr_assert(tide_gc_region_is_free(region));
	assert_valid(region);
}

/* ---- Against a naive model ---- */

enum { REGIONS = 3, BLOCKS = 600 };

struct model {
	struct tide_region *region[REGIONS];
	_Alignas(4) uint8_t used[REGIONS][TIDE_REGION_GRANULES];
	struct {
		unsigned region, first, granules;
	} block[BLOCKS];
	unsigned blocks;
};
static struct model model;

static unsigned model_region(const struct tide_region *region)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		if (model.region[i] == region)
			return i;
	}
	return REGIONS;
}

static unsigned free_run(const uint8_t *used, unsigned at)
{
	unsigned end = at;

	while (end < TIDE_REGION_GRANULES && !used[end])
		end++;
	return end - at;
}

/* The region and the set that `granules` must come from; false: there is none. */
static bool model_find(unsigned granules, unsigned *region, unsigned *set)
{
	*set = TIDE_CHUNK_SETS;
	for (unsigned i = 0; i < REGIONS; i++) {
		for (unsigned at = 0; at < TIDE_REGION_GRANULES; at++) {
			unsigned run = free_run(model.used[i], at);
			if (run >= granules && tide_gc_set_of(run) < *set) {
				*set = tide_gc_set_of(run);
				*region = i;
			}
			at += run;
		}
	}
	return *set < TIDE_CHUNK_SETS;
}

static const char *model_take(unsigned granules, unsigned align)
{
	unsigned due_region = 0;
	unsigned due_set;
	unsigned first;
	struct tide_region *region;
	bool due = model_find(granules, &due_region, &due_set);
	bool got = tide_gc_chunk_take(&tide_heap_default, granules, align, &region, &first);

	if (!got)
		return due && align == 1 ? "not found, though there is one" : NULL;
	if (!due)
		return "found, though there is none";
	unsigned i = model_region(region);
	if (i == REGIONS)
		return "not a region of ours";
	if (first % align != 0)
		return "not aligned";
	unsigned start = first;
	while (start > 0 && !model.used[i][start - 1])
		start--;
	unsigned run = free_run(model.used[i], start);
	if (first + granules > start + run)
		return "taken what was not free";
	if (align == 1 && tide_gc_set_of(run) != due_set)
		return "not the smallest set";
	if (align == 1 && i != due_region)
		return "not the oldest region";
	tide_region_tag(region, first, granules, TIDE_TAG_ISSUED);
	memset(model.used[i] + first, 1, granules);
	model.block[model.blocks].region = i;
	model.block[model.blocks].first = first;
	model.block[model.blocks++].granules = granules;
	return NULL;
}

static void model_free(unsigned which, bool dirty)
{
	unsigned i = model.block[which].region;
	unsigned first = model.block[which].first;
	unsigned granules = model.block[which].granules;

	tide_gc_chunk_free(model.region[i], first, granules, dirty);
	memset(model.used[i] + first, 0, granules);
	model.block[which] = model.block[--model.blocks];
}

static const char *model_pages(void)
{
	uint64_t dirty = 0;

	for (unsigned i = 0; i < REGIONS; i++) {
		for (unsigned page = 0; page < TIDE_REGION_PAGES; page++) {
			uint32_t used;
			memcpy(&used, model.used[i] + page * TIDE_PAGE_GRANULES, sizeof used);
			if (bit_of(model.region[i]->page_free, page) != (used == 0))
				return "page_free is not exact";
			dirty += used == 0 && !bit_of(model.region[i]->page_clean, page);
		}
	}
	return tide_heap_default.gc.dirty_pages == dirty ? NULL : "dirty_pages is not exact";
}

/* The counts over all regions. */
static const char *model_counts(void)
{
	unsigned count[TIDE_CHUNK_SETS] = { 0 };
	uint64_t granules = 0;

	for (unsigned i = 0; i < REGIONS; i++) {
		if (!tide_region_is_valid(model.region[i], TIDE_REGION_GRANULES))
			return "tags do not tile the region";
		if (!tide_gc_freeset_is_valid(model.region[i], TIDE_REGION_GRANULES))
			return "a sound free set is said not to be valid";
		for (unsigned at = 0; at < TIDE_REGION_GRANULES; at++) {
			unsigned run = free_run(model.used[i], at);
			if (run > 0)
				count[tide_gc_set_of(run)]++;
			granules += run;
			at += run;
		}
	}
	if (tide_load_relaxed(&tide_heap_default.gc.count.free_set_bytes) !=
	    granules * TIDE_GRANULE_BYTES)
		return "free_set_bytes is not what is free";
	for (unsigned set = 0; set < TIDE_CHUNK_SETS; set++) {
		if (tide_heap_default.gc.chunk_count[set] != count[set])
			return "a set's count is wrong";
		if (bit_of(tide_heap_default.gc.chunk_sets, set) != (count[set] > 0))
			return "the bitmap of sets is wrong";
	}
	return NULL;
}

Test(freeset, random_operations_agree_with_a_naive_model)
{
	uint64_t random = 20;
	const char *wrong = NULL;
	unsigned step;

	for (unsigned i = 0; i < REGIONS; i++)
		model.region[i] = free_region();
	for (step = 0; step < SCALED(100000u) && wrong == NULL; step++) {
		unsigned waxing = step / 2000 % 2 == 0;
		if (model.blocks == 0 ||
		    (model.blocks < BLOCKS && random_next(&random) % 8 < 3 + 2 * waxing)) {
			unsigned granules = (unsigned)random_size(&random, 7) + 1;
			bool aligned = random_next(&random) % 16 == 0;
			unsigned align = aligned ? 1u << random_next(&random) % 6 : 1;
			wrong = model_take(granules, align);
		} else {
			unsigned which = (unsigned)(random_next(&random) % model.blocks);
			model_free(which, random_next(&random) % 2 == 0);
		}
		if (wrong == NULL)
			wrong = model_pages();
		if (wrong == NULL && step % 128 == 0)
			wrong = model_counts();
	}
	cr_assert_null(wrong, "step %u: %s", step, wrong);
	while (model.blocks > 0)
		model_free(model.blocks - 1, true);
	cr_assert_null(model_counts());
	for (unsigned i = 0; i < REGIONS; i++)
		cr_assert(tide_gc_region_is_free(model.region[i]));
}

/* ---- The validator: each invariant of freeset.h, broken ---- */

static void assert_caught(const struct tide_region *region, const char *what)
{
	cr_assert_not(tide_gc_freeset_is_valid(region, TIDE_REGION_GRANULES), "%s", what);
}

Test(freeset, the_validator_sees_free_neighbours)
{
	struct tide_region *region = issued_region(16);

	/* 32 and 64, with 48 still issued between them; then 48 is tagged as free. */
	tide_gc_chunk_free(region, 32, 16, true);
	tide_gc_chunk_free(region, 64, 16, true);
	assert_valid(region);
	tide_region_tag(region, 48, 16, TIDE_TAG_FREE);
	assert_caught(region, "free neighbours");
}

Test(freeset, the_validator_sees_a_chunk_in_no_set)
{
	struct tide_region *region = issued_region(16);

	tide_region_tag(region, 32, 16, TIDE_TAG_FREE);
	assert_caught(region, "free, and in no set");
}

Test(freeset, the_validator_sees_a_chunk_in_the_set_of_another_length)
{
	struct tide_region *region = issued_region(16);

	tide_gc_chunk_free(region, 32, 16, true);
	tide_region_tag(region, 32, 8, TIDE_TAG_FREE);
	tide_region_tag(region, 40, 8, TIDE_TAG_ISSUED);
	cr_assert(tide_region_is_valid(region, TIDE_REGION_GRANULES));
	assert_caught(region, "8 granules in the set of 16");
}

Test(freeset, the_validator_sees_an_issued_chunk_in_a_set)
{
	struct tide_region *region = issued_region(16);

	tide_gc_chunk_free(region, 32, 16, true);
	tide_region_tag(region, 32, 16, TIDE_TAG_ISSUED);
	assert_caught(region, "issued, and in a set");
}

Test(freeset, the_validator_sees_a_wrong_bit_of_the_group)
{
	struct tide_region *region = issued_region(16);
	struct tide_region_group *group =
	    tide_region_group_of(&tide_heap_default.regions, region->index);
	uint64_t bit = 1ull << (region->index % 64);

	group->chunk[5] ^= bit;
	assert_caught(region, "a bit without a chunk");
	group->chunk[5] ^= bit;
	tide_gc_chunk_free(region, 32, 16, true);
	assert_valid(region);
	group->chunk[15] ^= bit;
	assert_caught(region, "a chunk without a bit");
}

Test(freeset, the_validator_sees_a_list_cut_short)
{
	struct tide_region *region = issued_region(16);

	tide_gc_chunk_free(region, 32, 16, true);
	tide_gc_chunk_free(region, 96, 16, true);
	assert_valid(region);
	region->set_next[96] = 0;
	assert_caught(region, "the second of a set is lost");
}

Test(freeset, the_validator_sees_a_wrong_free_page)
{
	struct tide_region *region = issued_region(16);

	tide_gc_chunk_free(region, 32, 16, true);
	assert_valid(region);
	region->page_free[0] ^= 1ull << 8;
	assert_caught(region, "a page of a free chunk is not listed");
	region->page_free[0] ^= 1ull << 8;
	assert_valid(region);
	region->page_free[0] ^= 1ull << 20;
	assert_caught(region, "a page of an issued chunk is listed as free");
}
