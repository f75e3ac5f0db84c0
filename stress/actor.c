/* See actor.h. */
#include "actor.h"

#include "fault.h"
#include "heap_calls.h"
#include "order.h"

#include <stdlib.h>

enum { ACTOR_ALIGN_SHIFT = 4 };

void actor_start(struct actor *actor, uint32_t number, uint64_t seed)
{
	actor->number = number;
	actor->stream = random_mix(random_mix(seed) + number);
	actor_step(actor, 0);
}

static uint8_t counted(uint8_t count)
{
	return count < UINT8_MAX ? (uint8_t)(count + 1) : count;
}

static void trace(struct actor *actor, uint64_t what)
{
	actor->trace = random_mix(actor->trace ^ what);
}

/* The block can't be trusted any more: leak it. */
static void abandon(struct actor *actor, struct held *held)
{
	count_owned(&actor->tally.abandoned, 1);
	count_owned(&actor->tally.live_bytes, -(int64_t)held->bytes);
	held->block = NULL;
}

static void refused(struct actor *actor)
{
	count_owned(actor->may_refuse ? &actor->tally.limited : &actor->tally.refused, 1);
}

/* What only the heap knows. */
static bool check_heap(struct actor *actor, struct held *held)
{
	const char *wrong = actor->heap != NULL ? heap_wrong(actor->heap, held) : NULL;

	if (wrong == NULL)
		return true;
	oracle_blame(held, wrong);
	abandon(actor, held);
	return false;
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

static void *allocate(struct actor *actor, struct held *held)
{
	void *block = NULL;

	if (actor->heap != NULL)
		return heap_make(actor->heap, held, &actor->random);
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

static uint32_t at_least(uint32_t bytes, uint32_t min_bytes)
{
	return bytes < min_bytes ? min_bytes : bytes;
}

/* What to ask for. */
static void draw(struct actor *actor, const struct crew *crew, const struct phase *phase,
                 struct held *held, uint32_t *life)
{
	struct random *random = &actor->random;
	const struct distribution *sizes =
	    crew->sizes.kind != SIZES_NONE ? &crew->sizes : &phase->sizes;
	uint32_t shifts = (uint32_t)__builtin_ctz(crew->align_max_bytes) - ACTOR_ALIGN_SHIFT + 1;

	*held = (struct held){ .align_shift = ACTOR_ALIGN_SHIFT, .origin = FROM_MALLOC };
	if (random_once_in(random, crew->large_one_in))
		sizes = &crew->large_sizes;
	held->bytes = at_least(distribution_draw(sizes, random, life), HELD_MIN_BYTES);
	if (random_once_in(random, crew->aligned_one_in)) {
		held->origin = FROM_ALIGNED;
		held->align_shift = (uint8_t)(ACTOR_ALIGN_SHIFT + random_below(random, shifts));
	} else if (random_once_in(random, crew->calloc_one_in)) {
		held->origin = FROM_CALLOC;
	}
	trace(actor, (uint64_t)held->bytes << 16 | (uint64_t)held->origin << 8 | held->align_shift);
}

/* A block came from the allocator: is it right, and nobody else's? */
static bool take_in(struct actor *actor, struct held *held, enum event_kind kind)
{
	actor_note(actor, held, kind);
	if (!oracle_check_new(held, actor->number) || !oracle_enter(held)) {
		abandon(actor, held);
		return false;
	}
	oracle_stamp(held);
	return check_heap(actor, held);
}

bool actor_make(struct actor *actor, const struct crew *crew, const struct phase *phase,
                struct held *held, uint32_t *life)
{
	draw(actor, crew, phase, held, life);

	fault_call_begin();
	uint64_t begin = latency_begin();
	held->block = allocate(actor, held);
	latency_end(&actor->latency, LATENCY_MALLOC, begin);
	fault_call_end();
	actor->sequence++;
	if (held->block == NULL) {
		refused(actor);
		return false;
	}
	held->id = oracle_id(actor->number, actor->sequence);
	count_owned(&actor->tally.made, 1);
	count_owned(&actor->tally.live_bytes, (int64_t)held->bytes);
	return take_in(actor, held, EVENT_MADE);
}

/* One realloc. False: `held` is empty, or stayed as it was because the allocator refused. */
static bool resize(struct actor *actor, struct held *held, uint32_t bytes)
{
	size_t kept_bytes = bytes < held->bytes ? bytes : held->bytes;

	trace(actor, bytes);
	if (!give_back(actor, held, "realloc"))
		return false;
	fault_call_begin();
	uint64_t begin = latency_begin();
	void *block = actor->heap != NULL ? heap_resize(actor->heap, held, bytes)
	                                  : realloc(held->block, bytes);
	latency_end(&actor->latency, LATENCY_REALLOC, begin);
	fault_call_end();
	if (block == NULL) {
		refused(actor);
		if (!oracle_enter(held))
			abandon(actor, held);
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
	held->hinted = false;
	return take_in(actor, held, EVENT_RESIZED);
}

/* Growth as of strings and arrays. */
static uint32_t grown(struct actor *actor, const struct crew *crew, uint32_t bytes)
{
	if (crew->resize_grow_bytes != 0)
		return bytes + crew->resize_grow_bytes;
	return bytes + 1 + random_below(&actor->random, bytes / 2 + 1);
}

void actor_resize_chain(struct actor *actor, const struct crew *crew, struct held *held,
                        uint32_t steps)
{
	uint32_t first_bytes = held->bytes;

	/* The last step comes back to about the first size, so that the mix of sizes stays that of
	 * the phase. */
	for (; steps > 0; steps--) {
		uint32_t bytes = grown(actor, crew, held->bytes);

		if (steps == 1 || bytes > crew->resize_max_bytes)
			bytes = first_bytes / 2 + random_below(&actor->random, first_bytes);
		if (!resize(actor, held, at_least(bytes, HELD_MIN_BYTES)))
			return;
	}
}

static void gone(struct actor *actor, struct held *held)
{
	count_owned(&actor->tally.freed, 1);
	count_owned(&actor->tally.live_bytes, -(int64_t)held->bytes);
	held->block = NULL;
}

void actor_free(struct actor *actor, struct held *held)
{
	actor_note(actor, held, EVENT_FREED);
	if (!give_back(actor, held, "free"))
		return;
	/* A second free, or a read after this one, must not find a valid story. */
	*(volatile uint64_t *)(void *)held->block = 0;
	fault_call_begin();
	uint64_t begin = latency_begin();
	if (actor->heap != NULL)
		heap_free(actor->heap, held);
	else
		free(held->block);
	latency_end(&actor->latency, LATENCY_FREE, begin);
	fault_call_end();
	gone(actor, held);
}

void actor_forget(struct actor *actor, struct held *held)
{
	if (give_back(actor, held, "the end of its heap"))
		gone(actor, held);
}

void actor_receive(struct actor *actor, struct held *held)
{
	held->hands = counted(held->hands);
	actor_note(actor, held, EVENT_RECEIVED);
	if (check(actor, held, SIZE_MAX, "hand-over"))
		check_heap(actor, held);
}

void actor_look(struct actor *actor, struct held *held)
{
	check(actor, held, SIZE_MAX, "a look at it");
}
