#include "queue.h"

#include "options.h"

struct tide_queue tide_queue[TIDE_CLASS_SLOTS];
_Atomic uint64_t tide_queue_attention[TIDE_QUEUE_WORDS];

void tide_queue_init(void)
{
	int64_t blocks = tide_option(TIDE_OPTION_QUEUE_BLOCKS);
	int64_t max_bytes = tide_option(TIDE_OPTION_QUEUE_FIRST_BYTES);
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		int64_t fit = max_bytes / (int64_t)tide_class_bytes(cls);
		tide_store_relaxed(&tide_queue[cls].level, (uint32_t)(blocks < fit ? blocks : fit));
	}
}
