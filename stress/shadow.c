/* See shadow.h. */
#include "shadow.h"

#include "order.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	GRANULE_SHIFT = 4,
	WORD_SHIFT = 6, /* granules of a word of bits */
	LEAF_SHIFT = 25,
	ADDRESS_BITS = 47,
	LEAF_GRANULES = 1 << (LEAF_SHIFT - GRANULE_SHIFT),
	LEAF_WORDS = LEAF_GRANULES >> WORD_SHIFT,
	LEAVES_MAX = 1 << 16, /* 2 TiB, in a file of which only what is used exists */
};

/* The highest bit of an entry: the block was freed. What is said of it stays readable. */
#define ENTRY_FREED (UINT64_C(1) << SHADOW_ID_BITS)

struct leaf {
	/* Granules that belong to a live block.
	 * writers  the owner of the block, by or/and    readers  every thread
	 * order    relaxed                              edges    the allocator's (see shadow.h) */
	_Atomic uint64_t covered[LEAF_WORDS];
	/* By the first granule of a block: its id.
	 * writers  the owner of the block               readers  every thread
	 * order    relaxed                              edges    the allocator's */
	_Atomic uint64_t entry[LEAF_GRANULES];
};

/* Stands for a leaf that could not be mapped, for ever: half a block's marks would be worse. */
static struct leaf *const unwatched_leaf = (struct leaf *)1;

static struct {
	int file; /* -1: nothing is watched */
	/* Places taken in the file, places that could not be had.
	 * writers  every thread, by fetch-add           readers  every thread
	 * order    relaxed                              edges    none: tickets and counts */
	_Atomic uint64_t places, unwatched;
	/* writers  whoever needs it first, by CAS       readers  every thread
	 * order    release, acquire                     edges    none: a new leaf is all zero */
	_Atomic(struct leaf *) leaf[(size_t)1 << (ADDRESS_BITS - LEAF_SHIFT)];
} shadow = { .file = -1 };

static void stop_in_child(void)
{
	shadow.file = -1;
}

bool shadow_start(void)
{
	int file = memfd_create("shadow", MFD_CLOEXEC);

	if (file < 0)
		return false;
	if (ftruncate(file, (off_t)LEAVES_MAX * (off_t)sizeof(struct leaf)) != 0 ||
	    pthread_atfork(NULL, NULL, stop_in_child) != 0) {
		close(file);
		return false;
	}
	shadow.file = file;
	return true;
}

uint64_t shadow_resident_bytes(void)
{
	struct stat stat;

	return shadow.file >= 0 && fstat(shadow.file, &stat) == 0 ? (uint64_t)stat.st_blocks * 512
	                                                          : 0;
}

uint64_t shadow_unwatched(void)
{
	return load_relaxed(&shadow.unwatched);
}

static struct leaf *make_leaf(_Atomic(struct leaf *) *at)
{
	uint64_t place = add_relaxed(&shadow.places, 1);
	struct leaf *expected = NULL;
	struct leaf *leaf = unwatched_leaf;

	if (place < LEAVES_MAX) {
		void *mapped = mmap(NULL, sizeof *leaf, PROT_READ | PROT_WRITE, MAP_SHARED,
		                    shadow.file, (off_t)place * (off_t)sizeof *leaf);
		if (mapped != MAP_FAILED)
			leaf = mapped;
	}
	if (atomic_compare_exchange_strong_explicit(at, &expected, leaf, memory_order_acq_rel,
	                                            memory_order_acquire)) {
		if (leaf == unwatched_leaf)
			add_relaxed(&shadow.unwatched, 1);
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

	if (number >> (ADDRESS_BITS - LEAF_SHIFT) != 0)
		return NULL;
	struct leaf *leaf = load_acquire(&shadow.leaf[number]);
	if (leaf == NULL && wanted)
		leaf = make_leaf(&shadow.leaf[number]);
	return leaf == unwatched_leaf ? NULL : leaf;
}

static uint64_t granule_of(const void *block)
{
	return (uint64_t)(uintptr_t)block >> GRANULE_SHIFT;
}

/* Of a leaf's granules those from `granule` to `end` that lie in one word of bits. */
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
	return &leaf->covered[(granule & (LEAF_GRANULES - 1)) >> WORD_SHIFT];
}

static _Atomic uint64_t *entry_of(struct leaf *leaf, uint64_t granule)
{
	return &leaf->entry[granule & (LEAF_GRANULES - 1)];
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

/* The block to which a marked granule belongs: the nearest one before that is live. */
static struct shadow_other owner_of(uint64_t granule)
{
	for (;; granule--) {
		struct leaf *leaf = leaf_of(granule, false);

		if (leaf == NULL || !(load_relaxed(word_of(leaf, granule)) >> (granule % 64) & 1))
			return (struct shadow_other){ 0 };
		uint64_t entry = load_relaxed(entry_of(leaf, granule));
		if (entry != 0 && !(entry & ENTRY_FREED))
			return (struct shadow_other){
				.id = entry,
				.block = (const void *)(uintptr_t)(granule << GRANULE_SHIFT),
			};
	}
}

bool shadow_enter(const void *block, size_t bytes, uint64_t id, struct shadow_other *other)
{
	uint64_t first = granule_of(block);
	uint64_t end = granule_of((const char *)block + bytes - 1) + 1;

	if (shadow.file < 0)
		return true;
	for (uint64_t granule = first; granule < end; granule = next_word(granule)) {
		struct leaf *leaf = leaf_of(granule, true);
		uint64_t mask = mask_of(granule, end);

		if (leaf == NULL)
			continue;
		uint64_t before =
		    atomic_fetch_or_explicit(word_of(leaf, granule), mask, memory_order_relaxed);
		if ((before & mask) == 0)
			continue;
		uint64_t hit = (granule & ~UINT64_C(63)) + (uint64_t)__builtin_ctzll(before & mask);
		*other = owner_of(hit);
		/* Take back what was not marked before. */
		atomic_fetch_and_explicit(word_of(leaf, granule), ~(mask & ~before),
		                          memory_order_relaxed);
		if (granule > first)
			unmark(first, granule);
		return false;
	}
	struct leaf *leaf = leaf_of(first, false);
	if (leaf != NULL)
		store_relaxed(entry_of(leaf, first), id);
	return true;
}

bool shadow_leave(const void *block, size_t bytes, uint64_t id, struct shadow_other *other)
{
	uint64_t first = granule_of(block);
	uint64_t end = granule_of((const char *)block + bytes - 1) + 1;
	struct leaf *leaf = leaf_of(first, false);

	if (shadow.file < 0)
		return true;
	if (leaf != NULL) {
		uint64_t entry = load_relaxed(entry_of(leaf, first));

		*other = (struct shadow_other){ .id = entry & ~ENTRY_FREED, .block = block };
		if (entry != id)
			return false;
		store_relaxed(entry_of(leaf, first), id | ENTRY_FREED);
	}
	return unmark(first, end);
}

static uint64_t leaf_live(struct leaf *leaf, uint64_t number, struct shadow_other *into,
                          uint64_t slots)
{
	uint64_t live = 0;

	for (uint64_t i = 0; i < LEAF_GRANULES; i++) {
		if (load_relaxed(&leaf->covered[i >> WORD_SHIFT]) == 0) {
			i |= 63; /* nothing in this word, and reading entries would make pages */
			continue;
		}
		uint64_t entry = load_relaxed(&leaf->entry[i]);
		if (!(load_relaxed(&leaf->covered[i >> WORD_SHIFT]) >> (i % 64) & 1) ||
		    entry == 0 || entry & ENTRY_FREED)
			continue;
		if (live < slots)
			into[live] = (struct shadow_other){
				.id = entry,
				.block = (const void *)(uintptr_t)((number << LEAF_SHIFT) +
				                                   (i << GRANULE_SHIFT)),
			};
		live++;
	}
	return live;
}

uint64_t shadow_live(struct shadow_other *into, uint64_t slots)
{
	uint64_t live = 0;

	if (shadow.file < 0)
		return 0;
	for (uint64_t number = 0; number < sizeof shadow.leaf / sizeof shadow.leaf[0]; number++) {
		struct leaf *leaf = load_acquire(&shadow.leaf[number]);

		if (leaf != NULL && leaf != unwatched_leaf)
			live += leaf_live(leaf, number, into + (live < slots ? live : slots),
			                  live < slots ? slots - live : 0);
	}
	return live;
}
