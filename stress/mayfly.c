/* Threads that live for a few hundred allocations: what they free and what they leave behind has to
 * find its way out of their caches. See worker.h. */
#include "worker.h"

#include "fault.h"
#include "order.h"

enum { MAYFLY_BLOCKS_MAX = 1024 };

/* Every other one outlives its maker, where there is room for it. */
static bool leave(struct worker *worker, struct held *held)
{
	struct actor *actor = worker->mayfly;
	struct exchange *exchange = &worker->team->exchange;
	struct held left = *held;

	actor_note(actor, &left, EVENT_HANDED);
	if (!exchange_put(exchange, random_below(&actor->random, exchange->slots), &left))
		return false;
	count_owned(&actor->tally.handed, 1);
	return true;
}

static void *mayfly_main(void *of)
{
	struct worker *worker = of;
	struct actor *actor = worker->mayfly;
	const struct crew *crew = worker->team->crew;
	struct held mine[MAYFLY_BLOCKS_MAX];
	uint32_t life = 0;

	actor_read_clock(actor);
	actor_step(actor, load_relaxed(&worker->step));
	count_owned(&actor->tally.threads, 1);
	for (uint32_t i = 0; i < crew->mayfly_blocks; i++)
		actor_make(actor, crew, worker->phase, &mine[i], &life);
	for (uint32_t i = 0; i < crew->mayfly_blocks; i++) {
		if (mine[i].block != NULL && (i % 2 != 0 || !leave(worker, &mine[i])))
			actor_free(actor, &mine[i]);
	}
	return NULL;
}

void mayfly_run(struct worker *worker)
{
	pthread_t thread;

	fault_shelter_begin();
	if (pthread_create(&thread, NULL, mayfly_main, worker) == 0)
		pthread_join(thread, NULL);
	fault_shelter_end();
}
