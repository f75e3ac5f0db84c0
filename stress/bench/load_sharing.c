/* False sharing: do blocks of different threads lie in one cache line, because the allocator deals
 * out neighbours to threads (active), or because a thread frees what was its neighbour's
 * (passive)? */
#include "load.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 8, ROUNDS = 400000, WRITES = 200 };

static void use(volatile char *block)
{
	for (int i = 0; i < WRITES; i++)
		block[i % BLOCK_BYTES]++;
}

static void sharing_work(struct load_thread *thread)
{
	uint64_t rounds = load_scaled(thread->run, ROUNDS, 100);
	void **given = thread->shared;

	load_ready(thread);
	if (given != NULL)
		free(given[thread->index]);
	for (uint64_t i = 0; i < rounds; i++) {
		void *block = load_block(BLOCK_BYTES);

		use(block);
		free(block);
	}
}

static void sharing_active(struct load_run *run)
{
	load_on_threads(run, sharing_work, NULL);
	run->operations = load_scaled(run, ROUNDS, 100) * run->threads;
}

static void sharing_passive(struct load_run *run)
{
	void **given = load_own_memory(run->threads * sizeof *given);

	/* One thread makes them, so they are neighbours. */
	for (uint32_t i = 0; i < run->threads; i++)
		given[i] = load_block(BLOCK_BYTES);
	load_on_threads(run, sharing_work, given);
	run->operations = load_scaled(run, ROUNDS, 100) * run->threads;
}

const struct load_scenario load_sharings[] = {
	{ "sharing-active", "2 threads write into 8-byte blocks of their own", 2, sharing_active },
	{ "sharing-passive", "the same, after each freed a block of another's", 2,
	  sharing_passive },
	{ NULL, NULL, 0, NULL },
};
