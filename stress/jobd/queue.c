/* See queue.h. */
#include "queue.h"

#include <stdlib.h>

enum { QUEUE_ROOM_LEAST = 4 };

void queue_init(struct queue *queue, queue_before *before)
{
	*queue = (struct queue){ .before = before };
}

void queue_destroy(struct queue *queue)
{
	free(queue->items);
	queue->items = NULL;
	queue->count = queue->room = queue->room_least = 0;
}

static bool resize(struct queue *queue, uint32_t room)
{
	struct queue_item **items = realloc(queue->items, room * sizeof *items);

	if (items == NULL)
		return false;
	queue->items = items;
	queue->room = room;
	return true;
}

static void put_at(struct queue *queue, uint32_t place, struct queue_item *item)
{
	queue->items[place] = item;
	item->place = place;
}

static void rise(struct queue *queue, struct queue_item *item)
{
	uint32_t place = item->place;

	while (place > 0) {
		uint32_t parent = (place - 1) / 2;

		if (!queue->before(item, queue->items[parent]))
			break;
		put_at(queue, place, queue->items[parent]);
		place = parent;
	}
	put_at(queue, place, item);
}

static void sink(struct queue *queue, struct queue_item *item)
{
	uint32_t place = item->place;

	for (;;) {
		uint64_t child = 2 * (uint64_t)place + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count &&
		    queue->before(queue->items[child + 1], queue->items[child]))
			child++;
		if (!queue->before(queue->items[child], item))
			break;
		put_at(queue, place, queue->items[child]);
		place = (uint32_t)child;
	}
	put_at(queue, place, item);
}

bool queue_reserve(struct queue *queue, uint32_t members)
{
	if (queue->room < members) {
		uint32_t room = queue->room > 0 ? queue->room : QUEUE_ROOM_LEAST;

		while (room < members)
			room *= 2;
		if (!resize(queue, room))
			return false;
	}
	queue->room_least = members;
	return true;
}

bool queue_add(struct queue *queue, struct queue_item *item)
{
	if (queue->count == queue->room) {
		uint32_t room = queue->room > 0 ? 2 * queue->room : QUEUE_ROOM_LEAST;

		if (room < queue->room || !resize(queue, room))
			return false;
	}
	put_at(queue, queue->count++, item);
	rise(queue, item);
	return true;
}

void queue_update(struct queue *queue, struct queue_item *item)
{
	rise(queue, item);
	sink(queue, item);
}

void queue_remove(struct queue *queue, struct queue_item *item)
{
	uint32_t place = item->place;
	struct queue_item *last = queue->items[--queue->count];

	if (last != item) {
		put_at(queue, place, last);
		queue_update(queue, last);
	}
	/* Less room is a wish: without it the queue goes on with what it has. */
	if (queue->room > QUEUE_ROOM_LEAST && queue->count < queue->room / 4 &&
	    queue->room_least <= queue->room / 2)
		(void)resize(queue, queue->room / 2);
}

bool queue_is_valid(const struct queue *queue)
{
	if (queue->count > queue->room)
		return false;
	for (uint32_t i = 0; i < queue->count; i++) {
		if (queue->items[i]->place != i)
			return false;
		if (i > 0 && queue->before(queue->items[i], queue->items[(i - 1) / 2]))
			return false;
	}
	return true;
}
