/* See exchange.h. */
#include "exchange.h"

#include "order.h"

bool exchange_put(struct exchange *exchange, uint32_t slot, const struct held *held)
{
	struct exchange_slot *into = &exchange->slot[slot % exchange->slots];
	uint32_t expected = SLOT_EMPTY;

	if (!cas_acquire(&into->state, &expected, SLOT_BUSY)) /* slot.drain */
		return false;
	into->held = *held;
	store_release(&into->state, SLOT_FULL); /* slot.fill */
	return true;
}

bool exchange_take(struct exchange *exchange, uint32_t slot, struct held *held)
{
	struct exchange_slot *from = &exchange->slot[slot % exchange->slots];
	uint32_t expected = SLOT_FULL;

	if (!cas_acquire(&from->state, &expected, SLOT_BUSY)) /* slot.fill */
		return false;
	*held = from->held;
	store_release(&from->state, SLOT_EMPTY); /* slot.drain */
	return true;
}
