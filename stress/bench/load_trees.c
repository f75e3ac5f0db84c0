/* Binary trees built, walked and dropped by each thread for itself, small ones many times and large
 * ones a few times, beside one that stays: what a thread frees it needs again soon, and threads have
 * nothing to do with each other. */
#include "load.h"

#include <stdlib.h>

enum { STAYS_DEPTH = 17, DEPTH_FIRST = 4, DEPTH_LAST = 18, DEPTH_STEP = 2, NODES = 2000000 };

struct node {
	struct node *child[2];
	uint64_t words[2];
};

static struct node *build(unsigned depth)
{
	struct node *node = load_block(sizeof *node);

	node->words[0] = depth;
	for (unsigned i = 0; i < 2; i++)
		node->child[i] = depth > 0 ? build(depth - 1) : NULL;
	return node;
}

static uint64_t sum(const struct node *node)
{
	return node == NULL ? 0 : sum(node->child[0]) + node->words[0] + sum(node->child[1]);
}

static void drop(struct node *node)
{
	if (node == NULL)
		return;
	drop(node->child[0]);
	drop(node->child[1]);
	free(node);
}

static uint64_t nodes_of(unsigned depth)
{
	return (UINT64_C(2) << depth) - 1;
}

static uint64_t trees_of(const struct load_run *run, unsigned depth)
{
	return load_scaled(run, NODES / nodes_of(depth), 1);
}

static void tree_work(struct load_thread *thread)
{
	struct node *stays = build(STAYS_DEPTH);
	uint64_t total = 0;

	load_ready(thread);
	for (unsigned depth = DEPTH_FIRST; depth <= DEPTH_LAST; depth += DEPTH_STEP) {
		for (uint64_t i = trees_of(thread->run, depth); i > 0; i--) {
			struct node *tree = build(depth);

			total += sum(tree);
			drop(tree);
		}
	}
	load_keep(&total);
	drop(stays);
}

static void trees(struct load_run *run)
{
	load_on_threads(run, tree_work, NULL);
	for (unsigned depth = DEPTH_FIRST; depth <= DEPTH_LAST; depth += DEPTH_STEP)
		run->operations += trees_of(run, depth) * nodes_of(depth) * run->threads;
}

const struct load_scenario load_trees[] = {
	{ "trees", "trees of 31 to 524287 nodes built, walked and dropped", 1, trees },
	{ "trees-t2", "the same on each of 2 threads", 2, trees },
	{ "trees-t4", "the same on each of 4 threads", 4, trees },
	{ NULL, NULL, 0, NULL },
};
