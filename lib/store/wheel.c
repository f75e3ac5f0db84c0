#include "wheel.h"

enum { DIGIT_BITS = 6 };
_Static_assert(1 << DIGIT_BITS == TIDE_WHEEL_SLOTS, "a slot for each digit");
_Static_assert(DIGIT_BITS *TIDE_WHEEL_LEVELS + TIDE_WHEEL_TICK_SHIFT >= 64, "every time fits");

static void list_init(struct tide_wheel_link *head)
{
	head->prev = head->next = head;
}

static bool list_is_empty(const struct tide_wheel_link *head)
{
	return head->next == head;
}

static void list_append(struct tide_wheel_link *head, struct tide_wheel_link *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* All of `from` to the end of `head`. */
static void list_move_all(struct tide_wheel_link *head, struct tide_wheel_link *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = head->prev;
	from->prev->next = head;
	head->prev->next = from->next;
	head->prev = from->prev;
	list_init(from);
}

static unsigned digit(uint64_t tick, unsigned level)
{
	return (unsigned)(tick >> (DIGIT_BITS * level)) % TIDE_WHEEL_SLOTS;
}

/* The first tick that begins at or after the item's end. */
static uint64_t tick_of(const struct tide_wheel_item *item)
{
	uint64_t ns = tide_load_relaxed(&item->expires_ns);
	uint64_t tick = ns >> TIDE_WHEEL_TICK_SHIFT;
	return tick << TIDE_WHEEL_TICK_SHIFT == ns ? tick : tick + 1;
}

static unsigned level_of(uint64_t tick, uint64_t now_tick)
{
	return (unsigned)(63 - __builtin_clzll(tick ^ now_tick)) / DIGIT_BITS;
}

void tide_wheel_init(struct tide_wheel *wheel, uint64_t now_ns)
{
	*wheel = (struct tide_wheel){ .tick = now_ns >> TIDE_WHEEL_TICK_SHIFT };
	list_init(&wheel->due);
	list_init(&wheel->dealt);
	for (unsigned level = 0; level < TIDE_WHEEL_LEVELS; level++) {
		for (unsigned i = 0; i < TIDE_WHEEL_SLOTS; i++)
			list_init(&wheel->slot[level][i]);
	}
}

void tide_wheel_add(struct tide_wheel *wheel, struct tide_wheel_item *item)
{
	uint64_t tick = tick_of(item);
	if (tick <= wheel->tick) {
		list_append(&wheel->due, &item->link);
		return;
	}
	unsigned level = level_of(tick, wheel->tick);
	unsigned i = digit(tick, level);
	list_append(&wheel->slot[level][i], &item->link);
	wheel->used[level] |= UINT64_C(1) << i;
}

void tide_wheel_remove(struct tide_wheel *wheel, struct tide_wheel_item *item)
{
	struct tide_wheel_link *link = &item->link, *next = link->next;
	if (next == NULL)
		return;
	next->prev = link->prev;
	link->prev->next = next;
	link->prev = link->next = NULL;
	/* Was it the last of a slot, whose head is then all that is left? */
	uintptr_t offset = (uintptr_t)next - (uintptr_t)wheel->slot;
	if (list_is_empty(next) && offset < sizeof wheel->slot) {
		unsigned at = (unsigned)(offset / sizeof *next);
		wheel->used[at / TIDE_WHEEL_SLOTS] &= ~(UINT64_C(1) << at % TIDE_WHEEL_SLOTS);
	}
}

/* The first slot that has items, and the tick at which it begins; false: there is none. The levels
 * below it are empty, and all of a level is before all of the next one. */
static bool first_slot(const struct tide_wheel *wheel, unsigned *level, unsigned *slot,
                       uint64_t *tick)
{
	for (*level = 0; *level < TIDE_WHEEL_LEVELS; ++*level) {
		if (wheel->used[*level] == 0)
			continue;
		unsigned shift = DIGIT_BITS * *level;
		*slot = (unsigned)__builtin_ctzll(wheel->used[*level]);
		*tick = (wheel->tick >> shift >> DIGIT_BITS << DIGIT_BITS | *slot) << shift;
		return true;
	}
	return false;
}

static struct tide_wheel_item *take_first(struct tide_wheel *wheel, struct tide_wheel_link *head)
{
	struct tide_wheel_item *item = (struct tide_wheel_item *)(void *)head->next;
	tide_wheel_remove(wheel, item);
	return item;
}

struct tide_wheel_item *tide_wheel_take_due(struct tide_wheel *wheel, uint64_t now_ns,
                                            unsigned *budget)
{
	uint64_t now_tick = now_ns >> TIDE_WHEEL_TICK_SHIFT, tick;
	unsigned level, slot;
	for (;;) {
		/* Nothing else before the dealing is done: it is relative to the wheel's tick. */
		while (!list_is_empty(&wheel->dealt) && *budget > 0) {
			--*budget;
			tide_wheel_add(wheel, take_first(wheel, &wheel->dealt));
		}
		if (!list_is_empty(&wheel->due))
			return take_first(wheel, &wheel->due);
		if (!list_is_empty(&wheel->dealt))
			return NULL;
		if (!first_slot(wheel, &level, &slot, &tick) || tick > now_tick) {
			if (now_tick > wheel->tick)
				wheel->tick = now_tick;
			return NULL;
		}
		wheel->tick = tick;
		wheel->used[level] &= ~(UINT64_C(1) << slot);
		list_move_all(level == 0 ? &wheel->due : &wheel->dealt, &wheel->slot[level][slot]);
	}
}

uint64_t tide_wheel_next_ns(const struct tide_wheel *wheel)
{
	unsigned level, slot;
	uint64_t tick;
	if (!list_is_empty(&wheel->due) || !list_is_empty(&wheel->dealt))
		return 0;
	if (!first_slot(wheel, &level, &slot, &tick))
		return UINT64_MAX;
	/* The end of the last tick that there is can't be said. */
	return tick <= UINT64_MAX >> TIDE_WHEEL_TICK_SHIFT ? tick << TIDE_WHEEL_TICK_SHIFT
	                                                   : UINT64_MAX - 1;
}

bool tide_wheel_is_valid(const struct tide_wheel *wheel)
{
	for (unsigned level = 0; level < TIDE_WHEEL_LEVELS; level++) {
		for (unsigned i = 0; i < TIDE_WHEEL_SLOTS; i++) {
			const struct tide_wheel_link *head = &wheel->slot[level][i], *link = head;
			if (list_is_empty(head) == (wheel->used[level] >> i & 1))
				return false;
			while ((link = link->next) != head) {
				const struct tide_wheel_item *item = (const void *)link;
				uint64_t tick = tick_of(item);
				if (link->next->prev != link || tick <= wheel->tick ||
				    level_of(tick, wheel->tick) != level || digit(tick, level) != i)
					return false;
			}
		}
	}
	return true;
}
