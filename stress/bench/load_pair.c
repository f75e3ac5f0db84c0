/* A block that is freed soon: pairs, and batches in three orders. */
#include "load.h"

#include <stdlib.h>

enum { FIXED_BYTES = 64, BATCH = 1000 };
enum { PAIRS = 60000000, BATCHES = 30000 };

static void pair_fixed_work(struct load_thread *thread)
{
	uint64_t pairs = load_scaled(thread->run, PAIRS, 1000);

	load_ready(thread);
	for (uint64_t i = 0; i < pairs; i++)
		free(load_block(FIXED_BYTES));
}

static void pair_fixed(struct load_run *run)
{
	load_on_threads(run, pair_fixed_work, NULL);
	run->operations = run->threads * load_scaled(run, PAIRS, 1000);
}

static void pair_mixed_work(struct load_thread *thread)
{
	uint64_t pairs = load_scaled(thread->run, PAIRS, 1000);
	const uint32_t *sizes = thread->shared;

	load_ready(thread);
	for (uint64_t i = 0; i < pairs; i++)
		free(load_block(sizes[i % LOAD_SIZES]));
}

static void pair_mixed(struct load_run *run)
{
	uint32_t *sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true);

	load_on_threads(run, pair_mixed_work, sizes);
	run->operations = run->threads * load_scaled(run, PAIRS, 1000);
}

/* The place of the i-th block to be freed. */
struct batch {
	const uint32_t *sizes;
	uint32_t place[BATCH];
};

static void batch_work(struct load_thread *thread)
{
	uint64_t batches = load_scaled(thread->run, BATCHES, 10);
	const struct batch *batch = thread->shared;
	void *block[BATCH];

	load_ready(thread);
	for (uint64_t round = 0; round < batches; round++) {
		for (uint32_t i = 0; i < BATCH; i++)
			block[i] = load_block(batch->sizes[(round * BATCH + i) % LOAD_SIZES]);
		for (uint32_t i = 0; i < BATCH; i++)
			free(block[batch->place[i]]);
	}
}

static void batch_run(struct load_run *run, struct batch *batch)
{
	batch->sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true);
	load_on_threads(run, batch_work, batch);
	run->operations = run->threads * load_scaled(run, BATCHES, 10) * BATCH;
}

static void batch_fifo(struct load_run *run)
{
	struct batch *batch = load_own_memory(sizeof *batch);

	for (uint32_t i = 0; i < BATCH; i++)
		batch->place[i] = i;
	batch_run(run, batch);
}

static void batch_lifo(struct load_run *run)
{
	struct batch *batch = load_own_memory(sizeof *batch);

	for (uint32_t i = 0; i < BATCH; i++)
		batch->place[i] = BATCH - 1 - i;
	batch_run(run, batch);
}

static void batch_random(struct load_run *run)
{
	struct batch *batch = load_own_memory(sizeof *batch);
	struct random random;

	random_seed(&random, run->seed, 1);
	for (uint32_t i = 0; i < BATCH; i++) {
		uint32_t j = random_below(&random, i + 1);

		batch->place[i] = batch->place[j];
		batch->place[j] = i;
	}
	batch_run(run, batch);
}

const struct load_scenario load_pairs[] = {
	{ "pair-fixed", "malloc and free of one 64-byte block", 1, pair_fixed },
	{ "pair-mixed", "malloc and free of one block of 8-512 bytes", 1, pair_mixed },
	{ "pair-mixed-t2", "the same on 2 threads", 2, pair_mixed },
	{ "batch-lifo", "1000 blocks, the last freed first", 1, batch_lifo },
	{ "batch-fifo", "1000 blocks, the first freed first", 1, batch_fifo },
	{ "batch-random", "1000 blocks, freed in random order", 1, batch_random },
	{ NULL, NULL, 0, NULL },
};
