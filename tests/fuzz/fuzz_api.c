/* Sequences of calls against a model: what every block must hold, where it lies, how it is aligned.
 * One thread; the GC's steps are operations too, so that a sequence does the same each time. */
#include "input.h"

#include "gc.h"

#include <tide/heap.h>
#include <tide/tide.h>

enum { BLOCKS = 48, CALLS_MAX = 400, RUNS_TO_AUDIT = 16 };
enum { BYTES_MAX = 3 << 20 };

static struct block {
	unsigned char *start;
	size_t bytes, align, usable;
	unsigned char seed;
	bool in_heap;
} blocks[BLOCKS];

static struct tide_heap *heap;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	tide_free(tide_malloc(1));
	(void)tide_gc_stop();
	return 0;
}

/* Mostly short. */
static size_t take_bytes(struct input *input)
{
	unsigned kind = input_byte(input);
	size_t number = input_word(input);

	if (kind < 128)
		return number % 1025;
	if (kind < 192)
		return number;
	return kind < 240 ? number * 16 : number * 48 % BYTES_MAX;
}

/* Of a long block the ends, and a byte of each page. */
static size_t next_at(size_t at, size_t bytes)
{
	return bytes > 8192 && at >= 256 && at + 4352 < bytes ? at + 4096 - at % 7 : at + 1;
}

static unsigned char pattern(const struct block *block, size_t at)
{
	return (unsigned char)(block->seed + at * 31 + (at >> 8));
}

static void fill(const struct block *block, size_t bytes)
{
	for (size_t at = 0; at < bytes; at = next_at(at, bytes))
		block->start[at] = pattern(block, at);
}

static void check(const struct block *block, size_t filled, size_t upto)
{
	for (size_t at = 0; at < upto; at = next_at(at, filled))
		HOLDS(block->start[at] == pattern(block, at));
}

static size_t usable_of(const struct block *block)
{
	return block->in_heap ? tide_heap_usable_size(heap, block->start)
	                      : tide_malloc_usable_size(block->start);
}

/* A block that has just been made, or resized. */
static void enter(struct block *block)
{
	uintptr_t start = (uintptr_t)block->start;

	HOLDS(start % block->align == 0);
	block->usable = usable_of(block);
	HOLDS(block->usable >= block->bytes);
	HOLDS(tide_heap_of(block->start) == (block->in_heap ? heap : NULL));
	for (const struct block *other = blocks; other < blocks + BLOCKS; other++) {
		uintptr_t there = (uintptr_t)other->start;
		if (other == block || there == 0)
			continue;
		HOLDS(start + block->usable <= there || there + other->usable <= start);
	}
	fill(block, block->usable);
}

static void make(struct block *block, struct input *input, unsigned call)
{
	size_t bytes = take_bytes(input);
	size_t align = 16;
	void *start;

	block->in_heap = call >= 4;
	if (block->in_heap && heap == NULL) {
		heap = tide_heap_create(NULL);
		HOLDS(heap != NULL);
	}
	switch (call) {
	case 0:
		start = tide_malloc(bytes);
		break;
	case 1:
		start = tide_calloc(bytes / 8, 8);
		bytes = bytes / 8 * 8;
		break;
	case 2:
		align = (size_t)16 << input_byte(input) % 13;
		start = tide_memalign(align, bytes);
		break;
	case 3:
		start = NULL;
		HOLDS(tide_posix_memalign(&start, 64, bytes) == 0);
		align = 64;
		break;
	case 4:
		start = tide_heap_malloc(heap, bytes);
		break;
	case 5:
		start = tide_heap_calloc(heap, 1, bytes);
		break;
	default:
		align = (size_t)16 << input_byte(input) % 13;
		start = tide_heap_aligned_alloc(heap, align, bytes);
		break;
	}
	HOLDS(start != NULL);
	if (call == 1 || call == 5) {
		for (size_t at = 0; at < bytes; at = next_at(at, bytes))
			HOLDS(((unsigned char *)start)[at] == 0);
	}
	block->start = start;
	block->bytes = bytes;
	block->align = align;
	block->seed = (unsigned char)(block->seed + 13);
	enter(block);
}

static void resize(struct block *block, struct input *input)
{
	size_t bytes = take_bytes(input);
	size_t kept = bytes < block->usable ? bytes : block->usable;
	size_t filled = block->usable;

	if (bytes == 0)
		return;
	void *moved = block->in_heap ? tide_heap_realloc(heap, block->start, bytes)
	                             : tide_realloc(block->start, bytes);
	HOLDS(moved != NULL);
	block->start = moved;
	check(block, filled, kept);
	block->bytes = bytes;
	block->align = 16;
	enter(block);
}

static void drop(struct block *block, bool sized)
{
	check(block, block->usable, block->usable);
	if (block->in_heap)
		tide_heap_free(heap, block->start);
	else if (sized && block->align == 16)
		tide_free_sized(block->start, block->bytes);
	else
		tide_free(block->start);
	block->start = NULL;
}

static void destroy_heap(void)
{
	for (struct block *block = blocks; block < blocks + BLOCKS; block++) {
		if (block->start != NULL && block->in_heap) {
			check(block, block->usable, block->usable);
			block->start = NULL;
		}
	}
	tide_heap_destroy(heap);
	heap = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static unsigned runs;
	struct input input = { data, bytes };

	for (int calls = 0; input.left > 0 && calls < CALLS_MAX; calls++) {
		unsigned call = input_byte(&input) % 12;
		struct block *block = &blocks[input_byte(&input) % BLOCKS];

		if (call == 7) {
			(void)tide_gc_step();
		} else if (call == 8 && (input_byte(&input) & 7) == 0) {
			(void)tide_purge();
		} else if (call == 9 && heap != NULL && (input_byte(&input) & 15) == 0) {
			destroy_heap();
		} else if (block->start == NULL) {
			make(block, &input, call % 7);
		} else if (call < 6) {
			resize(block, &input);
		} else {
			drop(block, call & 1);
		}
	}
	for (struct block *block = blocks; block < blocks + BLOCKS; block++) {
		if (block->start != NULL)
			drop(block, false);
	}
	if (heap != NULL)
		destroy_heap();
	if (++runs % RUNS_TO_AUDIT == 0) {
		const char *wrong = tide_gc_audit();
		if (wrong != NULL)
			fprintf(stderr, "audit: %s\n", wrong);
		HOLDS(wrong == NULL);
	}
	return 0;
}
