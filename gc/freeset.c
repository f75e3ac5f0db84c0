#include "freeset.h"

#include "check.h"

#define EXACT_SETS 128u
/* How many chunks of one set are tried for an alignment before the next set is. */
#define ALIGN_TRIES 4

unsigned tide_gc_set_of(unsigned granules)
{
	if (granules <= EXACT_SETS)
		return granules - 1;
	unsigned log = 31u - (unsigned)__builtin_clz(granules);
	return EXACT_SETS + (log - 7) * 4 + ((granules >> (log - 2)) & 3);
}
static_assert(TIDE_REGION_GRANULES == 4096 && TIDE_CHUNK_SETS == 128 + (12 - 7) * 4 + 1,
              "freeset: the last set holds whole regions");

static void bit_set(uint64_t *words, unsigned bit)
{
	words[bit / 64] |= 1ull << (bit % 64);
}

/* The bits of word `i` that lie in [from, to). */
static uint64_t range_in_word(unsigned i, unsigned from, unsigned to)
{
	uint64_t mask = UINT64_MAX;
	if (i == from / 64)
		mask <<= from % 64;
	if (to - i * 64 < 64)
		mask &= (1ull << (to % 64)) - 1;
	return mask;
}

static void bits_clear(uint64_t *words, unsigned from, unsigned to)
{
	for (unsigned i = from / 64; i * 64 < to; i++)
		words[i] &= ~range_in_word(i, from, to);
}

/* Pages become, or are no longer, part of a free chunk; dirty_pages follows. */
static void pages_free_change(struct tide_region *region, unsigned from, unsigned to, bool free)
{
	struct gc *gc = &region->heap->gc;
	for (unsigned i = from / 64; i * 64 < to; i++) {
		uint64_t range = range_in_word(i, from, to);
		uint64_t change = range & (free ? ~region->page_free[i] : region->page_free[i]);
		uint64_t dirty = (uint64_t)tide_bits_set(change & ~region->page_clean[i]);
		region->page_free[i] ^= change;
		tide_count_owned(&gc->dirty_pages, free ? dirty : -dirty);
		tide_budget_held_add(&region->heap->budget,
		                     (int64_t)(free ? dirty : -dirty) * TIDE_PAGE_BYTES);
	}
}

static void set_insert(struct tide_region *region, unsigned first, unsigned granules)
{
	struct gc *gc = &region->heap->gc;
	unsigned set = tide_gc_set_of(granules);
	unsigned head = region->set_head[set];
	region->set_next[first] = (uint16_t)head;
	region->set_prev[first] = 0;
	if (head != 0)
		region->set_prev[head - 1] = (uint16_t)(first + 1);
	region->set_head[set] = (uint16_t)(first + 1);
	tide_region_tag(region, first, granules, TIDE_TAG_FREE);

	uint32_t group = region->index / 64;
	tide_region_group_of(&region->heap->regions, region->index)->chunk[set] |=
	    1ull << (region->index % 64);
	if (gc->chunk_count[set]++ == 0 || group < gc->chunk_first[set])
		gc->chunk_first[set] = group;
	bit_set(gc->chunk_sets, set);
	tide_count_owned(&gc->count.free_set_bytes, (uint64_t)granules * TIDE_GRANULE_BYTES);
}

/* Out of its set, and both tags 0. */
static void set_remove(struct tide_region *region, unsigned first, unsigned granules)
{
	struct gc *gc = &region->heap->gc;
	unsigned set = tide_gc_set_of(granules);
	unsigned next = region->set_next[first];
	unsigned prev = region->set_prev[first];
	if (next != 0)
		region->set_prev[next - 1] = (uint16_t)prev;
	if (prev != 0)
		region->set_next[prev - 1] = (uint16_t)next;
	else
		region->set_head[set] = (uint16_t)next;
	if (region->set_head[set] == 0)
		tide_region_group_of(&region->heap->regions, region->index)->chunk[set] &=
		    ~(1ull << (region->index % 64));
	if (--gc->chunk_count[set] == 0)
		gc->chunk_sets[set / 64] &= ~(1ull << (set % 64));
	tide_store_relaxed(&region->tag[first], 0);
	tide_store_relaxed(&region->tag[first + granules - 1], 0);
	tide_count_owned(&gc->count.free_set_bytes, -((uint64_t)granules * TIDE_GRANULE_BYTES));
}

void tide_gc_chunk_free(struct tide_region *region, unsigned first, unsigned granules, bool dirty)
{
	struct gc *gc = &region->heap->gc;
	unsigned own_first = first;
	unsigned own_end = first + granules;
	tide_budget_held_add(&region->heap->budget, -(int64_t)granules * TIDE_GRANULE_BYTES);
	tide_store_relaxed(&region->tag[first], 0);
	tide_store_relaxed(&region->tag[own_end - 1], 0);

	unsigned tag = first > 0 ? tide_load_relaxed(&region->tag[first - 1]) : 0;
	if (tag & TIDE_TAG_FREE) {
		unsigned prev_granules = tag & TIDE_TAG_GRANULES;
		set_remove(region, first - prev_granules, prev_granules);
		first -= prev_granules;
		granules += prev_granules;
		tide_count_owned(&gc->count.merges, 1u);
	}
	unsigned end = first + granules;
	tag = end < tide_load_relaxed(&region->granules) ? tide_load_relaxed(&region->tag[end]) : 0;
	if (tag & TIDE_TAG_FREE) {
		unsigned next_granules = tag & TIDE_TAG_GRANULES;
		set_remove(region, end, next_granules);
		granules += next_granules;
		end += next_granules;
		tide_count_owned(&gc->count.merges, 1u);
	}
	set_insert(region, first, granules);

	/* Pages that became wholly free are among those the freed part reaches into. */
	unsigned page = own_first / TIDE_PAGE_GRANULES;
	unsigned page_end = (own_end + TIDE_PAGE_GRANULES - 1) / TIDE_PAGE_GRANULES;
	if (dirty)
		bits_clear(region->page_clean, page, page_end);
	gc->unsettled = true;
	unsigned whole = (first + TIDE_PAGE_GRANULES - 1) / TIDE_PAGE_GRANULES;
	unsigned whole_end = end / TIDE_PAGE_GRANULES;
	if (page < whole)
		page = whole;
	if (page_end > whole_end)
		page_end = whole_end;
	if (page < page_end)
		pages_free_change(region, page, page_end, true);
}

/* Where in the chunk an aligned piece of that length starts; false: nowhere. */
static bool piece_in(unsigned first, unsigned chunk_granules, unsigned granules, unsigned align,
                     unsigned *start)
{
	*start = (first + align - 1) & ~(align - 1);
	return *start + granules <= first + chunk_granules;
}

/* Cut [start, start + granules) out of a free chunk. */
static void chunk_cut(struct tide_region *region, unsigned first, unsigned start, unsigned granules)
{
	unsigned end = first + (tide_load_relaxed(&region->tag[first]) & TIDE_TAG_GRANULES);
	set_remove(region, first, end - first);
	if (start > first)
		set_insert(region, first, start - first);
	if (start + granules < end)
		set_insert(region, start + granules, end - start - granules);
	unsigned page = start / TIDE_PAGE_GRANULES;
	unsigned page_end = (start + granules + TIDE_PAGE_GRANULES - 1) / TIDE_PAGE_GRANULES;
	pages_free_change(region, page, page_end, false);
	bits_clear(region->page_aged, page, page_end);
}

/* The oldest region with a chunk in `set`. */
static struct tide_region *oldest(struct tide_heap *heap, unsigned set)
{
	struct gc *gc = &heap->gc;
	for (uint32_t group = gc->chunk_first[set]; group <= (gc->regions - 1) / 64; group++) {
		struct tide_region_group *own = tide_region_group_of(&heap->regions, group * 64);
		uint64_t word = own->chunk[set];
		if (word == 0)
			continue;
		gc->chunk_first[set] = group;
		unsigned bit = (unsigned)__builtin_ctzll(word);
		return tide_load_acquire(&own->region[bit]); /* region.table */
	}
	return NULL;
}

static bool take_from_set(struct tide_heap *heap, unsigned set, unsigned granules, unsigned align,
                          struct tide_region **region, unsigned *first)
{
	*region = oldest(heap, set);
	if (*region == NULL)
		return false;
	unsigned next = (*region)->set_head[set];
	for (int tries = 0; next != 0 && tries < ALIGN_TRIES; tries++) {
		unsigned chunk = next - 1;
		unsigned has = tide_load_relaxed(&(*region)->tag[chunk]) & TIDE_TAG_GRANULES;
		if (piece_in(chunk, has, granules, align, first)) {
			chunk_cut(*region, chunk, *first, granules);
			return true;
		}
		next = (*region)->set_next[chunk];
	}
	return false;
}

TIDE_USUAL bool tide_gc_chunk_take(struct tide_heap *heap, unsigned granules, unsigned align,
                                   struct tide_region **region, unsigned *first)
{
	uint64_t bytes = (uint64_t)granules * TIDE_GRANULE_BYTES;
	if (!tide_budget_held_in(&heap->budget, bytes))
		return false;
	for (unsigned set = tide_gc_set_of(granules); set < TIDE_CHUNK_SETS; set++) {
		uint64_t word = heap->gc.chunk_sets[set / 64] >> (set % 64);
		if (word == 0) {
			set |= 63; /* on to the next word */
			continue;
		}
		set += (unsigned)__builtin_ctzll(word);
		if (take_from_set(heap, set, granules, align, region, first))
			return true;
	}
	tide_budget_held_add(&heap->budget, -(int64_t)bytes);
	return false;
}

void tide_gc_chunk_will_be_used(struct tide_region *region, unsigned first, unsigned granules)
{
	unsigned from = first / TIDE_PAGE_GRANULES;
	unsigned to = (first + granules + TIDE_PAGE_GRANULES - 1) / TIDE_PAGE_GRANULES;
	for (unsigned i = from / 64; i * 64 < to; i++) {
		uint64_t clean = region->page_clean[i] & range_in_word(i, from, to);
		region->page_clean[i] ^= clean;
		if (clean != 0)
			tide_gc_need(region->heap,
			             (uint64_t)tide_bits_set(clean) * TIDE_PAGE_BYTES);
	}
}

void tide_gc_chunk_withdraw(struct tide_region *region)
{
	unsigned granules = tide_load_relaxed(&region->granules);
	TIDE_ASSERT(tide_gc_region_is_free(region));
	set_remove(region, 0, granules);
	pages_free_change(region, 0, granules / TIDE_PAGE_GRANULES, false);
}

bool tide_gc_freeset_is_valid(const struct tide_region *region, unsigned end)
{
	uint64_t page_free[TIDE_PAGE_WORDS] = { 0 };
	unsigned found = 0;
	bool prev_free = false;
	for (unsigned at = 0; at < end;) {
		unsigned tag = tide_load_relaxed(&region->tag[at]);
		if ((tag & TIDE_TAG_GRANULES) == 0)
			return false;
		bool free = (tag & TIDE_TAG_FREE) != 0;
		if (free && prev_free)
			return false;
		found += free;
		prev_free = free;
		unsigned page = (at + TIDE_PAGE_GRANULES - 1) / TIDE_PAGE_GRANULES;
		at += tag & TIDE_TAG_GRANULES;
		for (; free && page < at / TIDE_PAGE_GRANULES; page++)
			page_free[page / 64] |= 1ull << (page % 64);
	}
	for (unsigned i = 0; i < TIDE_PAGE_WORDS; i++) {
		if (page_free[i] != region->page_free[i])
			return false;
	}
	for (unsigned set = 0; set < TIDE_CHUNK_SETS; set++) {
		bool bit =
		    tide_region_group_of(&region->heap->regions, region->index)->chunk[set] >>
			(region->index % 64) &
		    1;
		if (bit != (region->set_head[set] != 0))
			return false;
		for (unsigned next = region->set_head[set]; next != 0; found--) {
			unsigned tag = tide_load_relaxed(&region->tag[next - 1]);
			if (!(tag & TIDE_TAG_FREE) ||
			    tide_gc_set_of(tag & TIDE_TAG_GRANULES) != set)
				return false;
			next = region->set_next[next - 1];
		}
	}
	return found == 0;
}
