/* In the place of lib/store/memory.c: the C library's malloc, so that AddressSanitizer knows of
 * each block of the store whether it is there, and how long it is. No limits: tests of them are
 * skipped. */
#include "store/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct block {
	struct tide_heap *heap;
	struct block *prev, *next;
	size_t bytes;
	_Alignas(16) char body[];
};

struct tide_heap {
	struct block head;
};

struct tide_object_cache {
	struct tide_heap *base;
	size_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct tide_heap *tide_memory_base(uint64_t limit_bytes, bool charged)
{
	return tide_memory_bodies(NULL, limit_bytes, charged);
}

struct tide_heap *tide_memory_bodies(struct tide_heap *base, uint64_t limit_bytes, bool charged)
{
	struct tide_heap *heap = calloc(1, sizeof *heap);

	(void)base;
	(void)limit_bytes;
	(void)charged;
	if (heap != NULL)
		heap->head.prev = heap->head.next = &heap->head;
	return heap;
}

void *tide_memory_alloc(struct tide_heap *heap, size_t bytes)
{
	struct block *block = malloc(sizeof *block + bytes);

	if (block == NULL)
		return NULL;
	block->heap = heap;
	block->bytes = bytes;
	(void)pthread_mutex_lock(&lock);
	block->next = &heap->head;
	block->prev = heap->head.prev;
	block->prev->next = heap->head.prev = block;
	(void)pthread_mutex_unlock(&lock);
	return block->body;
}

static struct block *block_of(void *body)
{
	return (struct block *)(void *)((char *)body - offsetof(struct block, body));
}

void tide_memory_free(void *body)
{
	if (body == NULL)
		return;
	struct block *block = block_of(body);
	(void)pthread_mutex_lock(&lock);
	block->prev->next = block->next;
	block->next->prev = block->prev;
	(void)pthread_mutex_unlock(&lock);
	free(block);
}

void tide_memory_destroy(struct tide_heap *heap)
{
	while (heap->head.next != &heap->head)
		tide_memory_free(heap->head.next->body);
	free(heap);
}

struct tide_object_cache *tide_memory_headers(struct tide_heap *base, size_t bytes)
{
	struct tide_object_cache *headers = malloc(sizeof *headers);

	if (headers != NULL)
		*headers = (struct tide_object_cache){ base, bytes };
	return headers;
}

void tide_memory_headers_destroy(struct tide_object_cache *headers)
{
	free(headers);
}

void *tide_memory_header_alloc(struct tide_object_cache *headers)
{
	return tide_memory_alloc(headers->base, headers->bytes);
}

void tide_memory_header_free(struct tide_object_cache *headers, void *header)
{
	(void)headers;
	tide_memory_free(header);
}

void tide_memory_headers_drain(struct tide_object_cache *headers)
{
	(void)headers;
}

int tide_memory_charge(struct tide_heap *base, ptrdiff_t bytes)
{
	(void)base;
	(void)bytes;
	return 0;
}

void tide_memory_purge(struct tide_heap *heap)
{
	(void)heap;
}

uint64_t tide_memory_held_bytes(struct tide_heap *heap)
{
	uint64_t bytes = 0;

	(void)pthread_mutex_lock(&lock);
	for (struct block *block = heap->head.next; block != &heap->head; block = block->next)
		bytes += block->bytes;
	(void)pthread_mutex_unlock(&lock);
	return bytes;
}

void tide_memory_limit(struct tide_heap *base, uint64_t *counted_bytes, uint64_t *refusals)
{
	(void)base;
	*counted_bytes = *refusals = 0;
}

bool tide_memory_is_empty(struct tide_heap *heap)
{
	return tide_memory_held_bytes(heap) == 0;
}
