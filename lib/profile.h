/* The heap profile's books: where sampled blocks were allocated (sites), and which of them are
 * live.
 *
 *   site   a stack and a block size, with counts of what came and went; never removed
 *   live   sampled blocks by address: |address|site, bytes|, each within WINDOW slots from where
 *          its hash says; so what leaves needs no mark, and a look is bounded
 *
 * Both are mapped at once, of fixed size, and touched as they fill. What does not fit is counted,
 * and the profile says so. The size of large blocks is rounded down in a site's key, to an eighth.
 *
 * Touched by  threads that allocate or free a sampled block; who writes the profile
 * Progress    lock-free: a bounded search, a CAS
 * Ownership   of an address: who has the block. It is entered before the block is handed out, and
 *             taken out before the block is given back, so it is there once at most
 * Edges       profile.tables who maps them -> every thread
 *             profile.site   who fills a site in -> who finds it
 *             profile.live   who enters a block -> who looks at all of them (who frees it has the
 *                            pointer, and sees all by that)
 */
#ifndef TIDE_PROFILE_H
#define TIDE_PROFILE_H

#include "atomic.h"
#include "backtrace.h"
#include "config.h"

#define TIDE_PROFILE_FRAMES TIDE_BACKTRACE_FRAMES
#define TIDE_PROFILE_SITE_BITS 14u
#define TIDE_PROFILE_SITES (1u << TIDE_PROFILE_SITE_BITS)
#define TIDE_PROFILE_BLOCKS (1u << 17)

struct tide_profile_site {
	/* 0: none; hash with its lowest bit 0: being filled in; with 1: there.
	 * writers  who fills it in, by CAS   readers  every thread
	 * order    cas-acquire, release      edges    profile.site */
	_Atomic uint64_t state;
	/* Plain: before the state. */
	uint64_t block_bytes;
	uint32_t frames;
	uintptr_t frame[TIDE_PROFILE_FRAMES];
	/* Of sampled blocks.
	 * writers  every thread, by fetch-add  readers  who writes the profile
	 * order    relaxed: counters           edges    none */
	_Atomic uint64_t allocs, alloc_bytes, frees, freed_bytes;
};

/* What a block was, for one that is to be entered again. */
struct tide_profile_entry {
	uint64_t word; /* 0: it was not there */
};

struct tide_profile_totals {
	uint64_t allocs, alloc_bytes, live, live_bytes; /* of sampled blocks */
	uint64_t lost_sites, lost_blocks;               /* that there was no room for */
};

/* Map the tables. False: no memory. Before the first block. */
TIDE_HIDDEN bool tide_profile_start(void);
/* Enter a block of `bytes`. */
TIDE_HIDDEN void tide_profile_enter(const void *block, size_t bytes, const uintptr_t *frame,
                                    unsigned frames);
/* A sample could not be taken, for want of memory. */
TIDE_HIDDEN void tide_profile_lose(void);
/* Take it out, if it is there. */
TIDE_HIDDEN struct tide_profile_entry tide_profile_take(const void *block);
/* As if it had not been taken out. */
TIDE_HIDDEN void tide_profile_put_back(const void *block, struct tide_profile_entry entry);
/* The sixty-fourth of the table that a block is entered in, as a bit. */
TIDE_HIDDEN uint64_t tide_profile_group(const void *block);
/* Take out all in these groups for which `is_gone` says so. */
TIDE_HIDDEN void tide_profile_sweep(uint64_t groups,
                                    bool (*is_gone)(const void *block, const void *context),
                                    const void *context);
/* Site number i < TIDE_PROFILE_SITES; NULL: there is none. */
TIDE_HIDDEN const struct tide_profile_site *tide_profile_site_at(unsigned i);
/* Live blocks of a site; racy. */
TIDE_HIDDEN void tide_profile_count(const struct tide_profile_site *site,
                                    struct tide_profile_totals *totals);
/* All sites together. */
TIDE_HIDDEN void tide_profile_total(struct tide_profile_totals *totals);

#endif
