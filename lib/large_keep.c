#include "large_keep.h"

#include "config.h"
#include "doorbell.h"
#include "heap.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "yield.h"

/* Cache: per size bucket (four per doubling from 128 KiB) a few slots. */
#define BUCKETS 40
#define WAYS 8
/* Blocks above this are not kept: 128 KiB * 2^(BUCKETS / 4 - 1). */
#define KEEP_MAX_BYTES (64ul << 20)

/* writers  every thread, by CAS and swap   readers  every thread
 * order    acq-rel                         edges    large.keep */
static _Atomic(struct tide_large *) keep[BUCKETS][WAYS];
/* writers every thread  readers every thread  order relaxed: counters, advice  edges none */
static _Atomic uint64_t cached_bytes;
static _Atomic uint64_t now_tick;
static _Atomic bool aged_by_clock;
static TIDE_OWN_LINE struct tide_stack spare;
/* Free, but the system refused to unmap them. */
static TIDE_OWN_LINE struct tide_stack refused;

static unsigned bucket_of(size_t bytes)
{
	unsigned log = 63u - (unsigned)__builtin_clzl(bytes | 1);
	unsigned quarter = (unsigned)(bytes >> (log - 2)) & 3u;
	unsigned bucket = (log - 17) * 4 + quarter;
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

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

static bool system_free(struct tide_large *large)
{
	size_t bytes = tide_load_relaxed(&large->bytes);
	if (!tide_os_unmap((void *)tide_load_relaxed(&large->base), bytes))
		return false;
	tide_stack_push(&spare, &large->node);
	return true;
}

bool tide_large_keep_put(struct tide_large *large)
{
	size_t bytes = tide_load_relaxed(&large->bytes);
	_Atomic(struct tide_large *) *ways = keep[bucket_of(bytes)];
	(void)tide_add_relaxed(&cached_bytes, bytes);
	TIDE_YIELD("large.put");
	for (unsigned i = 0; i < WAYS; i++) {
		struct tide_large *none = NULL;
		TIDE_YIELD("large.slot");
		if (tide_load_relaxed(&ways[i]) == NULL &&
		    tide_cas_acq_rel(&ways[i], &none, large)) /* large.keep */
			return true;
	}
	(void)tide_sub_relaxed(&cached_bytes, bytes);
	return false;
}

size_t tide_large_dispose(struct tide_large *large)
{
	size_t bytes = tide_load_relaxed(&large->bytes);
	if (system_free(large))
		return bytes;
	(void)tide_os_purge((void *)tide_load_relaxed(&large->base), bytes);
	TIDE_YIELD("large.refused");
	if (!tide_large_keep_put(large))
		tide_stack_push(&refused, &large->node);
	return 0;
}

static bool fits(const struct tide_large *large, size_t bytes, size_t align_bytes)
{
	size_t has = tide_load_relaxed(&large->bytes);
	return has >= bytes && has - bytes <= bytes / 4 &&
	       (tide_load_relaxed(&large->base) & (align_bytes - 1)) == 0;
}

struct tide_large *tide_large_keep_take(size_t bytes, size_t align_bytes)
{
	unsigned first = bucket_of(bytes);
	for (unsigned b = first; b < BUCKETS && b <= first + 1; b++) {
		for (unsigned i = 0; i < WAYS; i++) {
			struct tide_large *large = tide_load_acquire(&keep[b][i]); /* large.keep */
			if (large == NULL || !fits(large, bytes, align_bytes))
				continue;
			TIDE_YIELD("large.fits");
			large = tide_swap_acq_rel(&keep[b][i], NULL); /* large.keep */
			if (large == NULL)
				continue;
			(void)tide_sub_relaxed(&cached_bytes, tide_load_relaxed(&large->bytes));
			TIDE_YIELD("large.taken");
			if (fits(large, bytes, align_bytes))
				return large;
			/* Another one came by in between. */
			TIDE_YIELD("large.put_back");
			if (!tide_large_keep_put(large))
				(void)tide_large_dispose(large);
		}
	}
	return NULL;
}

/* What the cache may hold: what a process may retain, and four times that while a clock empties it. */
static uint64_t keep_bound(void)
{
	uint64_t live = tide_large_live_bytes_racy();
	uint64_t bound = live / 100 * (uint64_t)tide_option(TIDE_OPTION_RETAIN_PERCENT);
	uint64_t floor = (uint64_t)tide_option(TIDE_OPTION_RETAIN_BYTES);
	if (bound < floor)
		bound = floor;
	return tide_load_relaxed(&aged_by_clock) ? bound * 4 : bound;
}

/* Drop what entered before tick `before`, until no more than enough_bytes are left. */
static size_t keep_drop(uint64_t before, uint64_t enough_bytes)
{
	size_t returned_bytes = 0;
	/* All that was refused, up to the first that still is: it may be much, and it is in no book. */
	for (;;) {
		struct tide_large *again = (struct tide_large *)tide_stack_pop(&refused);
		size_t bytes = again != NULL ? tide_large_dispose(again) : 0;
		if (bytes == 0)
			break;
		returned_bytes += bytes;
	}
	for (unsigned b = BUCKETS; b-- > 0;) {
		for (unsigned i = 0; i < WAYS; i++) {
			if (tide_load_relaxed(&cached_bytes) <= enough_bytes)
				return returned_bytes;
			struct tide_large *large = tide_load_acquire(&keep[b][i]); /* large.keep */
			if (large == NULL || tide_load_relaxed(&large->tick) >= before)
				continue;
			TIDE_YIELD("large.drop");
			large = tide_swap_acq_rel(&keep[b][i], NULL); /* large.keep */
			if (large == NULL)
				continue;
			(void)tide_sub_relaxed(&cached_bytes, tide_load_relaxed(&large->bytes));
			returned_bytes += tide_large_dispose(large);
		}
	}
	return returned_bytes;
}

size_t tide_large_trim(uint64_t enough_bytes)
{
	return keep_drop(UINT64_MAX, enough_bytes);
}

void tide_large_keep(struct tide_large *large)
{
	tide_store_relaxed(&large->tick, tide_load_relaxed(&now_tick));
	size_t bytes = tide_load_relaxed(&large->bytes);
	uint64_t bound = keep_bound();
	if (tide_load_relaxed(&cached_bytes) > bound)
		(void)tide_large_trim(bound);
	TIDE_YIELD("large.trimmed");
	bool again = tide_option(TIDE_OPTION_CHECK) < 2 && tide_option(TIDE_OPTION_ZERO) == 0;
	if (again && bytes <= KEEP_MAX_BYTES && tide_load_relaxed(&cached_bytes) + bytes <= bound &&
	    tide_large_keep_put(large)) {
		tide_doorbell_ring(false); /* who sleeps without a limit has a clock to run again */
		return;
	}
	(void)tide_large_dispose(large);
}

size_t tide_large_age(uint64_t before)
{
	return keep_drop(before, 0);
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
