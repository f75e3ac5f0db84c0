/* Vectors that grow, blocks of several pages, and bodies of megabytes. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { VECTORS = 64, VECTOR_ROUNDS = 40 };
static const uint64_t vector_max_bytes = UINT64_C(1) << 20;
enum { MEDIUM_SLOTS = 512, MEDIUM_OPERATIONS = 400000 };
enum { MEDIUM_MIN = 8 << 10, MEDIUM_MAX = 128 << 10 };
enum { BODY_SLOTS = 16, BODIES = 150, BODY_MIN = 5 << 20, BODY_MAX = 25 << 20 };
enum { PAGE_BYTES = 4096 };

static void touch_pages(char *block, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		block[i] = 1;
	load_keep(block);
}

/* One step of a vector's growth, to twice its size, with something in it. */
static char *vector_grow(char *vector, uint64_t *bytes)
{
	char *grown = realloc(vector, *bytes * 2);

	if (grown == NULL)
		load_die("realloc");
	memset(grown + *bytes, 1, *bytes);
	load_keep(grown);
	*bytes *= 2;
	return grown;
}

/* The vectors grow in random turns, so that each finds others behind its end. */
static void vectors(struct load_run *run)
{
	uint64_t rounds = load_scaled(run, VECTOR_ROUNDS, 1);
	struct random random;

	random_seed(&random, run->seed, 4);
	load_start(run);
	for (uint64_t round = 0; round < rounds; round++) {
		char *vector[VECTORS];
		uint64_t bytes[VECTORS];
		uint32_t growing = VECTORS;

		for (int i = 0; i < VECTORS; i++) {
			bytes[i] = 16;
			vector[i] = load_block(16);
		}
		while (growing > 0) {
			uint32_t i = random_below(&random, growing);

			vector[i] = vector_grow(vector[i], &bytes[i]);
			run->operations++;
			if (bytes[i] < vector_max_bytes)
				continue;
			free(vector[i]);
			growing--;
			vector[i] = vector[growing];
			bytes[i] = bytes[growing];
		}
	}
	load_stop(run);
}

static void medium(struct load_run *run)
{
	uint64_t operations = load_scaled(run, MEDIUM_OPERATIONS, 100);
	uint32_t *sizes = load_sizes(run->seed, MEDIUM_MIN, MEDIUM_MAX, false);
	void **block = load_own_memory(MEDIUM_SLOTS * sizeof *block);
	struct random random;

	random_seed(&random, run->seed, 5);
	load_start(run);
	for (uint64_t i = 0; i < operations; i++) {
		uint32_t slot = random_below(&random, MEDIUM_SLOTS);
		uint32_t bytes = sizes[i % LOAD_SIZES];

		free(block[slot]);
		block[slot] = load_block(bytes);
		touch_pages(block[slot], bytes);
	}
	load_stop(run);
	run->operations = operations;
}

static void bodies(struct load_run *run)
{
	uint64_t bodies = load_scaled(run, BODIES, 4);
	uint32_t *sizes = load_sizes(run->seed, BODY_MIN, BODY_MAX, false);
	void *body[BODY_SLOTS] = { NULL };

	load_start(run);
	for (uint64_t i = 0; i < bodies; i++) {
		uint32_t bytes = sizes[i % LOAD_SIZES];

		free(body[i % BODY_SLOTS]);
		body[i % BODY_SLOTS] = load_block(bytes);
		touch_pages(body[i % BODY_SLOTS], bytes);
	}
	for (int i = 0; i < BODY_SLOTS; i++)
		free(body[i]);
	load_stop(run);
	run->operations = bodies;
}

const struct load_scenario load_larges[] = {
	{ "vectors", "64 vectors that grow to 1 MiB by realloc, in random turns", 1, vectors },
	{ "medium", "512 slots of 8-128 KiB, emptied, filled and touched at random", 1, medium },
	{ "bodies", "bodies of 5-25 MiB made, touched and freed, 16 at a time", 1, bodies },
	{ NULL, NULL, 0, NULL },
};
