/* A ring from one thread to another, for pointers.
 *
 * Progress  push and pop never wait; the callers do, and give up the processor when it lasts, since
 *           there may be more threads than processors.
 * Edges     ring.fill   push publishes the slot         -> pop reads it
 *           ring.drain  pop is done with the slot       -> push overwrites it */
#ifndef BENCH_LOAD_RING_H
#define BENCH_LOAD_RING_H

#include "order.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOAD_RING_SLOTS = 1024, LOAD_RING_TRIES = 100 };

struct load_ring {
	/* Written by the producer; release, ring.fill. */
	_Alignas(64) _Atomic uint32_t tail;
	/* Written by the consumer; release, ring.drain. */
	_Alignas(64) _Atomic uint32_t head;
	_Alignas(64) void *slot[LOAD_RING_SLOTS];
};

static inline bool load_ring_push(struct load_ring *ring, void *item)
{
	uint32_t tail = load_relaxed(&ring->tail);

	if (tail - load_acquire(&ring->head) == LOAD_RING_SLOTS)
		return false;
	ring->slot[tail % LOAD_RING_SLOTS] = item;
	store_release(&ring->tail, tail + 1);
	return true;
}

static inline bool load_ring_pop(struct load_ring *ring, void **item)
{
	uint32_t head = load_relaxed(&ring->head);

	if (head == load_acquire(&ring->tail))
		return false;
	*item = ring->slot[head % LOAD_RING_SLOTS];
	store_release(&ring->head, head + 1);
	return true;
}

/* Called after each try that failed. */
static inline void load_ring_wait(uint32_t *tries)
{
	if (++*tries % LOAD_RING_TRIES == 0)
		sched_yield();
}

static inline void load_ring_push_wait(struct load_ring *ring, void *item)
{
	for (uint32_t tries = 0; !load_ring_push(ring, item);)
		load_ring_wait(&tries);
}

static inline void *load_ring_pop_wait(struct load_ring *ring)
{
	void *item = NULL;

	for (uint32_t tries = 0; !load_ring_pop(ring, &item);)
		load_ring_wait(&tries);
	return item;
}

#endif
