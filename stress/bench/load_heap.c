/* Heaps of many blocks: freed cold, made again, churned, grown, aged. */
#include "load.h"

#include <stdlib.h>

enum { COLD_BYTES = 64 << 20, COLD_BLOCK_BYTES = 64, COLD_ROUNDS = 8 };
enum { CHURN_SLOTS = 1000000, CHURN_OPERATIONS = 10000000 };
enum { GROW_BLOCK_BYTES = 64 };
enum { AGED_SLOTS = 2000000, AGED_OPERATIONS = 20000000, AGED_WALKS = 10 };
enum { LIST_NODES = 1000000, TREE_NODES = 400000 };
static const uint64_t grow_bytes = UINT64_C(1) << 30;

static void shuffle(void **block, uint64_t blocks, uint64_t seed)
{
	struct random random;

	random_seed(&random, seed, 2);
	for (uint64_t i = blocks; i > 1; i--) {
		uint32_t j = random_below(&random, (uint32_t)i);
		void *other = block[j];

		block[j] = block[i - 1];
		block[i - 1] = other;
	}
}

static void fill(void **block, uint64_t blocks)
{
	for (uint64_t i = 0; i < blocks; i++)
		block[i] = load_block(COLD_BLOCK_BYTES);
}

static void cold_free(struct load_run *run)
{
	uint64_t blocks = load_scaled(run, COLD_BYTES / COLD_BLOCK_BYTES, 1000);
	void **block = load_own_memory(blocks * sizeof *block);

	for (int round = 0; round < COLD_ROUNDS; round++) {
		fill(block, blocks);
		shuffle(block, blocks, run->seed + (uint64_t)round);
		load_start(run);
		for (uint64_t i = 0; i < blocks; i++)
			free(block[i]);
		load_stop(run);
	}
	run->operations = blocks * COLD_ROUNDS;
}

static void cold_refill(struct load_run *run)
{
	uint64_t blocks = load_scaled(run, COLD_BYTES / COLD_BLOCK_BYTES, 1000);
	void **block = load_own_memory(blocks * sizeof *block);

	fill(block, blocks);
	for (int round = 0; round < COLD_ROUNDS; round++) {
		shuffle(block, blocks, run->seed + (uint64_t)round);
		for (uint64_t i = 0; i < blocks; i++)
			free(block[i]);
		load_start(run);
		fill(block, blocks);
		load_stop(run);
	}
	run->operations = blocks * COLD_ROUNDS;
}

/* Random slots are emptied and filled; `block` belongs to the one who calls. */
static void churn_some(void **block, uint64_t slots, const uint32_t *sizes, struct random *random,
                       uint64_t operations)
{
	for (uint64_t i = 0; i < operations; i++) {
		uint32_t slot = random_below(random, (uint32_t)slots);

		free(block[slot]);
		block[slot] = load_block(sizes[i % LOAD_SIZES]);
	}
}

static void churn_work(struct load_thread *thread)
{
	struct load_run *run = thread->run;
	const uint32_t *sizes = thread->shared;
	uint64_t slots = load_scaled(run, CHURN_SLOTS, 1000) / run->threads;
	void **block = load_own_memory(slots * sizeof *block);

	for (uint64_t i = 0; i < slots; i++)
		block[i] = load_block(sizes[i % LOAD_SIZES]);
	load_ready(thread);
	churn_some(block, slots, sizes, &thread->random,
	           load_scaled(run, CHURN_OPERATIONS, 1000) / run->threads);
}

static void churn(struct load_run *run)
{
	uint32_t *sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, false);

	load_on_threads(run, churn_work, sizes);
	run->operations = load_scaled(run, CHURN_OPERATIONS, 1000) / run->threads * run->threads;
}

static void grow(struct load_run *run)
{
	uint64_t blocks = load_scaled(run, grow_bytes / GROW_BLOCK_BYTES, 1000);
	void *last = NULL;

	/* The blocks hold their own list: an array would be a gigabyte's eighth more. */
	load_start(run);
	for (uint64_t i = 0; i < blocks; i++) {
		void **block = load_block(GROW_BLOCK_BYTES);

		*block = last;
		last = block;
	}
	load_stop(run);
	load_keep(last);
	run->operations = blocks;
}

/* A heap with a past: many random operations, then a random half is freed. */
static void age(struct load_run *run)
{
	uint64_t slots = load_scaled(run, AGED_SLOTS, 1000);
	void **block = load_own_memory(slots * sizeof *block);
	uint32_t *sizes = load_sizes(run->seed, 16, 1024, true);
	struct random random;

	random_seed(&random, run->seed, 3);
	churn_some(block, slots, sizes, &random, load_scaled(run, AGED_OPERATIONS, 10000));
	for (uint64_t i = 0; i < slots; i++) {
		if (random_below(&random, 2) == 0) {
			free(block[i]);
			block[i] = NULL;
		}
	}
}

struct list_node {
	struct list_node *next;
	uint64_t key;
	char rest[32];
};

static void aged_list(struct load_run *run)
{
	uint64_t nodes = load_scaled(run, LIST_NODES, 1000), sum = 0;
	struct list_node *list = NULL, **end = &list;

	age(run);
	load_start(run);
	for (uint64_t i = 0; i < nodes; i++) {
		*end = load_block(sizeof **end);
		(*end)->key = i;
		end = &(*end)->next;
	}
	*end = NULL;
	double build_s = load_elapsed_s(run);
	for (int walk = 0; walk < AGED_WALKS; walk++) {
		for (const struct list_node *node = list; node != NULL; node = node->next)
			sum += node->key;
	}
	double walk_s = load_elapsed_s(run) - build_s;
	load_stop(run);
	load_keep(&sum);
	run->operations = nodes * (1 + AGED_WALKS);
	load_part(run, "build_ns", build_s * 1e9 / (double)nodes);
	load_part(run, "walk_ns", walk_s * 1e9 / (double)(nodes * AGED_WALKS));
}

struct tree_node {
	struct tree_node *child[2];
	uint64_t key;
	char rest[40];
};

static void tree_add(struct tree_node **at, uint64_t key)
{
	while (*at != NULL)
		at = &(*at)->child[key > (*at)->key];
	*at = load_block(sizeof **at);
	**at = (struct tree_node){ .key = key };
}

/* Random keys: the depth is some 2.5 times the logarithm. */
static uint64_t tree_sum(const struct tree_node *node)
{
	return node == NULL ? 0 : tree_sum(node->child[0]) + node->key + tree_sum(node->child[1]);
}

static void aged_tree(struct load_run *run)
{
	uint64_t nodes = load_scaled(run, TREE_NODES, 1000), sum = 0;
	struct tree_node *tree = NULL;

	age(run);
	load_start(run);
	for (uint64_t i = 0; i < nodes; i++)
		tree_add(&tree, random_mix(run->seed + i));
	double build_s = load_elapsed_s(run);
	for (int walk = 0; walk < AGED_WALKS; walk++)
		sum += tree_sum(tree);
	double walk_s = load_elapsed_s(run) - build_s;
	load_stop(run);
	load_keep(&sum);
	run->operations = nodes * (1 + AGED_WALKS);
	load_part(run, "build_ns", build_s * 1e9 / (double)nodes);
	load_part(run, "walk_ns", walk_s * 1e9 / (double)(nodes * AGED_WALKS));
}

const struct load_scenario load_heaps[] = {
	{ "cold-free", "64 MiB of 64-byte blocks freed in random order", 1, cold_free },
	{ "cold-refill", "64 MiB of 64-byte blocks made after such a free", 1, cold_refill },
	{ "churn", "1M slots of 8-512 bytes, emptied and filled at random", 1, churn },
	{ "churn-t2", "the same, half of the slots on each of 2 threads", 2, churn },
	{ "grow", "1 GiB of fresh 64-byte blocks", 1, grow },
	{ "aged-list", "a list built and walked in an aged heap", 1, aged_list },
	{ "aged-tree", "a binary tree built and walked in an aged heap", 1, aged_tree },
	{ NULL, NULL, 0, NULL },
};
