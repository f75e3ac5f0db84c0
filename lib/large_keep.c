#include "large_keep.h"

#include "check.h"
#include "config.h"
#include "doorbell.h"
#include "extents.h"
#include "heap.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "regret.h"
#include "yield.h"

/* Blocks above this are not kept. */
#define KEEP_MAX_BYTES (64ul << 20)
/* What is given back ends at a huge page, which else would stay, split. */
#define STEP_BYTES (2ul << 20)
/* Looks at whether another thread is done with the extents: on x86 some us, several times as long
 * as they are taken. (With one look, two threads that each replaced random ones of 16 blocks of 2
 * to 4 MiB mapped memory in one of 80 calls, and took 3 to 7 us for a call; with these, 0.9.) */
#define LOOKS 128
/* How often, and how long each time, who may wait asks for the extents. */
#define HOLD_TRIES 1000
#define HOLD_NS 1000000u

/* Plain: who has the right to it. */
static TIDE_APART struct tide_extents extents;
/* writers every thread, by swap; who left  readers the same
 * order   acq-rel, release                 edges   large.keep */
static TIDE_OWN_LINE _Atomic uint32_t taken;
static TIDE_OWN_LINE struct tide_stack inbox;
/* Bytes in the inbox and the extents, and those that were taken out and may come back: raised
 * before they are there, lowered after they are not.
 * writers every thread  readers every thread
 * order   seq_cst where it rises, before the ring, and where the GC looks before it sleeps; else
 *         relaxed: advice
 * edges   none: a third half of doorbell.state */
static _Atomic uint64_t cached_bytes;
/* The lowest that was since the last tick.
 * writers every thread  readers the token's holder  order relaxed: advice  edges none */
static _Atomic uint64_t low_bytes;
static TIDE_OWN_LINE struct tide_stack spare;

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

static void count_in(size_t bytes)
{
	(void)tide_add_seq_cst(&cached_bytes, bytes); /* doorbell.state */
}

static void count_out(size_t bytes)
{
	uint64_t left = tide_sub_relaxed(&cached_bytes, bytes) - bytes;
	if (left < tide_load_relaxed(&low_bytes))
		tide_store_relaxed(&low_bytes, left);
}

/* Give it to the system; bytes returned. Its memory goes even if its addresses can't. */
static size_t dispose(struct tide_large *large)
{
	size_t bytes = tide_load_relaxed(&large->bytes);
	void *base = (void *)tide_load_relaxed(&large->base);
	tide_large_descriptor_recycle(large);
	if (tide_os_unmap(base, bytes))
		return bytes;
	TIDE_YIELD("large.refused");
	return tide_os_discard(base, bytes) ? bytes : 0;
}

/* The inbox to the extents; what there is no room for, linked. */
static struct tide_large *inbox_to_extents(void)
{
	struct tide_large *crowded_out = NULL;
	struct tide_large *large;
	while ((large = (struct tide_large *)tide_stack_pop(&inbox)) != NULL) {
		struct tide_extent extent = { tide_load_relaxed(&large->base),
			                      tide_load_relaxed(&large->bytes) };
		if (tide_extents_add(&extents, extent)) {
			tide_large_descriptor_recycle(large);
			continue;
		}
		tide_store_relaxed(&large->node.next,
		                   crowded_out != NULL ? &crowded_out->node : NULL);
		crowded_out = large;
	}
	TIDE_ASSERT(tide_extents_are_valid(&extents));
	return crowded_out;
}

/* A few looks: to do without costs a mapping, and page faults. */
static bool try_enter(void)
{
	TIDE_YIELD("large.enter");
	for (int looks = 0; looks < LOOKS; looks++) {
		if (tide_load_relaxed(&taken) == 0 &&
		    tide_swap_acq_rel(&taken, 1u) == 0) /* large.keep */
			return true;
		tide_spin_pause();
	}
	return false;
}

static bool enter(struct tide_large **crowded_out)
{
	*crowded_out = NULL;
	if (!try_enter())
		return false;
	TIDE_YIELD("large.entered");
	*crowded_out = inbox_to_extents();
	return true;
}

static void leave(struct tide_large *crowded_out)
{
	TIDE_YIELD("large.leave");
	tide_store_release(&taken, 0u); /* large.keep */
	while (crowded_out != NULL) {
		struct tide_large *large = crowded_out;
		crowded_out = (struct tide_large *)tide_load_relaxed(&large->node.next);
		count_out(tide_load_relaxed(&large->bytes));
		(void)dispose(large);
	}
}

bool tide_large_keep_hold(void)
{
	for (int tries = 0; tries < HOLD_TRIES; tries++) {
		if (try_enter())
			return true;
		tide_os_futex_wait(&taken, 1, HOLD_NS);
	}
	return false;
}

void tide_large_keep_let_go(void)
{
	leave(NULL);
}

/* The one on top of the inbox, if it happens to fit. */
static struct tide_large *take_from_inbox(size_t bytes, size_t align_bytes, size_t slack_bytes)
{
	struct tide_large *large = (struct tide_large *)tide_stack_pop(&inbox);
	if (large == NULL)
		return NULL;
	TIDE_YIELD("large.inbox");
	size_t has = tide_load_relaxed(&large->bytes);
	bool fits = has >= bytes && has - bytes <= slack_bytes &&
	            (tide_load_relaxed(&large->base) & (align_bytes - 1)) == 0;
	if (fits)
		return large;
	tide_stack_push(&inbox, &large->node);
	return NULL;
}

static struct tide_large *hang(struct tide_large *large, bool found, uintptr_t base, size_t bytes)
{
	if (!found) {
		tide_large_descriptor_recycle(large);
		return NULL;
	}
	tide_store_relaxed(&large->base, base);
	tide_store_relaxed(&large->bytes, bytes);
	return large;
}

struct tide_large *tide_large_keep_take(size_t bytes, size_t align_bytes, size_t slack_bytes)
{
	if (tide_load_relaxed(&cached_bytes) == 0)
		return NULL;
	struct tide_large *large = take_from_inbox(bytes, align_bytes, slack_bytes);
	struct tide_large *crowded_out;
	if (large != NULL) {
		count_out(tide_load_relaxed(&large->bytes));
		return large;
	}
	large = tide_large_descriptor_new();
	if (large == NULL)
		return NULL;
	uintptr_t base = 0;
	bool found = false;
	if (enter(&crowded_out)) {
		found = tide_extents_take(&extents, align_bytes, slack_bytes, &base, &bytes);
		if (found)
			count_out(bytes);
		leave(crowded_out);
	}
	return hang(large, found, base, bytes);
}

struct tide_large *tide_large_keep_take_longest(size_t least_bytes)
{
	if (tide_load_relaxed(&cached_bytes) < least_bytes)
		return NULL;
	struct tide_large *large = tide_large_descriptor_new();
	struct tide_large *crowded_out;
	uintptr_t base = 0;
	size_t bytes = 0;
	bool found = false;
	if (large == NULL)
		return NULL;
	if (enter(&crowded_out)) {
		found = tide_extents_take_longest(&extents, least_bytes, SIZE_MAX, TIDE_PAGE_BYTES,
		                                  &base, &bytes);
		leave(crowded_out);
	}
	return hang(large, found, base, bytes);
}

void tide_large_keep_taken(size_t bytes)
{
	count_out(bytes);
}

void tide_large_keep_put_back(struct tide_large *large)
{
	tide_stack_push(&inbox, &large->node);
}

bool tide_large_keep_take_at(uintptr_t base, size_t bytes)
{
	struct tide_large *crowded_out;
	if (tide_load_relaxed(&cached_bytes) < bytes || !enter(&crowded_out))
		return false;
	bool found = tide_extents_take_at(&extents, base, bytes);
	leave(crowded_out);
	if (found)
		count_out(bytes);
	return found;
}

/* What may be kept beside so much that is live. While a clock gives back what is not needed: four
 * times what a process without one may retain without regret. Else what it may retain (regret.h),
 * less what it does in free chunks. */
static uint64_t keep_bound(uint64_t live)
{
	uint64_t bound = tide_regret_base(live, (uint64_t)tide_option(TIDE_OPTION_RETAIN_BYTES),
	                                  (uint32_t)tide_option(TIDE_OPTION_RETAIN_PERCENT));
	uint64_t chunks = tide_load_relaxed(&tide_heap_default.gc.dirty_pages) * TIDE_PAGE_BYTES;
	if (tide_doorbell_served())
		return bound * 4;
	bound = tide_regret_retain(bound);
	return bound > chunks ? bound - chunks : 0;
}

/* Give back of the longest until no more than enough_bytes are kept; bytes returned. Ends early
 * when somebody else is at it. */
static size_t give_back(uint64_t enough_bytes)
{
	size_t returned_bytes = 0;
	for (;;) {
		uint64_t cached = tide_load_relaxed(&cached_bytes);
		struct tide_large *large =
		    cached > enough_bytes ? tide_large_descriptor_new() : NULL;
		struct tide_large *crowded_out;
		if (large == NULL)
			break;
		size_t most = (size_t)(cached - enough_bytes + TIDE_PAGE_BYTES - 1) &
		              ~(size_t)(TIDE_PAGE_BYTES - 1);
		uintptr_t base = 0;
		size_t bytes = 0;
		bool found = false;
		if (enter(&crowded_out)) {
			found =
			    tide_extents_take_longest(&extents, 1, most, STEP_BYTES, &base, &bytes);
			if (found) /* before another one finds the same excess */
				count_out(bytes);
			leave(crowded_out);
		}
		large = hang(large, found, base, bytes);
		if (large == NULL)
			break;
		returned_bytes += dispose(large);
	}
	return returned_bytes;
}

size_t tide_large_trim(uint64_t enough_bytes)
{
	return give_back(enough_bytes);
}

size_t tide_large_purge(void)
{
	size_t bytes = give_back(0);
	for (int tries = 0; tries < HOLD_TRIES && tide_load_relaxed(&cached_bytes) > 0; tries++) {
		if (!tide_large_keep_hold())
			break;
		tide_large_keep_let_go();
		bytes += give_back(0);
	}
	return bytes;
}

size_t tide_large_age(void)
{
	uint64_t cached = tide_load_relaxed(&cached_bytes);
	uint64_t low = tide_load_relaxed(&low_bytes);
	size_t bytes = cached > 0 && low > 0 ? give_back(cached > low ? cached - low : 0) : 0;
	tide_store_relaxed(&low_bytes, tide_load_relaxed(&cached_bytes));
	return bytes;
}

/* Given back because of the bound and not of the clock: it may be missed. */
static void gave_early(size_t bytes)
{
	if (!tide_doorbell_served())
		tide_regret_gave(bytes);
}

void tide_large_keep(struct tide_large *large)
{
	size_t bytes = tide_load_relaxed(&large->bytes);
	uint64_t bound = keep_bound(tide_large_live_bytes_racy() + bytes);
	bool again = tide_option(TIDE_OPTION_CHECK) < 2 && tide_option(TIDE_OPTION_ZERO) == 0;
	if (!again || bytes > KEEP_MAX_BYTES) {
		(void)dispose(large);
		return;
	}
	if (bytes > bound) {
		gave_early(dispose(large));
		return;
	}
	count_in(bytes);
	TIDE_YIELD("large.counted");
	/* The youngest is the one that the processor's caches still know: the others make room. */
	if (tide_load_relaxed(&cached_bytes) > bound)
		gave_early(give_back(bound));
	TIDE_YIELD("large.trimmed");
	if (tide_load_relaxed(&cached_bytes) > bound) {
		count_out(bytes);
		gave_early(dispose(large));
		return;
	}
	tide_stack_push(&inbox, &large->node);
	tide_doorbell_ring(false); /* who sleeps without a limit has a clock to run again */
}

void tide_large_keep_adopt(bool held)
{
	/* Raised before, lowered after: nothing is there, whoever vanished. */
	if (held && tide_load_relaxed(&cached_bytes) == 0) {
		leave(NULL);
		return;
	}
	if (!held && tide_load_relaxed(&taken) != 0)
		extents.count = 0;
	struct tide_large *crowded_out = inbox_to_extents();
	uint64_t bytes = 0;
	for (unsigned i = 0; i < extents.count; i++)
		bytes += extents.of[i].bytes;
	for (struct tide_large *large = crowded_out; large != NULL;
	     large = (struct tide_large *)tide_load_relaxed(&large->node.next))
		bytes += tide_load_relaxed(&large->bytes);
	tide_store_relaxed(&cached_bytes, bytes);
	leave(crowded_out);
}

uint64_t tide_large_cached_bytes_racy(void)
{
	return tide_load_seq_cst(&cached_bytes); /* doorbell.state */
}
