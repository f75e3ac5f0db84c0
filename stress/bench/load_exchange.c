/* Random exchange: threads put fresh blocks into random slots of shared arrays and free what was
 * there, so that most blocks are freed by another thread than made them, at any age. */
#include "load.h"
#include "order.h"

#include <stdlib.h>

enum { ARRAYS = 2, ARRAY_SLOTS = 500000, EXCHANGES = 8000000, FIXED_BYTES = 128 };
enum { MIXED_MIN = 16, MIXED_MAX = 1024 };

struct exchange {
	/* Whoever swaps a pointer out owns the block.
	 * writers  all threads, by swap     order  acq_rel: the block's bytes travel with it */
	void *_Atomic *slot[ARRAYS];
	uint64_t slots;
	const uint32_t *sizes;
};

static void exchange_work(struct load_thread *thread)
{
	struct exchange *exchange = thread->shared;
	uint64_t operations = load_scaled(thread->run, EXCHANGES, 1000) / thread->run->threads;

	load_ready(thread);
	for (uint64_t i = 0; i < operations; i++) {
		uint32_t array = (uint32_t)i % ARRAYS;
		uint32_t slot = random_below(&thread->random, (uint32_t)exchange->slots);
		void *block = load_block(exchange->sizes[i % LOAD_SIZES]);

		free(atomic_exchange_explicit(&exchange->slot[array][slot], block,
		                              memory_order_acq_rel));
	}
}

static void exchange_run(struct load_run *run, const uint32_t *sizes)
{
	struct exchange exchange = { .slots = load_scaled(run, ARRAY_SLOTS, 1000), .sizes = sizes };

	for (int array = 0; array < ARRAYS; array++) {
		exchange.slot[array] =
		    load_own_memory(exchange.slots * sizeof *exchange.slot[array]);
		for (uint64_t i = 0; i < exchange.slots; i++)
			atomic_init(&exchange.slot[array][i], load_block(sizes[i % LOAD_SIZES]));
	}
	load_on_threads(run, exchange_work, &exchange);
	run->operations = load_scaled(run, EXCHANGES, 1000) / run->threads * run->threads;
}

static void exchange_fixed(struct load_run *run)
{
	exchange_run(run, load_sizes(run->seed, FIXED_BYTES, FIXED_BYTES, false));
}

static void exchange_mixed(struct load_run *run)
{
	exchange_run(run, load_sizes(run->seed, MIXED_MIN, MIXED_MAX, false));
}

const struct load_scenario load_exchanges[] = {
	{ "exchange-128-t1", "2 arrays of 500,000 slots, 128 bytes, 1 thread", 1, exchange_fixed },
	{ "exchange-128-t2", "the same, 2 threads", 2, exchange_fixed },
	{ "exchange-128-t10", "the same, 10 threads", 10, exchange_fixed },
	{ "exchange-mixed-t1", "2 arrays of 500,000 slots, 16-1024 bytes, 1 thread", 1,
	  exchange_mixed },
	{ "exchange-mixed-t2", "the same, 2 threads", 2, exchange_mixed },
	{ "exchange-mixed-t10", "the same, 10 threads", 10, exchange_mixed },
	{ NULL, NULL, 0, NULL },
};
