/* The way from one thread to another, in order: an exchange array that both go round.
 *
 * Touched by  one thread that puts and one that takes (each with its successors); each has its own
 *             place, and the slots are safe for any.
 */
#ifndef STRESS_RING_H
#define STRESS_RING_H

#include "exchange.h"

struct ring {
	struct exchange exchange;
	_Alignas(64) uint32_t put_at;  /* of the thread that puts */
	_Alignas(64) uint32_t take_at; /* of the thread that takes */
};

/* False: full. */
static inline bool ring_put(struct ring *ring, const struct held *held)
{
	if (!exchange_put(&ring->exchange, ring->put_at, held))
		return false;
	ring->put_at = (ring->put_at + 1) % ring->exchange.slots;
	return true;
}

/* False: empty. */
static inline bool ring_take(struct ring *ring, struct held *held)
{
	if (!exchange_take(&ring->exchange, ring->take_at, held))
		return false;
	ring->take_at = (ring->take_at + 1) % ring->exchange.slots;
	return true;
}

#endif
