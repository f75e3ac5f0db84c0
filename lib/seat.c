#include "seat.h"

#include "meta.h"
#include "os.h"
#include "slow.h"

struct tide_cache *tide_seat_take(struct tide_heap *heap)
{
	struct tide_cache *self = tide_slow_self();
	if (self == NULL || heap == &tide_heap_default)
		return self;
	struct tide_cache *cache = tide_seat_find(heap);
	if (cache != NULL)
		return cache;
	if (self->seats == NULL)
		self->seats = tide_meta_alloc(TIDE_HEAPS_MAX * sizeof *self->seats);
	if (self->seats == NULL)
		return NULL;
	cache = tide_cache_unpark(heap, tide_os_thread_id());
	if (cache == NULL)
		return NULL;
	struct tide_seat *seat = &self->seats[heap->slot];
	seat->generation = tide_load_relaxed(&heap->generation);
	seat->cache = cache;
	if (self->seats_used <= heap->slot)
		self->seats_used = heap->slot + 1;
	return cache;
}

void tide_seat_leave_all(struct tide_cache *self)
{
	uint32_t own_id = tide_cache_thread_id(tide_load_relaxed(&self->owner));
	for (; self->seats_used > 0; self->seats_used--) {
		struct tide_seat *seat = &self->seats[self->seats_used - 1];
		struct tide_cache *cache = seat->cache;
		seat->cache = NULL;
		if (cache == NULL)
			continue;
		/* Not ours any more when its heap was destroyed; perhaps it is just now. */
		uint64_t owner = tide_load_relaxed(&cache->owner);
		/* (Cancelled in a call in that heap: the GC adopts and mends it, see start.c.) */
		if (tide_cache_thread_id(owner) == own_id && TIDE_LIKELY(!cache->in_slow))
			(void)tide_cache_park_of(cache, owner);
	}
}

void tide_self_empty(void)
{
	struct tide_cache *self = tide_cache_self;
	if (self == TIDE_CACHE_NONE)
		return;
	(void)tide_cache_empty(self);
	for (uint32_t slot = 0; slot < self->seats_used; slot++) {
		struct tide_seat *seat = &self->seats[slot];
		if (seat->cache != NULL && tide_seat_find(seat->cache->heap) == seat->cache)
			(void)tide_cache_empty(seat->cache);
	}
}
