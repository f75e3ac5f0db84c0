#include "profile.h"

#include "os.h"
#include "yield.h"

#include <string.h>

#define WINDOW 64u
#define LARGE_BITS 3u /* of a large block's size, in the key of its site */

struct live {
	/* writers  who has the block   readers  every thread
	 * order    cas-release, relaxed store of 0, load-acquire   edges  profile.live */
	_Atomic uintptr_t address;
	/* bytes << TIDE_PROFILE_SITE_BITS | site.
	 * writers  who took the slot   readers  every thread  order  relaxed  edges  none: it has
	 * the block, or looks on */
	_Atomic uint64_t word;
};

struct tables {
	struct tide_profile_site site[TIDE_PROFILE_SITES];
	struct live live[TIDE_PROFILE_BLOCKS];
};

/* NULL: not mapped.
 * writers  who starts the process, by CAS   readers  every thread
 * order    cas-release, load-acquire        edges    profile.tables */
static _Atomic(struct tables *) tables;
/* writers every thread, by fetch-add  readers who writes the profile  order relaxed: counters
 * edges none */
static _Atomic uint64_t lost_sites, lost_blocks;

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
	return x ^ (x >> 32);
}

bool tide_profile_start(void)
{
	struct tables *none = NULL;
	if (tide_load_acquire(&tables) != NULL) /* profile.tables */
		return true;
	struct tables *own = tide_os_map(0, sizeof *own);
	TIDE_YIELD("profile.tables");
	if (own != NULL && !tide_cas_release(&tables, &none, own)) /* profile.tables */
		(void)tide_os_discard(own, sizeof *own);
	return own != NULL || none != NULL;
}

static struct tables *tables_of_all(void)
{
	return tide_load_acquire(&tables); /* profile.tables */
}

/* ---- Sites ---- */

static struct tide_profile_site *site_of(uint64_t word)
{
	return &tables_of_all()->site[word % TIDE_PROFILE_SITES];
}

static uint64_t size_key(size_t bytes)
{
	if (bytes <= TIDE_MEDIUM_MAX_BYTES)
		return bytes;
	unsigned shift = 63u - (unsigned)__builtin_clzll(bytes) - LARGE_BITS;
	return bytes >> shift << shift;
}

static uint64_t hash_of(uint64_t key, const uintptr_t *frame, unsigned frames)
{
	uint64_t hash = mix(key);
	for (unsigned i = 0; i < frames; i++)
		hash = mix(hash + frame[i]);
	return hash & ~1ull ? hash & ~1ull : 2;
}

static bool is_same(const struct tide_profile_site *site, uint64_t key, const uintptr_t *frame,
                    unsigned frames)
{
	return site->block_bytes == key && site->frames == frames &&
	       memcmp(site->frame, frame, frames * sizeof *frame) == 0;
}

/* A site that another thread is filling in is passed by: the same stack may get a second one. */
static struct tide_profile_site *site_find(size_t bytes, const uintptr_t *frame, unsigned frames)
{
	uint64_t key = size_key(bytes);
	uint64_t hash = hash_of(key, frame, frames);
	struct tide_profile_site *sites = tables_of_all()->site;
	for (unsigned i = 0; i < WINDOW; i++) {
		struct tide_profile_site *site = &sites[(hash / 2 + i) % TIDE_PROFILE_SITES];
		uint64_t state = tide_load_acquire(&site->state); /* profile.site */
		if (state == (hash | 1) && is_same(site, key, frame, frames))
			return site;
		if (state != 0 || !tide_cas_acquire(&site->state, &state, hash)) /* profile.site */
			continue;
		site->block_bytes = key;
		site->frames = frames;
		memcpy(site->frame, frame, frames * sizeof *frame);
		tide_store_release(&site->state, hash | 1); /* profile.site */
		return site;
	}
	return NULL;
}

const struct tide_profile_site *tide_profile_site_at(unsigned i)
{
	struct tables *all = tables_of_all();
	if (all == NULL || (tide_load_acquire(&all->site[i].state) & 1) == 0) /* profile.site */
		return NULL;
	return &all->site[i];
}

/* ---- Live blocks ---- */

static struct live *live_at(uintptr_t address, unsigned i)
{
	return &tables_of_all()->live[(mix(address) + i) % TIDE_PROFILE_BLOCKS];
}

static bool live_enter(uintptr_t address, uint64_t word)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		struct live *live = live_at(address, i);
		uintptr_t none = 0;
		/* The word first: but it may be another's by then, so the slot is taken before. */
		if (tide_load_relaxed(&live->address) != 0 ||
		    !tide_cas_acquire(&live->address, &none, (uintptr_t)1))
			continue;
		tide_store_relaxed(&live->word, word);
		tide_store_release(&live->address, address); /* profile.live */
		return true;
	}
	return false;
}

static void count_freed(uint64_t word)
{
	struct tide_profile_site *site = site_of(word);
	(void)tide_add_relaxed(&site->frees, (uint64_t)1);
	(void)tide_add_relaxed(&site->freed_bytes, word >> TIDE_PROFILE_SITE_BITS);
}

void tide_profile_enter(const void *block, size_t bytes, const uintptr_t *frame, unsigned frames)
{
	if (frames > TIDE_PROFILE_FRAMES)
		frames = TIDE_PROFILE_FRAMES;
	struct tide_profile_site *site = site_find(bytes, frame, frames);
	if (site == NULL) {
		(void)tide_add_relaxed(&lost_sites, (uint64_t)1);
		return;
	}
	(void)tide_add_relaxed(&site->allocs, (uint64_t)1);
	(void)tide_add_relaxed(&site->alloc_bytes, (uint64_t)bytes);
	uint64_t word =
	    (uint64_t)bytes << TIDE_PROFILE_SITE_BITS | (uint64_t)(site - tables_of_all()->site);
	if (live_enter((uintptr_t)block, word))
		return;
	/* Nobody will see its end, so it counts as gone. */
	(void)tide_add_relaxed(&lost_blocks, (uint64_t)1);
	count_freed(word);
}

void tide_profile_lose(void)
{
	(void)tide_add_relaxed(&lost_blocks, (uint64_t)1);
}

struct tide_profile_entry tide_profile_take(const void *block)
{
	struct tide_profile_entry entry = { 0 };
	for (unsigned i = 0; i < WINDOW; i++) {
		struct live *live = live_at((uintptr_t)block, i);
		if (tide_load_relaxed(&live->address) != (uintptr_t)block)
			continue;
		entry.word = tide_load_relaxed(&live->word);
		tide_store_release(&live->address, (uintptr_t)0); /* profile.live */
		count_freed(entry.word);
		break;
	}
	return entry;
}

void tide_profile_put_back(const void *block, struct tide_profile_entry entry)
{
	if (entry.word == 0)
		return;
	if (!live_enter((uintptr_t)block, entry.word)) {
		(void)tide_add_relaxed(&lost_blocks, (uint64_t)1);
		return;
	}
	struct tide_profile_site *site = site_of(entry.word);
	(void)tide_sub_relaxed(&site->frees, (uint64_t)1);
	(void)tide_sub_relaxed(&site->freed_bytes, entry.word >> TIDE_PROFILE_SITE_BITS);
}

/* Slots in a group, to which those of the last ones' windows belong as well. */
#define GROUP_BLOCKS (TIDE_PROFILE_BLOCKS / 64)

uint64_t tide_profile_group(const void *block)
{
	return 1ull << (mix((uintptr_t)block) % TIDE_PROFILE_BLOCKS / GROUP_BLOCKS);
}

void tide_profile_sweep(uint64_t groups, bool (*is_gone)(const void *block, const void *context),
                        const void *context)
{
	struct live *lives = tables_of_all()->live;
	for (; groups != 0; groups &= groups - 1) {
		unsigned first = (unsigned)__builtin_ctzll(groups) * GROUP_BLOCKS;
		for (unsigned i = first; i < first + GROUP_BLOCKS + WINDOW; i++) {
			uintptr_t address = tide_load_acquire(
			    &lives[i % TIDE_PROFILE_BLOCKS].address); /* profile.live */
			if (address > 1 && is_gone((const void *)address, context))
				(void)tide_profile_take((const void *)address);
		}
	}
}

/* ---- Sums ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void tide_profile_count(const struct tide_profile_site *site, struct tide_profile_totals *totals)
{
	/* What went first: else a block that comes and goes meanwhile would count as less than
	 * none. */
	uint64_t frees = tide_load_relaxed(&site->frees);
	uint64_t freed_bytes = tide_load_relaxed(&site->freed_bytes);
	memset(totals, 0, sizeof *totals);
	totals->allocs = tide_load_relaxed(&site->allocs);
	totals->alloc_bytes = tide_load_relaxed(&site->alloc_bytes);
	totals->live = less(totals->allocs, frees);
	totals->live_bytes = totals->live > 0 ? less(totals->alloc_bytes, freed_bytes) : 0;
}

void tide_profile_total(struct tide_profile_totals *totals)
{
	struct tide_profile_totals one;
	memset(totals, 0, sizeof *totals);
	for (unsigned i = 0; i < TIDE_PROFILE_SITES; i++) {
		const struct tide_profile_site *site = tide_profile_site_at(i);
		if (site == NULL)
			continue;
		tide_profile_count(site, &one);
		totals->allocs += one.allocs;
		totals->alloc_bytes += one.alloc_bytes;
		totals->live += one.live;
		totals->live_bytes += one.live_bytes;
	}
	totals->lost_sites = tide_load_relaxed(&lost_sites);
	totals->lost_blocks = tide_load_relaxed(&lost_blocks);
}
