/* A hierarchical timing wheel: which entry's lifetime ends next, in constant time for adding and
 * removing one (G. Varghese, T. Lauck: Hashed and Hierarchical Timing Wheels, SOSP 1987, scheme 7).
 *
 * Eight levels of 64 slots; a slot of level k is 64^k ticks wide. An item lies at the level of the
 * highest base-64 digit in which its tick differs from the wheel's, in the slot of its own digit
 * there. When the wheel comes to a slot of level 0 its items are due; one of a higher level is
 * dealt out to the levels below, some items at a time. A bit for each slot that has items makes
 * "when next?" a search of eight words. All 2^44 ticks that 64 bits of nanoseconds have fit in.
 *
 * Touched by  whoever holds the store's lock
 * Invariant   an item in a slot of level k: all digits above k are the wheel's, digit k is larger
 */
#ifndef TIDE_STORE_WHEEL_H
#define TIDE_STORE_WHEEL_H

#include "atomic.h"

enum { TIDE_WHEEL_LEVELS = 8, TIDE_WHEEL_SLOTS = 64 };
enum { TIDE_WHEEL_TICK_SHIFT = 20 }; /* ns in a tick: a millisecond, nearly */

struct tide_wheel_link {
	struct tide_wheel_link *prev, *next;
};

struct tide_wheel_item {
	struct tide_wheel_link link; /* first; plain: under the lock; NULLs when in no wheel */
	/* The lifetime's end; UINT64_MAX: never, and the item is in no wheel.
	 * writers  under the lock   readers  every thread
	 * order    relaxed: a time  edges    none */
	_Atomic uint64_t expires_ns;
};

struct tide_wheel {
	uint64_t tick;
	uint64_t used[TIDE_WHEEL_LEVELS]; /* a bit for each slot that is not empty */
	struct tide_wheel_link due;       /* over */
	struct tide_wheel_link dealt;     /* of a slot of a higher level, to be dealt out */
	struct tide_wheel_link slot[TIDE_WHEEL_LEVELS][TIDE_WHEEL_SLOTS];
};

TIDE_HIDDEN void tide_wheel_init(struct tide_wheel *wheel, uint64_t now_ns);
/* The item's expires_ns is set, and not UINT64_MAX. */
TIDE_HIDDEN void tide_wheel_add(struct tide_wheel *wheel, struct tide_wheel_item *item);
/* Ignores an item that is in no wheel. */
TIDE_HIDDEN void tide_wheel_remove(struct tide_wheel *wheel, struct tide_wheel_item *item);
/* Take an item whose time is over, or NULL. Deals out *budget items at most, and lowers it; NULL
 * and 0 left: call again. */
TIDE_HIDDEN struct tide_wheel_item *tide_wheel_take_due(struct tide_wheel *wheel, uint64_t now_ns,
                                                        unsigned *budget);
/* When to look again: at the latest when the first item is due. UINT64_MAX: it is empty. */
TIDE_HIDDEN uint64_t tide_wheel_next_ns(const struct tide_wheel *wheel);
/* Visits every item. */
TIDE_HIDDEN bool tide_wheel_is_valid(const struct tide_wheel *wheel);

#endif
