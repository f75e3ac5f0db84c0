/* A priority queue whose members know their places, so that any of them can be taken out: a binary
 * heap of pointers.
 *
 * Not thread-safe: each queue belongs to the board (board.h) and is used under its lock.
 * Memory      a pointer for each member; room doubles when it is full and halves when only a
 *             quarter is used, so what a flood has left goes away with it.
 * Invariant   no member is before its parent; each member's place is where it is.
 */
#ifndef JOBD_QUEUE_H
#define JOBD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* The first field of whatever is in a queue; a member is in one queue at a time. */
struct queue_item {
	uint32_t place;
};

/* Whether `a` comes before `b`; a strict order. */
typedef bool queue_before(const struct queue_item *a, const struct queue_item *b);

struct queue {
	struct queue_item **items;
	queue_before *before;
	uint32_t count;
	uint32_t room;
	uint32_t room_least; /* it stays at least so large */
};

void queue_init(struct queue *queue, queue_before *before);
void queue_destroy(struct queue *queue);
/* Have room for so many members from now on, whether or not they are in: adding them can't fail.
 * False: no memory. */
bool queue_reserve(struct queue *queue, uint32_t members);
/* False: no memory; the queue is as it was. Can't fail after a removal that nothing else was added
 * since. */
bool queue_add(struct queue *queue, struct queue_item *item);
void queue_remove(struct queue *queue, struct queue_item *item);
/* The item's order has changed: move it to where it belongs. */
void queue_update(struct queue *queue, struct queue_item *item);
bool queue_is_valid(const struct queue *queue);

/* The first, or NULL. */
static inline struct queue_item *queue_first(const struct queue *queue)
{
	return queue->count > 0 ? queue->items[0] : 0;
}

#endif
