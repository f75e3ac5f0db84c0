#include "stash.h"

#include "slab.h"
#include "yield.h"

#include <string.h>

/* Of so many neighbours in a bin, these may lie in different pages. */
#define LOOKS 8u
#define FAR_LOOKS 2u

static bool is_scattered(const struct tide_bin *bin)
{
	unsigned far = 0;
	unsigned step = bin->count / LOOKS;
	for (unsigned i = 0; i + 1 < bin->count && step > 0; i += step)
		far += ((uintptr_t)bin->slot[TIDE_BIN_BASE + i] ^
		        (uintptr_t)bin->slot[TIDE_BIN_BASE + i + 1]) >>
		           TIDE_PAGE_SHIFT !=
		       0;
	return far > FAR_LOOKS;
}

/* A bin out of order costs three times as much to put by, and comes back in order: some are taken,
 * as long as there are more of the others. */
#define TRUST_MOST 64u
#define TRUST_FOR_SCATTERED 4u

/* Bins not to look at after one most of whose blocks were of slabs of which others keep some: this
 * many, and after each such bin in a row twice as many. (All are one less than a power of two.) */
#define BINS_TO_PAUSE 15u
#define BINS_TO_PAUSE_MOST 1023u

static void note_others(struct tide_stash *stash, bool are_most)
{
	if (are_most) {
		stash->pause = (uint16_t)(stash->next_pause | BINS_TO_PAUSE);
		stash->next_pause = (uint16_t)((2u * stash->pause + 1u) & BINS_TO_PAUSE_MOST);
	} else {
		stash->next_pause = 0;
	}
}

static bool is_trusted(struct tide_stash *stash, const struct tide_bin *bin)
{
	if (stash->pause > 0) {
		stash->pause--;
		return false;
	}
	if (!is_scattered(bin)) {
		stash->trust += stash->trust < TRUST_MOST;
		return true;
	}
	if (stash->trust < TRUST_FOR_SCATTERED)
		return false;
	stash->trust -= TRUST_FOR_SCATTERED;
	return true;
}

static unsigned own_bits_set(struct tide_slab *slab)
{
	unsigned set = 0;
	for (unsigned i = 0; i < tide_slab_words(slab->cls); i++)
		set += tide_bits_set(tide_load_relaxed(&tide_slab_own_bits(slab)[i]));
	return set;
}

/* A slab is out of sight only while it says so: fork copies what of these stores came first. */
static void push(struct tide_stash *stash, struct tide_slab *slab)
{
	slab->own_next = stash->top;
	tide_order_stores();
	stash->top = slab;
	tide_order_stores();
	slab->own_listed = true;
}

static void unlink_at(struct tide_slab **link)
{
	struct tide_slab *slab = *link;
	slab->own_listed = false;
	tide_order_stores();
	*link = slab->own_next;
	tide_order_stores();
}

static bool claim(struct tide_stash *stash, struct tide_slab *slab)
{
	struct tide_stash *owner = tide_load_relaxed(&slab->owner);
	if (TIDE_LIKELY(owner == stash && slab->own_listed))
		return true;
	if (owner == NULL) {
		TIDE_YIELD("stash.claim");
		if (!tide_cas_acquire(&slab->owner, &owner, stash)) /* slab.own */
			return false;
		TIDE_YIELD("stash.claimed");
	} else if (owner != stash) {
		return false;
	} else { /* as a fork left it */
		slab->own_free = (uint16_t)own_bits_set(slab);
		stash->blocks += slab->own_free;
	}
	push(stash, slab);
	return true;
}

static bool has_room(struct tide_stash *stash, uint32_t blocks)
{
	if (stash->blocks < stash->most)
		return true;
	uint32_t more = stash->took < blocks ? stash->took : blocks;
	stash->took -= more;
	stash->most += more;
	return stash->blocks < stash->most;
}

unsigned tide_stash_put(struct tide_stash *stash, struct tide_bin *bin)
{
	if (!has_room(stash, bin->count) || !is_trusted(stash, bin))
		return 0;
	unsigned cls = bin->cls;
	struct tide_slab_side side = { (uint16_t)tide_slab_words(cls), 0, UINT64_MAX };
	unsigned odd = 0;
	unsigned count = bin->count;
	void **slot = &bin->slot[TIDE_BIN_BASE];
	void **end = slot + count;
	bin->count = 0;
	tide_order_stores(); /* a fork between finds them nowhere */
	while (slot < end) {
		struct tide_slab *slab = tide_slab_of(*slot);
		if (TIDE_UNLIKELY(slab == NULL || slab->cls != cls || !claim(stash, slab))) {
			tide_bin_add(bin, *slot++);
			continue;
		}
		unsigned put;
		unsigned run = tide_slab_put_run(slab, cls, side, bin, slot, end, &put);
		slot += run;
		odd += run - put;
		slab->own_free = (uint16_t)(slab->own_free + put);
		stash->blocks += put;
		if (TIDE_UNLIKELY(slab->own_free == 0)) { /* just claimed, so on top */
			unlink_at(&stash->top);
			tide_stash_let_go(slab);
		}
	}
	note_others(stash, 2u * bin->count > count);
	return odd;
}

/* Slabs looked at for one that has enough. */
#define SLAB_LOOKS 8

/* Bring the first slab to the top that has so many blocks, or of the first few the one that has
 * most: what is to be used together is to lie together. */
static void bring_up(struct tide_stash *stash, unsigned blocks)
{
	struct tide_slab **most = &stash->top;
	struct tide_slab **link = &stash->top;
	for (unsigned i = 0; i < SLAB_LOOKS && *link != NULL && (*most)->own_free < blocks; i++) {
		if ((*link)->own_free > (*most)->own_free)
			most = link;
		link = &(*link)->own_next;
	}
	struct tide_slab *slab = *most;
	if (most == &stash->top)
		return;
	unlink_at(most);
	push(stash, slab);
}

unsigned tide_stash_take(struct tide_stash *stash, struct tide_bin *bin)
{
	void **bottom = &bin->slot[TIDE_BIN_BASE + bin->count];
	void **slot = &bin->slot[TIDE_BIN_BASE + bin->mark];
	void **end = slot;
	struct tide_slab *slab;
	while (slot > bottom && stash->top != NULL) {
		bring_up(stash, (unsigned)(slot - bottom));
		slab = stash->top;
		void **first = tide_slab_take_run(slab, tide_slab_own_bits(slab), bottom, slot);
		slab->own_free = (uint16_t)(slab->own_free - (slot - first));
		slot = first;
		if (slab->own_free == 0) {
			unlink_at(&stash->top);
			tide_stash_let_go(slab);
		}
	}
	unsigned taken = (unsigned)(end - slot);
	if (slot > bottom)
		memmove(bottom, slot, taken * sizeof *slot);
	stash->blocks -= taken;
	if (stash->blocks < stash->least)
		stash->least = stash->blocks;
	tide_order_stores(); /* as tide_bin_add does */
	bin->count = (uint8_t)(bin->count + taken);
	return taken;
}

void tide_stash_took(struct tide_stash *stash, uint32_t blocks, uint32_t limit)
{
	uint32_t room = limit > stash->most ? limit - stash->most : 0;
	stash->took = blocks < room && stash->took < room - blocks ? stash->took + blocks : room;
}

uint32_t tide_stash_due(struct tide_stash *stash)
{
	uint32_t due = (stash->least + 1) / 2;
	tide_stash_less_room(stash, due);
	stash->least = stash->blocks;
	return due;
}

unsigned tide_stash_take_slabs(struct tide_stash *stash, uint32_t blocks, unsigned slabs,
                               void (*take)(struct tide_slab *slab))
{
	struct tide_slab **link = &stash->top;
	uint32_t stay = stash->blocks > blocks ? stash->blocks - blocks : 0;
	unsigned taken = 0;
	for (; *link != NULL && (*link)->own_free <= stay; link = &(*link)->own_next)
		stay -= (*link)->own_free;
	for (struct tide_slab *slab; taken < slabs && (slab = *link) != NULL; taken++) {
		stash->blocks -= slab->own_free;
		unlink_at(link);
		take(slab);
	}
	if (stash->least > stash->blocks)
		stash->least = stash->blocks;
	return taken;
}

/* What is as it should be is not written to: a child of fork would have to copy it. */
void tide_stash_repair(struct tide_stash *stash)
{
	struct tide_slab **link = &stash->top;
	uint32_t blocks = 0;
	for (struct tide_slab *slab; (slab = *link) != NULL;) {
		unsigned own_free = own_bits_set(slab);
		if (own_free == 0) {
			unlink_at(link);
			tide_stash_let_go(slab);
			continue;
		}
		if (slab->own_free != own_free || !slab->own_listed) {
			slab->own_free = (uint16_t)own_free;
			slab->own_listed = true;
		}
		blocks += own_free;
		link = &slab->own_next;
	}
	if (stash->blocks != blocks || stash->least > blocks) {
		stash->blocks = blocks;
		stash->least = 0;
	}
}

bool tide_stash_is_valid(const struct tide_stash *stash)
{
	uint32_t blocks = 0;
	for (struct tide_slab *slab = stash->top; slab != NULL; slab = slab->own_next) {
		if (tide_load_relaxed(&slab->owner) != stash || !slab->own_listed ||
		    slab->own_free == 0 || slab->own_free != own_bits_set(slab))
			return false;
		blocks += slab->own_free;
	}
	return blocks == stash->blocks && stash->least <= blocks;
}
