/* A bounded array of slots through which blocks change threads.
 *
 * Touched by  every thread.
 * Ownership   a record in a full slot belongs to the slot: put gives it away, take gets it.
 * Progress    put and take never wait: a slot that is busy, full or empty is an answer.
 * Edges       slot.fill   put writes `held`            -> take reads it
 *             slot.drain  take is done with the slot   -> put overwrites it
 */
#ifndef STRESS_EXCHANGE_H
#define STRESS_EXCHANGE_H

#include "oracle.h"

enum { SLOT_EMPTY, SLOT_BUSY, SLOT_FULL };

struct exchange_slot {
	/* writers  whoever makes it busy, by CAS        readers  every thread
	 * order    acquire and release by that owner    edges    slot.fill, slot.drain */
	_Atomic uint32_t state;
	struct held held; /* plain: of the thread that made the slot busy */
};

struct exchange {
	uint32_t slots;
	struct exchange_slot *slot;
};

/* False: the slot was not empty, `held` is still the caller's. True: it is the slot's. */
bool exchange_put(struct exchange *exchange, uint32_t slot, const struct held *held);
/* False: there was nothing, `held` is unchanged. */
bool exchange_take(struct exchange *exchange, uint32_t slot, struct held *held);

#endif
