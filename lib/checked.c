#include "checked.h"

#include "fatal.h"
#include "pagemap.h"
#include "region.h"
#include "yield.h"

#include <string.h>
#include <sys/auxv.h>

#define JUNK 0xdfu
/* The pattern's byte must not be 0, which is what strings write past their ends. */
#define PATTERN(key) ((unsigned char)((key) >> 8 | 1))

/* How many blocks the quarantine keeps: small ones, and medium ones, which may be 1 MiB long. */
#define SMALL_KEPT 1024u
#define MEDIUM_KEPT 16u

/* Blocks in quarantine.
 * writers  who frees, by swap     readers  the same
 * order    swap acq-rel           edges    checked.park */
static TIDE_APART _Atomic(void *) small_kept[SMALL_KEPT], medium_kept[MEDIUM_KEPT];
/* writers who frees, by fetch-add  readers the same  order relaxed: tickets  edges none */
static _Atomic uint32_t small_ticket, medium_ticket;
/* writers who shuffles, by fetch-add  readers the same  order relaxed: any number is right
 * edges none */
static _Atomic uint64_t shuffles;

struct seal {
	uint64_t bytes, check; /* both under the key */
};
static_assert(sizeof(struct seal) == TIDE_SEAL_BYTES, "checked: what a size is padded by");

/* The system's gift to each process at its start. */
static uint64_t process_key(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t key = 0x6a09e667f3bcc908u;
	if (random != NULL)
		memcpy(&key, random, sizeof key);
	return key;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static struct seal seal_of(const void *block, size_t bytes, uint64_t key)
{
	struct seal seal;
	seal.bytes = bytes ^ mix(key ^ (uintptr_t)block);
	seal.check = mix(seal.bytes + key);
	return seal;
}

void tide_checked_seal(void *block, size_t has_bytes, size_t bytes)
{
	uint64_t key = process_key();
	struct seal seal = seal_of(block, bytes, key);
	char *end = (char *)block + has_bytes - sizeof seal;
	memset((char *)block + bytes, PATTERN(key), (size_t)(end - ((char *)block + bytes)));
	memcpy(end, &seal, sizeof seal);
}

/* Whether all of [start, end) is the byte. */
static bool all_are(const unsigned char *start, const unsigned char *end, unsigned byte)
{
	for (; start < end; start++) {
		if (*start != byte)
			return false;
	}
	return true;
}

bool tide_checked_is_sealed(const void *block, size_t has_bytes, size_t *bytes)
{
	uint64_t key = process_key();
	const unsigned char *start = block;
	const unsigned char *end = start + has_bytes - sizeof(struct seal);
	struct seal seal;
	memcpy(&seal, end, sizeof seal);
	*bytes = seal.bytes ^ mix(key ^ (uintptr_t)block);
	return seal.check == mix(seal.bytes + key) && *bytes <= has_bytes - sizeof seal &&
	       all_are(start + *bytes, end, PATTERN(key));
}

size_t tide_checked_bytes(const void *block, unsigned cls, size_t has_bytes, const char *function)
{
	size_t bytes;
	if (tide_checked_is_sealed(block, has_bytes, &bytes))
		return bytes;
	tide_fatal_misuse(TIDE_MISUSE_OVERRUN, function, block, cls, has_bytes);
	return 0;
}

bool tide_checked_free(void *block, unsigned cls, const char *function)
{
	struct tide_region *region;
	struct tide_slab *slab;
	unsigned idx;
	size_t bytes;
	size_t has_bytes = tide_class_bytes(cls);
	if (!tide_region_find_block(block, cls, &region, &slab, &idx)) {
		tide_fatal_misuse(TIDE_MISUSE_INTERIOR, function, block, cls, has_bytes);
		return false;
	}
	if (!tide_region_set_live(block, cls, false)) {
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, function, block, cls, has_bytes);
		return false;
	}
	if (tide_checked_full() && !tide_checked_is_sealed(block, has_bytes, &bytes)) {
		tide_fatal_misuse(TIDE_MISUSE_OVERRUN, function, block, cls, has_bytes);
		return false; /* (not fatal: better leaked than used again) */
	}
	return true;
}

/* A block that came out of the quarantine: its class; NULL when it was written to meanwhile. */
static void *released(void *block, unsigned *cls)
{
	if (block == NULL)
		return NULL;
	*cls = tide_pagemap_class((uintptr_t)block);
	size_t has_bytes = tide_class_bytes(*cls);
	if (all_are(block, (unsigned char *)block + has_bytes, JUNK))
		return block;
	tide_fatal_misuse(TIDE_MISUSE_WRITTEN, "free", block, *cls, has_bytes);
	return NULL;
}

void *tide_checked_park(void *block, unsigned cls, unsigned *out_cls)
{
	bool small = tide_class_is_small(cls);
	_Atomic(void *) *kept = small ? small_kept : medium_kept;
	uint32_t ticket = tide_add_relaxed(small ? &small_ticket : &medium_ticket, 1u);
	_Atomic(void *) *place = &kept[ticket % (small ? SMALL_KEPT : MEDIUM_KEPT)];
	memset(block, JUNK, tide_class_bytes(cls));
	TIDE_YIELD("checked.park");
	return released(tide_swap_acq_rel(place, block), out_cls); /* checked.park */
}

static void *take_any(_Atomic(void *) *kept, unsigned slots, unsigned *out_cls)
{
	for (unsigned i = 0; i < slots; i++) {
		if (tide_load_relaxed(&kept[i]) == NULL)
			continue;
		TIDE_YIELD("checked.unpark");
		void *out = tide_swap_acq_rel(&kept[i], NULL); /* checked.park */
		out = released(out, out_cls);
		if (out != NULL)
			return out;
	}
	return NULL;
}

void *tide_checked_unpark(unsigned *out_cls)
{
	void *out = take_any(small_kept, SMALL_KEPT, out_cls);
	return out != NULL ? out : take_any(medium_kept, MEDIUM_KEPT, out_cls);
}

void tide_checked_shuffle(struct tide_bin *bin)
{
	for (unsigned left = bin->count; left > 1; left--) {
		uint64_t random = mix(process_key() + tide_add_relaxed(&shuffles, 1u));
		void **one = &bin->slot[TIDE_BIN_BASE + random % left];
		void **last = &bin->slot[TIDE_BIN_BASE + left - 1];
		void *block = *one;
		*one = *last;
		*last = block;
	}
}
