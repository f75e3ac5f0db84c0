/* Heaps, as a program uses them: a cache of texts that must stay within 1 MiB. When its heap is at
 * the limit, Tide asks it to make room, and it drops its oldest texts; at the end all goes in one
 * call.
 *
 * Expects:
 *   kept no more than fits: yes
 *   never above the limit: yes
 *   the newest is there: text 4999
 *   too long for the heap: refused
 *   all gone: yes
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tide/heap.h>

enum { TEXTS = 5000, TEXT_BYTES = 500, LIMIT = 1024 * 1024 };

static char *text[TEXTS];
static unsigned oldest;

/* Called by Tide, in the middle of the allocation that found no room. */
static size_t drop_oldest(struct tide_heap *heap, size_t bytes, void *context)
{
	size_t freed = 0;

	(void)context;
	while (freed < bytes && oldest < TEXTS && text[oldest] != NULL) {
		freed += tide_heap_usable_size(heap, text[oldest]);
		tide_heap_free(heap, text[oldest]);
		text[oldest++] = NULL;
	}
	return freed; /* 0: there is nothing to drop, and the allocation fails */
}

static int count(void *block, size_t bytes, void *context)
{
	(void)block;
	(void)bytes;
	++*(unsigned *)context;
	return 0;
}

int main(void)
{
	struct tide_heap_options options;
	struct tide_heap_stats stats;
	unsigned kept = 0;
	int above = 0;

	memset(&options, 0, sizeof options);
	options.hard_bytes = LIMIT;
	options.counts = TIDE_HEAP_BLOCKS;
	options.reclaim = drop_oldest;
	struct tide_heap *heap = tide_heap_create(&options);
	if (heap == NULL) {
		perror("tide_heap_create");
		return 1;
	}
	for (unsigned i = 0; i < TEXTS; i++) {
		text[i] = (char *)tide_heap_malloc(heap, TEXT_BYTES);
		if (text[i] == NULL) {
			perror("tide_heap_malloc");
			return 1;
		}
		(void)snprintf(text[i], TEXT_BYTES, "text %u", i);
		tide_heap_stats(heap, &stats, sizeof stats);
		above |= stats.counted_bytes > LIMIT;
	}
	(void)tide_heap_walk(heap, count, &kept);
	printf("kept no more than fits: %s\n", kept > 1000 && kept <= 2100 ? "yes" : "no");
	printf("never above the limit: %s\n", above ? "no" : "yes");
	printf("the newest is there: %s\n", text[TEXTS - 1]);

	/* Everything is dropped for it, and still it does not fit. */
	errno = 0;
	int refused = tide_heap_malloc(heap, 2 * LIMIT) == NULL && errno == ENOMEM;
	printf("too long for the heap: %s\n", refused ? "refused" : "given");

	tide_heap_destroy(heap);
	struct tide_heap *next = tide_heap_create(NULL);
	kept = 0;
	(void)tide_heap_walk(next, count, &kept);
	printf("all gone: %s\n", kept == 0 ? "yes" : "no");
	tide_heap_destroy(next);
	return 0;
}
