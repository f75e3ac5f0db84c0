/* See shadow.h. */
#include "shadow.h"

#include "order.h"

#include <sys/mman.h>

enum {
	GRANULE_SHIFT = 4, /* SHADOW_STEP_BYTES */
	WORD_SHIFT = 6,    /* granules of a word of bits */
	LEAF_SHIFT = 25,
	ADDRESS_BITS = 47,
	LEAF_GRANULES = 1 << (LEAF_SHIFT - GRANULE_SHIFT),
	LEAF_WORDS = LEAF_GRANULES >> WORD_SHIFT,
};

#define LEAVES ((size_t)1 << (ADDRESS_BITS - LEAF_SHIFT))

struct leaf {
	/* Granules that belong to a live block.
	 * writers  the owner of the block, by or/and    readers  every thread
	 * order    relaxed                              edges    the allocator's (see shadow.h) */
	_Atomic uint64_t marked[LEAF_WORDS];
};

/* Stands for a leaf that could not be mapped, for ever: half a block's marks would be worse. */
static struct leaf *const unwatched_leaf = (struct leaf *)1;

static struct {
	/* writers  every thread, by fetch-add           readers  every thread
	 * order    relaxed                              edges    none: counts */
	_Atomic uint64_t mapped, unwatched;
	/* writers  whoever needs it first, by CAS       readers  every thread
	 * order    release, acquire                     edges    none: a new leaf is all zero */
	_Atomic(struct leaf *) leaf[LEAVES];
} shadow;

uint64_t shadow_resident_bytes(void)
{
	return load_relaxed(&shadow.mapped) * sizeof(struct leaf);
}

uint64_t shadow_unwatched(void)
{
	return load_relaxed(&shadow.unwatched);
}

static struct leaf *make_leaf(_Atomic(struct leaf *) *at)
{
	struct leaf *expected = NULL;
	struct leaf *leaf = mmap(NULL, sizeof *leaf, PROT_READ | PROT_WRITE,
	                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (leaf == MAP_FAILED)
		leaf = unwatched_leaf;
	if (atomic_compare_exchange_strong_explicit(at, &expected, leaf, memory_order_acq_rel,
	                                            memory_order_acquire)) {
		add_relaxed(leaf == unwatched_leaf ? &shadow.unwatched : &shadow.mapped, 1);
		return leaf;
	}
	if (leaf != unwatched_leaf)
		munmap(leaf, sizeof *leaf); /* somebody was faster */
	return expected;
}

/* NULL: not watched. */
static struct leaf *leaf_of(uint64_t granule, bool wanted)
{
	uint64_t number = granule >> (LEAF_SHIFT - GRANULE_SHIFT);

	if (number >= LEAVES)
		return NULL;
	struct leaf *leaf = load_acquire(&shadow.leaf[number]);
	if (leaf == NULL && wanted)
		leaf = make_leaf(&shadow.leaf[number]);
	return leaf == unwatched_leaf ? NULL : leaf;
}

static uint64_t granule_of(const void *at)
{
	return (uint64_t)(uintptr_t)at >> GRANULE_SHIFT;
}

static const unsigned char *address_of(uint64_t granule)
{
	return (const unsigned char *)(uintptr_t)(granule << GRANULE_SHIFT);
}

/* Of the granules from `granule` to `end` those that lie in one word of bits. */
static uint64_t mask_of(uint64_t granule, uint64_t end)
{
	unsigned first = (unsigned)granule % 64;
	uint64_t count = end - granule;
	uint64_t from_first = ~UINT64_C(0) << first;

	return count + first >= 64 ? from_first
	                           : from_first & ((UINT64_C(1) << (first + count)) - 1);
}

static _Atomic uint64_t *word_of(struct leaf *leaf, uint64_t granule)
{
	return &leaf->marked[(granule & (LEAF_GRANULES - 1)) >> WORD_SHIFT];
}

static uint64_t next_word(uint64_t granule)
{
	return ((granule >> WORD_SHIFT) + 1) << WORD_SHIFT;
}

/* Clear the marks from `granule` to `end`. False: not all were set. */
static bool unmark(uint64_t granule, uint64_t end)
{
	bool all = true;

	for (; granule < end; granule = next_word(granule)) {
		struct leaf *leaf = leaf_of(granule, false);
		uint64_t mask = mask_of(granule, end);

		if (leaf != NULL)
			all &= (atomic_fetch_and_explicit(word_of(leaf, granule), ~mask,
			                                  memory_order_relaxed) &
			        mask) == mask;
	}
	return all;
}

bool shadow_enter(const void *block, size_t bytes, const unsigned char **hit)
{
	uint64_t first = granule_of(block);
	uint64_t end = granule_of((const char *)block + bytes - 1) + 1;

	for (uint64_t granule = first; granule < end; granule = next_word(granule)) {
		struct leaf *leaf = leaf_of(granule, true);
		uint64_t mask = mask_of(granule, end);

		if (leaf == NULL)
			continue;
		uint64_t before =
		    atomic_fetch_or_explicit(word_of(leaf, granule), mask, memory_order_relaxed);
		if ((before & mask) == 0)
			continue;
		/* Take back what was not marked before. */
		atomic_fetch_and_explicit(word_of(leaf, granule), ~(mask & ~before),
		                          memory_order_relaxed);
		unmark(first, granule > first ? granule : first);
		*hit = address_of((granule & ~UINT64_C(63)) +
		                  (uint64_t)__builtin_ctzll(before & mask));
		return false;
	}
	return true;
}

bool shadow_leave(const void *block, size_t bytes)
{
	return unmark(granule_of(block), granule_of((const char *)block + bytes - 1) + 1);
}

bool shadow_is_marked(const void *at)
{
	uint64_t granule = granule_of(at);
	struct leaf *leaf = leaf_of(granule, false);

	return leaf != NULL && load_relaxed(word_of(leaf, granule)) >> (granule % 64) & 1;
}

const unsigned char *shadow_next(const unsigned char *from)
{
	uint64_t granule = granule_of(from);
	uint64_t end = (uint64_t)LEAVES << (LEAF_SHIFT - GRANULE_SHIFT);

	while (granule < end) {
		struct leaf *leaf = leaf_of(granule, false);

		if (leaf == NULL) {
			granule = (granule | (LEAF_GRANULES - 1)) + 1;
			continue;
		}
		uint64_t left = load_relaxed(word_of(leaf, granule)) >> (granule % 64);
		if (left != 0)
			return address_of(granule + (uint64_t)__builtin_ctzll(left));
		granule = next_word(granule);
	}
	return NULL;
}
