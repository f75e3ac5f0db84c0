/* How the threads are shared out and connected, before they start. See run.h. */
#include "run.h"

#include "heap_calls.h"
#include "text_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool exchange_start(struct exchange *exchange, uint32_t slots)
{
	exchange->slots = slots;
	exchange->slot = table_map(slots, sizeof *exchange->slot, true);
	return exchange->slot != NULL;
}

/* One thread after the other goes to the crew that has the least of what its share is. */
static void share_out(struct run *run)
{
	const struct scenario *scenario = run->scenario;
	uint32_t first = 0;

	for (uint32_t thread = 0; thread < run->threads; thread++) {
		uint32_t least = 0;

		for (uint32_t i = 1; i < scenario->crews; i++) {
			uint64_t mine =
			    run->team[i].threads * (uint64_t)scenario->crew[least].share;
			uint64_t best =
			    run->team[least].threads * (uint64_t)scenario->crew[i].share;

			if (mine < best)
				least = i;
		}
		run->team[least].threads++;
	}
	for (uint32_t i = 0; i < scenario->crews; i++) {
		run->team[i].crew = &scenario->crew[i];
		run->team[i].first = first;
		first += run->team[i].threads;
	}
}

static uint32_t rings_of(const struct team *team)
{
	switch (team->crew->pattern) {
	case PATTERN_PAIRS:
		return team->threads / 2;
	case PATTERN_ONE_TO_MANY:
	case PATTERN_MANY_TO_ONE:
	case PATTERN_PIPELINE:
		return team->threads > 0 ? team->threads - 1 : 0;
	default:
		return 0;
	}
}

static bool rooms_start(struct team *team)
{
	const struct crew *crew = team->crew;

	team->room = table_map(crew->heaps, sizeof *team->room, true);
	for (; team->room != NULL && team->rooms < crew->heaps; team->rooms++) {
		struct room *room = &team->room[team->rooms];

		room->number = team->rooms;
		if (!exchange_start(&room->exchange, crew->slots / crew->heaps + 1))
			return false;
	}
	return team->room != NULL;
}

static bool team_start(struct team *team)
{
	const struct crew *crew = team->crew;

	if (team->threads == 0)
		return true;
	if (!exchange_start(&team->exchange,
	                    crew->pattern == PATTERN_EXCHANGE ? crew->slots : crew->exchange_slots))
		return false;
	if (crew->pattern == PATTERN_HEAP)
		return rooms_start(team);
	team->rings = rings_of(team);
	if (team->rings == 0)
		return true;
	team->ring = table_map(team->rings, sizeof *team->ring, true);
	for (uint32_t i = 0; team->ring != NULL && i < team->rings; i++) {
		if (!exchange_start(&team->ring[i].exchange, crew->ring_slots))
			return false;
	}
	return team->ring != NULL;
}

static void takes_from(struct worker *worker, uint32_t ring, uint32_t rings)
{
	worker->in = &worker->team->ring[ring];
	worker->ins = rings;
}

static void puts_into(struct worker *worker, uint32_t ring, uint32_t rings)
{
	worker->out = &worker->team->ring[ring];
	worker->outs = rings;
}

/* Member `i` of its team. A thread that has nobody to hand to or take from is on its own. */
static void connect(struct worker *worker, uint32_t i)
{
	struct team *team = worker->team;
	uint32_t last = team->threads - 1;

	switch (team->rings == 0 ? PATTERN_OWN : team->crew->pattern) {
	case PATTERN_PAIRS:
		if (i % 2 != 0)
			takes_from(worker, i / 2, 1);
		else if (i != last)
			puts_into(worker, i / 2, 1);
		break;
	case PATTERN_ONE_TO_MANY:
		if (i == 0)
			puts_into(worker, 0, team->rings);
		else
			takes_from(worker, i - 1, 1);
		break;
	case PATTERN_MANY_TO_ONE:
		if (i == last)
			takes_from(worker, 0, team->rings);
		else
			puts_into(worker, i, 1);
		break;
	case PATTERN_PIPELINE:
		if (i != 0)
			takes_from(worker, i - 1, 1);
		if (i != last)
			puts_into(worker, i, 1);
		break;
	default:
		break;
	}
}

static enum role role_of(const struct worker *worker)
{
	if (worker->ins > 0)
		return worker->outs > 0 ? ROLE_STAGE : ROLE_TAKER;
	if (worker->outs > 0)
		return ROLE_MAKER;
	switch (worker->team->crew->pattern) {
	case PATTERN_EXCHANGE:
		return ROLE_EXCHANGE;
	case PATTERN_HEAP:
		return ROLE_HEAP;
	default:
		return ROLE_OWN;
	}
}

static bool worker_start(struct run *run, struct team *team, uint32_t number)
{
	struct worker *worker = &run->worker[number];

	worker->run = run;
	worker->team = team;
	worker->actor = &run->actor[number];
	worker->mayfly = &run->actor[run->threads + number];
	worker->phase_seen = UINT32_MAX;
	connect(worker, number - team->first);
	worker->role = role_of(worker);
	/* An own set has room for a block at each level of fill. */
	worker->slots = worker->role == ROLE_OWN ? team->crew->slots / team->threads + 1 : 1;
	worker->held = table_map(worker->slots, sizeof *worker->held, true);
	return worker->held != NULL;
}

static bool teams_start(struct run *run)
{
	for (uint32_t i = 0; i < run->scenario->crews; i++) {
		struct team *team = &run->team[i];

		if (!team_start(team))
			return false;
		for (uint32_t j = 0; j < team->threads; j++) {
			if (!worker_start(run, team, team->first + j))
				return false;
		}
	}
	return true;
}

static bool tables_start(struct run *run)
{
	run->worker = table_map(run->threads, sizeof *run->worker, true);
	run->actor = table_map(run->actors, sizeof *run->actor, true);
	if (run->worker == NULL || run->actor == NULL)
		return false;
	for (uint32_t i = 0; i < run->actors; i++)
		actor_start(&run->actor[i], i, run->seed);
	share_out(run);
	return teams_start(run);
}

bool run_can_have(const struct scenario *scenario)
{
	for (uint32_t i = 0; i < scenario->crews; i++) {
		if (scenario->crew[i].pattern != PATTERN_HEAP || heap_calls_exist())
			continue;
		fprintf(stderr, "tide-stress: crew %s: 'pattern heap' needs Tide linked in\n",
		        scenario->crew[i].name);
		return false;
	}
	return true;
}

bool run_start(struct run *run, const struct run_plan *plan)
{
	memset(run, 0, sizeof *run);
	run->scenario = plan->scenario;
	run->faults = plan->faults;
	run->seed = plan->seed;
	run->steps = plan->steps;
	run->threads = plan->threads;
	run->actors = 2 * plan->threads;
	if (tables_start(run))
		return true;
	fprintf(stderr, "tide-stress: no memory for the tables of %" PRIu32 " threads\n",
	        plan->threads);
	return false;
}
