#include "large_keep.h"

#include "check.h"
#include "config.h"
#include "doorbell.h"
#include "extents.h"
#include "heap.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "yield.h"

/* Blocks above this are not kept. */
#define KEEP_MAX_BYTES (64ul << 20)
/* A rest shorter than this stays with the block before it. */
#define SLACK_BYTES (64ul << 10)
/* So many refusals of the system end a round of giving back. */
#define REFUSALS_MAX 8

/* Plain: who has the right to it. */
static struct tide_extents extents;
/* writers every thread, by swap; who left  readers the same  order acq-rel, release  edges large.keep */
static TIDE_OWN_LINE _Atomic bool taken;
static TIDE_OWN_LINE struct tide_stack inbox;
/* Bytes in the inbox and the extents: raised before they are there, lowered after they are not.
 * writers every thread  readers every thread  order relaxed: counters, advice  edges none */
static _Atomic uint64_t cached_bytes;
static _Atomic uint64_t now_tick;
static _Atomic bool aged_by_clock;
static TIDE_OWN_LINE struct tide_stack spare;
/* Free, but there was no room among the extents. */
static TIDE_OWN_LINE struct tide_stack crowded_out;

struct tide_large *tide_large_descriptor_new(void)
{
	struct tide_large *large = (struct tide_large *)tide_stack_pop(&spare);
	if (large == NULL)
		large = tide_meta_alloc(sizeof *large);
	if (large != NULL)
		large->heap = &tide_heap_default;
	return large;
}

void tide_large_descriptor_recycle(struct tide_large *large)
{
	tide_stack_push(&spare, &large->node);
}

static void put(struct tide_large *large)
{
	(void)tide_add_relaxed(&cached_bytes, tide_load_relaxed(&large->bytes));
	TIDE_YIELD("large.put");
	tide_stack_push(&inbox, &large->node);
}

static void inbox_to_extents(void)
{
	struct tide_large *large;
	while ((large = (struct tide_large *)tide_stack_pop(&inbox)) != NULL) {
		struct tide_extent extent = { tide_load_relaxed(&large->base),
			                      tide_load_relaxed(&large->bytes),
			                      tide_load_relaxed(&large->tick) };
		if (tide_extents_add(&extents, extent)) {
			tide_large_descriptor_recycle(large);
			continue;
		}
		(void)tide_sub_relaxed(&cached_bytes, extent.bytes);
		tide_stack_push(&crowded_out, &large->node);
	}
	TIDE_ASSERT(tide_extents_are_valid(&extents));
}

static bool enter(void)
{
	TIDE_YIELD("large.enter");
	if (tide_load_relaxed(&taken) || tide_swap_acq_rel(&taken, true)) /* large.keep */
		return false;
	TIDE_YIELD("large.entered");
	inbox_to_extents();
	return true;
}

static void leave(void)
{
	TIDE_YIELD("large.leave");
	tide_store_release(&taken, false); /* large.keep */
}

/* Give it to the system; bytes returned. If the system will not have it (too many mappings), its
 * memory at least, and the address space is kept. */
static size_t dispose(struct tide_large *large)
{
	size_t bytes = tide_load_relaxed(&large->bytes);
	void *base = (void *)tide_load_relaxed(&large->base);
	if (tide_os_unmap(base, bytes)) {
		tide_large_descriptor_recycle(large);
		return bytes;
	}
	(void)tide_os_purge(base, bytes);
	tide_store_relaxed(&large->tick, tide_load_relaxed(&now_tick));
	TIDE_YIELD("large.refused");
	put(large);
	return 0;
}

/* One from the inbox that happens to fit, for who finds the extents taken. */
static struct tide_large *take_from_inbox(size_t bytes, size_t align_bytes)
{
	struct tide_large *large = (struct tide_large *)tide_stack_pop(&inbox);
	if (large == NULL)
		return NULL;
	TIDE_YIELD("large.inbox");
	size_t has = tide_load_relaxed(&large->bytes);
	bool fits = has >= bytes && has - bytes <= SLACK_BYTES &&
	            (tide_load_relaxed(&large->base) & (align_bytes - 1)) == 0;
	if (!fits) {
		tide_stack_push(&inbox, &large->node);
		return NULL;
	}
	(void)tide_sub_relaxed(&cached_bytes, has);
	return large;
}

/* `found`: [base, base + bytes) was cut out for the descriptor. */
static struct tide_large *hang(struct tide_large *large, bool found, uintptr_t base, size_t bytes)
{
	if (!found) {
		tide_large_descriptor_recycle(large);
		return NULL;
	}
	(void)tide_sub_relaxed(&cached_bytes, bytes);
	tide_store_relaxed(&large->base, base);
	tide_store_relaxed(&large->bytes, bytes);
	return large;
}

struct tide_large *tide_large_keep_take(size_t bytes, size_t align_bytes)
{
	if (tide_load_relaxed(&cached_bytes) == 0)
		return NULL;
	struct tide_large *large = tide_large_descriptor_new();
	if (large == NULL)
		return NULL;
	if (!enter()) {
		tide_large_descriptor_recycle(large);
		return take_from_inbox(bytes, align_bytes);
	}
	uintptr_t base = 0;
	bool found = tide_extents_take(&extents, align_bytes, SLACK_BYTES, &base, &bytes);
	leave();
	return hang(large, found, base, bytes);
}

struct tide_large *tide_large_keep_take_longest(size_t least_bytes)
{
	if (tide_load_relaxed(&cached_bytes) < least_bytes)
		return NULL;
	struct tide_large *large = tide_large_descriptor_new();
	uintptr_t base = 0;
	size_t bytes = 0;
	bool found = false;
	if (large == NULL)
		return NULL;
	if (enter()) {
		found = tide_extents_take_longest(&extents, least_bytes, &base, &bytes);
		leave();
	}
	return hang(large, found, base, bytes);
}

bool tide_large_keep_take_at(uintptr_t base, size_t bytes)
{
	if (tide_load_relaxed(&cached_bytes) < bytes || !enter())
		return false;
	bool found = tide_extents_take_at(&extents, base, bytes);
	leave();
	if (found)
		(void)tide_sub_relaxed(&cached_bytes, bytes);
	return found;
}

/* What may be kept once `more` is: a part of all large memory, and four times that while a clock
 * empties it. */
static uint64_t keep_bound(uint64_t more)
{
	uint64_t all = tide_large_live_bytes_racy() + tide_load_relaxed(&cached_bytes) + more;
	uint64_t bound = all / 100 * (uint64_t)tide_option(TIDE_OPTION_RETAIN_PERCENT);
	uint64_t floor = (uint64_t)tide_option(TIDE_OPTION_RETAIN_BYTES);
	if (bound < floor)
		bound = floor;
	return tide_load_relaxed(&aged_by_clock) ? bound * 4 : bound;
}

/* The oldest part of what is in excess, if it is from before tick `before`; NULL: there is none, or
 * somebody else is at it. */
static struct tide_large *take_oldest(uint64_t before, uint64_t enough_bytes)
{
	uint64_t cached = tide_load_relaxed(&cached_bytes);
	if (cached <= enough_bytes)
		return NULL;
	struct tide_large *large = tide_large_descriptor_new();
	if (large == NULL)
		return NULL;
	uint64_t most = cached - enough_bytes + TIDE_PAGE_BYTES - 1;
	uintptr_t base = 0;
	size_t bytes = 0;
	if (enter()) {
		bytes = tide_extents_take_oldest(
		    &extents, before, (size_t)(most & ~(uint64_t)(TIDE_PAGE_BYTES - 1)), &base);
		leave();
	}
	return hang(large, bytes > 0, base, bytes);
}

/* Give back what was freed before tick `before`, oldest first, until no more than enough_bytes are
 * left. */
static size_t give_back(uint64_t before, uint64_t enough_bytes)
{
	size_t returned_bytes = 0;
	for (unsigned refusals = 0; refusals < REFUSALS_MAX;) {
		struct tide_large *large = take_oldest(before, enough_bytes);
		if (large == NULL)
			large = (struct tide_large *)tide_stack_pop(&crowded_out);
		if (large == NULL)
			break;
		size_t bytes = dispose(large);
		returned_bytes += bytes;
		refusals += bytes == 0;
	}
	return returned_bytes;
}

size_t tide_large_trim(uint64_t enough_bytes)
{
	return give_back(UINT64_MAX, enough_bytes);
}

size_t tide_large_age(uint64_t before)
{
	return give_back(before, 0);
}

void tide_large_keep(struct tide_large *large)
{
	tide_store_relaxed(&large->tick, tide_load_relaxed(&now_tick));
	size_t bytes = tide_load_relaxed(&large->bytes);
	uint64_t bound = keep_bound(bytes);
	if (bytes > KEEP_MAX_BYTES || bytes > bound) {
		(void)dispose(large);
		return;
	}
	/* The youngest is the one that the caches still know: the others make room. */
	if (tide_load_relaxed(&cached_bytes) + bytes > bound)
		(void)tide_large_trim(bound - bytes);
	TIDE_YIELD("large.trimmed");
	if (tide_load_relaxed(&cached_bytes) + bytes > bound) {
		(void)dispose(large);
		return;
	}
	put(large);
	tide_doorbell_ring(false); /* who sleeps without a limit has a clock to run again */
}

void tide_large_keep_adopt(void)
{
	if (tide_load_relaxed(&taken))
		extents.count = 0;
	inbox_to_extents();
	uint64_t bytes = 0;
	for (unsigned i = 0; i < extents.count; i++)
		bytes += extents.of[i].bytes;
	tide_store_relaxed(&cached_bytes, bytes);
	tide_store_relaxed(&taken, false);
}

void tide_large_set_tick(uint64_t tick)
{
	tide_store_relaxed(&now_tick, tick);
}

void tide_large_set_aged(bool aged)
{
	tide_store_relaxed(&aged_by_clock, aged);
}

uint64_t tide_large_cached_bytes_racy(void)
{
	return tide_load_relaxed(&cached_bytes);
}
