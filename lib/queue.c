#include "queue.h"

#include "options.h"

TIDE_USUAL void tide_queue_init(struct tide_queues *queues)
{
	int64_t blocks = tide_option(TIDE_OPTION_QUEUE_BLOCKS);
	int64_t max_bytes = tide_option(TIDE_OPTION_QUEUE_FIRST_BYTES);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		int64_t fit = max_bytes / (int64_t)tide_class_bytes(cls);
		tide_store_relaxed(&queues->level[cls], (uint32_t)(blocks < fit ? blocks : fit));
	}
}

void tide_queue_recount(struct tide_queues *queues)
{
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		struct tide_queue *queue = &queues->of[cls];
		const struct tide_node *node = tide_load_relaxed(&queue->bins.head.pointer);
		uint32_t blocks = 0;
		for (; node != NULL; node = tide_load_relaxed(&node->next))
			blocks += ((const struct tide_bin *)node)->count;
		tide_store_relaxed(&queue->blocks, blocks);
	}
}
