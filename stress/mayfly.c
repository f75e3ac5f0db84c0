/* Threads that live for a few hundred allocations: what they free and what they leave behind has to
 * find its way out of their caches. See worker.h. */
#include "worker.h"

#include "fault.h"
#include "order.h"

enum { MAYFLY_BLOCKS_MAX = 1024 };

static void *mayfly_main(void *of)
{
	struct worker *worker = of;
	struct run *run = worker->run;
	struct actor *actor = worker->mayfly;
	const struct phase *phase = run_phase(run, load_relaxed(&run->phase));
	struct held mine[MAYFLY_BLOCKS_MAX];
	uint32_t blocks = run->scenario->mayfly_blocks;

	count_owned(&actor->tally.threads, 1);
	if (phase->kind != PHASE_GROW)
		return NULL; /* it came too late: nobody allocates now */
	if (blocks > MAYFLY_BLOCKS_MAX)
		blocks = MAYFLY_BLOCKS_MAX;
	for (uint32_t i = 0; i < blocks; i++)
		actor_make(actor, run->scenario, phase, &mine[i]);
	for (uint32_t i = 0; i < blocks; i++) {
		if (mine[i].block == NULL)
			continue;
		/* Every other one outlives its maker, where there is room for it. */
		if (i % 2 == 0 &&
		    exchange_put(&run->exchange, random_next(&actor->random), &mine[i]))
			count_owned(&actor->tally.handed, 1);
		else
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
