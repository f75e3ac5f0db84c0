#include "memory.h"

#include <tide/heap.h>
#include <tide/object_cache.h>

enum { HEADER_ALIGN_BYTES = 16 }; /* as user bytes are said to be */

static struct tide_heap *create(struct tide_heap *within, uint64_t limit_bytes, bool charged)
{
	struct tide_heap_options options = {
		.hard_bytes = within == NULL ? limit_bytes : 0,
		.counts = charged ? TIDE_HEAP_CHARGED : TIDE_HEAP_HELD,
		.within = limit_bytes != 0 ? within : NULL,
	};
	return tide_heap_create(&options);
}

struct tide_heap *tide_memory_base(uint64_t limit_bytes, bool charged)
{
	return create(NULL, limit_bytes, charged);
}

struct tide_heap *tide_memory_bodies(struct tide_heap *base, uint64_t limit_bytes, bool charged)
{
	return create(base, limit_bytes, charged);
}

void tide_memory_destroy(struct tide_heap *heap)
{
	tide_heap_destroy(heap);
}

void *tide_memory_alloc(struct tide_heap *heap, size_t bytes)
{
	return tide_heap_malloc(heap, bytes);
}

void tide_memory_free(void *block)
{
	tide_free(block);
}

struct tide_object_cache *tide_memory_headers(struct tide_heap *base, size_t bytes)
{
	struct tide_object_options options = { .size = bytes,
		                               .alignment = HEADER_ALIGN_BYTES,
		                               .heap = base };
	return tide_object_cache_create(&options);
}

void tide_memory_headers_destroy(struct tide_object_cache *headers)
{
	(void)tide_object_cache_destroy(headers);
}

void *tide_memory_header_alloc(struct tide_object_cache *headers)
{
	return tide_object_alloc(headers);
}

void tide_memory_header_free(struct tide_object_cache *headers, void *header)
{
	tide_object_free(headers, header);
}

void tide_memory_headers_drain(struct tide_object_cache *headers)
{
	(void)tide_object_cache_drain(headers);
}

int tide_memory_charge(struct tide_heap *base, ptrdiff_t bytes)
{
	return tide_heap_charge(base, bytes);
}

void tide_memory_purge(struct tide_heap *heap)
{
	(void)tide_heap_purge(heap);
}

static struct tide_heap_stats stats_of(struct tide_heap *heap)
{
	struct tide_heap_stats stats;
	tide_heap_stats(heap, &stats, sizeof stats);
	return stats;
}

uint64_t tide_memory_held_bytes(struct tide_heap *heap)
{
	return stats_of(heap).held_bytes;
}

void tide_memory_limit(struct tide_heap *base, uint64_t *counted_bytes, uint64_t *refusals)
{
	struct tide_heap_stats stats = stats_of(base);
	*counted_bytes = stats.counted_bytes;
	*refusals = stats.refusals;
}

static int is_there(void *block, size_t bytes, void *context)
{
	(void)block;
	(void)bytes;
	(void)context;
	return 1;
}

bool tide_memory_is_empty(struct tide_heap *heap)
{
	return tide_heap_walk(heap, is_there, NULL) == 0;
}
