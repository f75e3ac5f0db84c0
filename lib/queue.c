#include "queue.h"

#include "options.h"

TIDE_USUAL uint32_t tide_queue_first_level(unsigned cls)
{
	int64_t blocks = tide_option(TIDE_OPTION_QUEUE_BLOCKS);
	int64_t fit = tide_option(TIDE_OPTION_QUEUE_FIRST_BYTES) / (int64_t)tide_class_bytes(cls);
	return (uint32_t)(blocks < fit ? blocks : fit);
}

TIDE_USUAL void tide_queue_init(struct tide_queues *queues)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++)
		tide_store_relaxed(&queues->level[cls], tide_queue_first_level(cls));
}

static uint32_t sum(const struct tide_queues *queues, unsigned cls, size_t counter)
{
	uint32_t all = 0;
	unsigned used = tide_lanes_used_racy();
	for (unsigned lane = 0; lane < used; lane++) {
		const char *queue = (const char *)&queues->of[lane][cls];
		all += tide_load_relaxed((const _Atomic uint32_t *)(queue + counter));
	}
	return all;
}

uint32_t tide_queue_blocks_racy(const struct tide_queues *queues, unsigned cls)
{
	return sum(queues, cls, offsetof(struct tide_queue, blocks));
}

uint32_t tide_queue_misses_racy(const struct tide_queues *queues, unsigned cls)
{
	return sum(queues, cls, offsetof(struct tide_queue, misses));
}

uint32_t tide_queue_fulls_racy(const struct tide_queues *queues, unsigned cls)
{
	return sum(queues, cls, offsetof(struct tide_queue, fulls));
}

bool tide_queue_is_empty_racy(struct tide_queues *queues, unsigned cls)
{
	for (unsigned lane = 0; lane < tide_lanes_used_racy(); lane++) {
		if (!tide_stack_is_empty_racy(&queues->of[lane][cls].bins))
			return false;
	}
	return true;
}

static void recount(struct tide_queue *queue)
{
	const struct tide_node *node = tide_load_relaxed(&queue->bins.head.pointer);
	uint32_t blocks = 0;
	for (; node != NULL; node = tide_load_relaxed(&node->next))
		blocks += ((const struct tide_bin *)node)->count;
	if (tide_load_relaxed(&queue->blocks) != blocks)
		tide_store_relaxed(&queue->blocks, blocks);
}

void tide_queue_recount(struct tide_queues *queues)
{
	for (unsigned lane = 0; lane < tide_lanes_used_racy(); lane++) {
		for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++)
			recount(&queues->of[lane][cls]);
	}
}
