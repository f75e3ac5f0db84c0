/* See actor.h. */
#include "actor.h"

#include "order.h"

#include <stdlib.h>

enum { ACTOR_ALIGN_SHIFT = 4, ACTOR_RESIZE_MAX_BYTES = 8 << 20 };

static uint8_t counted(uint8_t count)
{
	return count < UINT8_MAX ? (uint8_t)(count + 1) : count;
}

/* The block can't be trusted any more: leak it. */
static void abandon(struct actor *actor, struct held *held)
{
	count_owned(&actor->tally.abandoned, 1);
	count_owned(&actor->tally.live_bytes, -(int64_t)held->bytes);
	held->block = NULL;
}

static bool check(struct actor *actor, struct held *held, size_t limit_bytes, const char *moment)
{
	if (oracle_check(held, limit_bytes, moment, actor->number))
		return true;
	abandon(actor, held);
	return false;
}

/* Check, and tell the oracle that the block goes back to the allocator. */
static bool give_back(struct actor *actor, struct held *held, const char *moment)
{
	if (!check(actor, held, SIZE_MAX, moment))
		return false;
	if (oracle_leave(held))
		return true;
	abandon(actor, held);
	return false;
}

/* A block came from the allocator: is it right, and nobody else's? */
static bool take_in(struct actor *actor, struct held *held, enum event_kind kind)
{
	oracle_note(held, kind, actor->number);
	if (!oracle_check_new(held, actor->number) || !oracle_enter(held)) {
		abandon(actor, held);
		return false;
	}
	oracle_stamp(held);
	return true;
}

static void *allocate(const struct held *held)
{
	void *block = NULL;

	switch (held->origin) {
	case FROM_CALLOC:
		return calloc(1, held->bytes);
	case FROM_ALIGNED:
		/* Not aligned_alloc: some allocators want its size to be a multiple. */
		return posix_memalign(&block, (size_t)1 << held->align_shift, held->bytes) == 0
		           ? block
		           : NULL;
	default:
		return malloc(held->bytes);
	}
}

bool actor_make(struct actor *actor, const struct scenario *scenario, const struct phase *phase,
                struct held *held)
{
	struct random *random = &actor->random;

	*held = (struct held){ .align_shift = ACTOR_ALIGN_SHIFT, .origin = FROM_MALLOC };
	if (random_once_in(random, scenario->large_one_in))
		held->bytes =
		    random_power_law(random, phase->size_max_bytes, scenario->large_max_bytes);
	else
		held->bytes =
		    random_power_law(random, phase->size_min_bytes, phase->size_max_bytes);
	if (held->bytes < HELD_MIN_BYTES)
		held->bytes = HELD_MIN_BYTES;
	if (random_once_in(random, scenario->aligned_one_in)) {
		held->origin = FROM_ALIGNED;
		held->align_shift =
		    (uint8_t)(ACTOR_ALIGN_SHIFT + random_below(random, scenario->align_max_shift -
		                                                           ACTOR_ALIGN_SHIFT + 1));
	} else if (random_once_in(random, scenario->calloc_one_in)) {
		held->origin = FROM_CALLOC;
	}

	uint64_t begin = latency_begin();
	held->block = allocate(held);
	latency_end(&actor->latency, LATENCY_MALLOC, begin);
	if (held->block == NULL) {
		count_owned(&actor->tally.refused, 1);
		return false;
	}
	held->id = oracle_id(actor->number, ++actor->sequence);
	count_owned(&actor->tally.made, 1);
	count_owned(&actor->tally.live_bytes, (int64_t)held->bytes);
	return take_in(actor, held, EVENT_MADE);
}

/* One realloc. False: `held` is empty, or stayed as it was because the allocator refused. */
static bool resize(struct actor *actor, struct held *held, uint32_t bytes)
{
	size_t kept_bytes = bytes < held->bytes ? bytes : held->bytes;

	if (!give_back(actor, held, "realloc"))
		return false;
	uint64_t begin = latency_begin();
	void *block = realloc(held->block, bytes);
	latency_end(&actor->latency, LATENCY_REALLOC, begin);
	if (block == NULL) {
		oracle_enter(held);
		count_owned(&actor->tally.refused, 1);
		return false;
	}
	held->block = block;
	held->resizes = counted(held->resizes);
	held->align_shift = ACTOR_ALIGN_SHIFT; /* realloc keeps no more than that */
	count_owned(&actor->tally.resized, 1);
	if (!check(actor, held, kept_bytes, "return from realloc"))
		return false;
	count_owned(&actor->tally.live_bytes, (int64_t)bytes - (int64_t)held->bytes);
	held->bytes = bytes;
	held->origin = FROM_REALLOC;
	return take_in(actor, held, EVENT_RESIZED);
}

void actor_resize_chain(struct actor *actor, struct held *held, uint32_t steps)
{
	uint32_t first_bytes = held->bytes;

	/* Growth by up to a half, as of strings and arrays; the last step comes back to about the
	 * first size, so that the mix of sizes stays that of the phase. */
	for (; steps > 0; steps--) {
		uint32_t bytes =
		    held->bytes + 1 + random_below(&actor->random, held->bytes / 2 + 1);

		if (steps == 1 || bytes > ACTOR_RESIZE_MAX_BYTES)
			bytes = first_bytes / 2 + random_below(&actor->random, first_bytes);
		if (bytes < HELD_MIN_BYTES)
			bytes = HELD_MIN_BYTES;
		if (!resize(actor, held, bytes))
			return;
	}
}

void actor_free(struct actor *actor, struct held *held)
{
	oracle_note(held, EVENT_FREED, actor->number);
	if (!give_back(actor, held, "free"))
		return;
	/* A second free, or a read after this one, must not find a valid story. */
	*(volatile uint64_t *)(void *)held->block = 0;
	uint64_t begin = latency_begin();
	free(held->block);
	latency_end(&actor->latency, LATENCY_FREE, begin);
	count_owned(&actor->tally.freed, 1);
	count_owned(&actor->tally.live_bytes, -(int64_t)held->bytes);
	held->block = NULL;
}

void actor_receive(struct actor *actor, struct held *held)
{
	held->hands = counted(held->hands);
	oracle_note(held, EVENT_RECEIVED, actor->number);
	check(actor, held, SIZE_MAX, "hand-over");
}
