/* A heap with the blocks that threads have in it. Any thread may come in and use the heap; one that
 * finds nobody in ends it, with all the blocks that are left, and begins another one.
 *
 * Touched by  every thread of a crew of `pattern heap`
 * Progress    nobody waits: who can't come in, or can't close a room, does something else. A thread
 *             that is frozen inside keeps its room from being closed, and no more.
 * Edges       room.door   who leaves or opens -> who closes or comes in: the heap, the slots
 */
#ifndef STRESS_ROOM_H
#define STRESS_ROOM_H

#include "actor.h"
#include "exchange.h"
#include "heap_calls.h"

struct room {
	/* Threads that are in; ROOM_CLOSED: none, and none may come in.
	 * writers  every thread, by CAS and subtraction     readers  the same
	 * order    acquire, release                         edges    room.door */
	_Alignas(64) _Atomic uint32_t inside;
	/* The slot that the next one to make room looks at.
	 * writers  threads inside, by addition  readers  the same  order  relaxed  edges  none: a
	 * hint */
	_Atomic uint32_t reclaim_at;
	struct exchange exchange;
	/* Plain: written by who closed the room. */
	struct tide_heap *heap; /* NULL: refused by the system so far */
	struct heap_plan plan;
	uint32_t number, ended; /* heaps that ended here */
};

/* Come in, so that what `actor` allocates comes from the room's heap. False: not now. */
bool room_enter(struct room *room, struct actor *actor);
void room_leave(struct room *room, struct actor *actor);
/* If nobody is in: check the heap against the blocks there are, end it, and begin another one. */
void room_renew(struct room *room, struct actor *actor, const struct crew *crew);
/* At the end of the run: the same, with no other after. Not where a frozen thread is in. */
void room_end(struct room *room, struct actor *actor);
/* How many there are in it. While no thread runs that is in it. */
uint64_t room_blocks(const struct room *room);

#endif
