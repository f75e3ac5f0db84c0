/* More threads than processors, and threads that come and go. */
#include "load.h"
#include "order.h"

#include <errno.h>
#include <stdlib.h>

enum { CROWD_SLOTS = 400000, CROWD_OPERATIONS = 6000000, HAND_ONE_IN = 10 };
enum { COMERS = 8000, COMERS_AT_A_TIME = 4, COMER_BLOCKS = 200 };

/* A slot for each thread, into which the others put blocks that it is to free.
 * writers  all threads, by swap     order  acq_rel: the block's bytes travel with it */
struct crowd {
	struct {
		_Alignas(64) void *_Atomic block;
	} * mailbox;
	const uint32_t *sizes;
};

static void crowd_work(struct load_thread *thread)
{
	struct load_run *run = thread->run;
	struct crowd *crowd = thread->shared;
	uint64_t operations = load_scaled(run, CROWD_OPERATIONS, 1000) / run->threads;
	uint32_t slots = (uint32_t)(load_scaled(run, CROWD_SLOTS, 1000) / run->threads) + 1;
	void **block = load_own_memory(slots * sizeof *block);

	load_ready(thread);
	for (uint64_t i = 0; i < operations; i++) {
		uint32_t slot = random_below(&thread->random, slots);
		void *old = block[slot];

		block[slot] = load_block(crowd->sizes[i % LOAD_SIZES]);
		if (random_once_in(&thread->random, HAND_ONE_IN))
			old = atomic_exchange_explicit(
			    &crowd->mailbox[random_below(&thread->random, run->threads)].block, old,
			    memory_order_acq_rel);
		free(old);
	}
}

static void crowd(struct load_run *run)
{
	struct crowd crowd = { .mailbox = load_own_memory(run->threads * sizeof *crowd.mailbox) };

	crowd.sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true);
	load_on_threads(run, crowd_work, &crowd);
	run->operations = load_scaled(run, CROWD_OPERATIONS, 1000) / run->threads * run->threads;
}

/* A thread that frees half of what it makes; who waits for it frees the rest. */
struct comer {
	pthread_t id;
	const uint32_t *sizes;
	uint64_t first; /* of the sizes */
	void *left[COMER_BLOCKS / 2];
};

static void *comer_main(void *of)
{
	struct comer *comer = of;
	void *block[COMER_BLOCKS];

	for (uint32_t i = 0; i < COMER_BLOCKS; i++)
		block[i] = load_block(comer->sizes[(comer->first + i) % LOAD_SIZES]);
	for (uint32_t i = 0; i < COMER_BLOCKS / 2; i++) {
		free(block[2 * i]);
		comer->left[i] = block[2 * i + 1];
	}
	return NULL;
}

static void comer_start(struct comer *comer, uint64_t number)
{
	comer->first = number * COMER_BLOCKS;
	errno = pthread_create(&comer->id, NULL, comer_main, comer);
	if (errno != 0)
		load_die("pthread_create");
}

static void comer_end(struct comer *comer)
{
	pthread_join(comer->id, NULL);
	for (uint32_t i = 0; i < COMER_BLOCKS / 2; i++)
		free(comer->left[i]);
}

static void comers(struct load_run *run)
{
	uint64_t threads = load_scaled(run, COMERS, 10);
	uint32_t at_a_time = run->threads;
	struct comer *comer = load_own_memory(at_a_time * sizeof *comer);
	uint32_t *sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true);

	for (uint32_t i = 0; i < at_a_time; i++)
		comer[i].sizes = sizes;
	load_start(run);
	for (uint64_t i = 0; i < threads; i++) {
		if (i >= at_a_time)
			comer_end(&comer[i % at_a_time]);
		comer_start(&comer[i % at_a_time], i);
	}
	for (uint64_t i = threads < at_a_time ? 0 : threads - at_a_time; i < threads; i++)
		comer_end(&comer[i % at_a_time]);
	load_stop(run);
	run->operations = threads;
}

const struct load_scenario load_crowds[] = {
	{ "crowd-t8", "slots of 8-512 bytes, some handed over, on 8 threads", 8, crowd },
	{ "crowd-t64", "the same on 64 threads", 64, crowd },
	{ "crowd-t512", "the same on 512 threads", 512, crowd },
	{ "comers", "threads that make 200 blocks, free half of them and end", COMERS_AT_A_TIME,
	  comers },
	{ NULL, NULL, 0, NULL },
};
