/* The queue against a list that is searched. */
#include "queue.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { ITEMS = 2000 };

struct thing {
	struct queue_item item;
	int key;
	int number; /* no two alike */
	bool is_in;
};

static bool before(const struct queue_item *a, const struct queue_item *b)
{
	const struct thing *one = (const struct thing *)a;
	const struct thing *other = (const struct thing *)b;

	return one->key != other->key ? one->key < other->key : one->number < other->number;
}

static struct thing *least(struct thing *things)
{
	struct thing *best = NULL;

	for (int i = 0; i < ITEMS; i++) {
		if (things[i].is_in && (best == NULL || before(&things[i].item, &best->item)))
			best = &things[i];
	}
	return best;
}

Test(queue, model)
{
	struct thing *things = calloc(ITEMS, sizeof *things);
	struct queue queue;
	unsigned seed = 7;

	queue_init(&queue, before);
	for (int round = 0; round < 30000; round++) {
		struct thing *thing = &things[rand_r(&seed) % ITEMS];
		/* Fuller, emptier, fuller. */
		bool adds = rand_r(&seed) % 100 < (round / 10000 % 2 == 0 ? 70 : 20);

		thing->number = (int)(thing - things);
		if (thing->is_in && adds) {
			thing->key = rand_r(&seed) % 50;
			queue_update(&queue, &thing->item);
		} else if (thing->is_in) {
			queue_remove(&queue, &thing->item);
			thing->is_in = false;
		} else if (adds) {
			thing->key = rand_r(&seed) % 50;
			cr_assert(queue_add(&queue, &thing->item));
			thing->is_in = true;
		}
		if (round % 16 == 0) {
			cr_assert(queue_is_valid(&queue));
			cr_assert_eq((void *)queue_first(&queue), (void *)least(things));
		}
	}
	queue_destroy(&queue);
	free(things);
}

Test(queue, room_goes_away)
{
	struct thing *things = calloc(ITEMS, sizeof *things);
	struct queue queue;

	queue_init(&queue, before);
	for (int i = 0; i < ITEMS; i++) {
		things[i].number = i;
		cr_assert(queue_add(&queue, &things[i].item));
	}
	cr_assert(queue.room >= ITEMS);
	for (int i = 0; i < ITEMS - 10; i++)
		queue_remove(&queue, &things[i].item);
	cr_assert(queue.room <= 64, "%u places for 10", queue.room);
	cr_assert(queue_reserve(&queue, 1000));
	for (int i = ITEMS - 10; i < ITEMS; i++)
		queue_remove(&queue, &things[i].item);
	cr_assert(queue.room >= 1000, "reserved room went away");
	queue_destroy(&queue);
	free(things);
}
