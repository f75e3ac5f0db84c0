/* See room.h. */
#include "room.h"

#include "order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROOM_CLOSED UINT32_MAX

/* What a heap does at its limit, by the number of its room. */
enum policy { POLICY_NO_LIMIT, POLICY_REFUSE, POLICY_RECLAIM, POLICIES };

enum { RECLAIM_SLOTS = 64, FREE_FIRST_ONE_IN = 4, WHAT_BYTES = 160, FAULT_BYTES = 256 };

/* Who is asked to make room, while it allocates. */
static _Thread_local struct actor *reclaimer;

/* Free some blocks, whosever they are. */
static size_t reclaim(struct tide_heap *heap, size_t bytes, void *of)
{
	struct room *room = of;
	struct held held;
	size_t freed_bytes = 0;

	(void)heap;
	for (uint32_t i = 0; i < RECLAIM_SLOTS && freed_bytes < bytes; i++) {
		if (!exchange_take(&room->exchange, add_relaxed(&room->reclaim_at, 1), &held))
			continue;
		actor_receive(reclaimer, &held);
		freed_bytes += held.bytes;
		if (held.block != NULL)
			actor_free(reclaimer, &held);
	}
	return freed_bytes;
}

bool room_enter(struct room *room, struct actor *actor)
{
	uint32_t inside = load_relaxed(&room->inside);

	do {
		if (inside == ROOM_CLOSED)
			return false;
	} while (!cas_acquire(&room->inside, &inside, inside + 1)); /* room.door */
	if (room->heap == NULL) {
		room_leave(room, actor);
		return false;
	}
	reclaimer = actor;
	actor->heap = room->heap;
	actor->may_refuse = room->plan.limit_bytes != 0;
	return true;
}

void room_leave(struct room *room, struct actor *actor)
{
	actor->heap = NULL;
	actor->may_refuse = false;
	atomic_fetch_sub_explicit(&room->inside, 1, memory_order_release); /* room.door */
}

/* What the slots say is in the heap. */
static struct heap_census count(const struct room *room)
{
	struct heap_census census = { 0 };

	for (uint32_t i = 0; i < room->exchange.slots; i++) {
		const struct exchange_slot *slot = &room->exchange.slot[i];

		if (load_relaxed(&slot->state) == SLOT_FULL)
			heap_census_add(&census, slot->held.block, slot->held.id, slot->held.bytes);
	}
	return census;
}

static void say(const struct room *room, const char *what)
{
	char text[FAULT_BYTES];

	snprintf(text, sizeof text, "HEAP WRONG: number %" PRIu32 " of room %" PRIu32 " %s",
	         room->ended + 1, room->number, what);
	oracle_fail(text);
}

/* Nobody else is in the heap: what it tells of itself is exact. */
static void check(const struct room *room)
{
	struct heap_census wanted = count(room);
	struct heap_census found = heap_walk(room->heap);
	char text[WHAT_BYTES];

	if (found.blocks != wanted.blocks || found.fingerprint != wanted.fingerprint ||
	    found.bytes < wanted.bytes) {
		snprintf(text, sizeof text,
		         "walks through %" PRIu64 " blocks of %" PRIu64
		         " bytes, but there are %" PRIu64 " of %" PRIu64 "%s",
		         found.blocks, found.bytes, wanted.blocks, wanted.bytes,
		         found.blocks == wanted.blocks ? ", or others" : "");
		say(room, text);
		return; /* the rest follows from it */
	}
	const char *wrong = heap_figures_wrong(room->heap, &room->plan, &found);
	if (wrong != NULL)
		say(room, wrong);
}

/* All blocks are looked at. Mostly they go with their heap; at times each is freed before. */
static void empty(struct room *room, struct actor *actor, bool free_first)
{
	struct held held;

	for (uint32_t i = 0; i < room->exchange.slots; i++) {
		if (!exchange_take(&room->exchange, i, &held))
			continue;
		actor_receive(actor, &held);
		if (held.block == NULL)
			continue;
		if (free_first)
			actor_free(actor, &held);
		else
			actor_forget(actor, &held);
	}
}

static void end_heap(struct room *room, struct actor *actor)
{
	bool free_first = room->ended % FREE_FIRST_ONE_IN == 0;

	check(room);
	actor->heap = room->heap;
	empty(room, actor, free_first);
	actor->heap = NULL;
	if (free_first)
		check(room); /* there is nothing in it */
	heap_destroy(room->heap);
	room->heap = NULL;
	room->ended++;
	count_owned(&actor->tally.heaps, 1);
}

static bool close_door(struct room *room)
{
	uint32_t nobody = 0;

	return cas_acquire(&room->inside, &nobody, ROOM_CLOSED); /* room.door */
}

void room_renew(struct room *room, struct actor *actor, const struct crew *crew)
{
	enum policy policy = (enum policy)(room->number % POLICIES);

	if (!close_door(room))
		return;
	if (room->heap != NULL)
		end_heap(room, actor);
	room->plan = (struct heap_plan){
		.limit_bytes = policy != POLICY_NO_LIMIT ? crew->heap_limit_bytes : 0,
		.counts = room->ended,
		.reclaim = policy == POLICY_RECLAIM ? reclaim : NULL,
		.context = room,
	};
	room->heap = heap_create(&room->plan);
	store_release(&room->inside, 0u); /* room.door */
}

void room_end(struct room *room, struct actor *actor)
{
	if (close_door(room) && room->heap != NULL)
		end_heap(room, actor);
}

uint64_t room_blocks(const struct room *room)
{
	return count(room).blocks;
}
