/* Threads that hold a working set of their own, and those that share one array. See worker.h. */
#include "worker.h"

#include "fault.h"
#include "order.h"

enum { WHEEL_PROBES = 32 };

/* Give `held` to the exchange and take what another thread left there. */
static void trade(struct worker *worker, struct held *held)
{
	struct exchange *exchange = &worker->team->exchange;
	uint32_t slot = random_below(&worker->actor->random, exchange->slots);
	struct held taken = { 0 };

	if (exchange_take(exchange, slot, &taken))
		actor_receive(worker->actor, &taken);
	if (held->block != NULL && !worker_put(worker, exchange, slot, held))
		actor_free(worker->actor, held); /* somebody was faster */
	*held = taken;
}

static void resize(struct worker *worker, struct held *held)
{
	const struct crew *crew = worker->team->crew;

	actor_resize_chain(worker->actor, crew, held,
	                   1 + random_below(&worker->actor->random, crew->resize_chain_max));
}

/* Free what is there, and make a new one if the set is not full. */
static void replace(struct worker *worker, struct held *held)
{
	uint32_t life = 0;

	if (held->block != NULL) {
		actor_free(worker->actor, held);
		worker->filled--;
	}
	if (worker->filled < worker_target(worker, worker->slots))
		worker->filled +=
		    actor_make(worker->actor, worker->team->crew, worker->phase, held, &life);
}

/* A stack: the newest goes first. Slots below `filled` are full. */
static void push_or_pop(struct worker *worker)
{
	uint32_t life = 0, target = worker_target(worker, worker->slots);
	bool push = random_below(&worker->actor->random, 100) < 55;

	if (worker->filled > 0 && (!push || worker->filled >= target)) {
		actor_free(worker->actor, &worker->held[worker->filled - 1]);
		worker->filled--;
	} else if (worker->filled < target) {
		worker->filled += actor_make(worker->actor, worker->team->crew, worker->phase,
		                             &worker->held[worker->filled], &life);
	}
}

/* The slot for a block that is to live for `life` more steps, as far as the set may be filled.
 * Where that one is taken, one soon after. */
static uint32_t wheel_slot(const struct worker *worker, uint32_t life)
{
	uint32_t target = worker_target(worker, worker->slots);
	uint32_t slot = (worker->place + 1 + (life < target ? life : target)) % worker->slots;

	for (uint32_t i = 0; i < WHEEL_PROBES; i++) {
		uint32_t next = (slot + i) % worker->slots;

		if (worker->held[next].block == NULL)
			return next;
	}
	return slot;
}

/* A wheel that turns by one slot each step: what is found there has lived its life. */
static void turn_wheel(struct worker *worker)
{
	struct held made;
	uint32_t life = 0;

	worker->place = (worker->place + 1) % worker->slots;
	if (worker->held[worker->place].block != NULL) {
		actor_free(worker->actor, &worker->held[worker->place]);
		worker->filled--;
	}
	if (!actor_make(worker->actor, worker->team->crew, worker->phase, &made, &life))
		return;
	struct held *into = &worker->held[wheel_slot(worker, life)];
	if (into->block != NULL) {
		actor_free(worker->actor, into);
		worker->filled--;
	}
	*into = made;
	worker->filled++;
}

static void replace_one(struct worker *worker, struct held *random_slot)
{
	switch (worker->team->crew->lifetime) {
	case LIFETIME_OLDEST:
		worker->place = (worker->place + 1) % worker->slots;
		replace(worker, &worker->held[worker->place]);
		break;
	case LIFETIME_NEWEST:
		push_or_pop(worker);
		break;
	case LIFETIME_RECORDED:
		turn_wheel(worker);
		break;
	default:
		replace(worker, random_slot);
		break;
	}
}

static void own_step(struct worker *worker)
{
	const struct crew *crew = worker->team->crew;
	struct random *random = &worker->actor->random;
	bool stack = crew->lifetime == LIFETIME_NEWEST;

	worker_step(worker);
	/* A stack has no holes: of its full slots, if there is one. */
	uint32_t slots = stack && worker->filled > 0 ? worker->filled : worker->slots;
	struct held *held = &worker->held[random_below(random, slots)];
	bool had = held->block != NULL;
	bool can_trade = !stack || (had && held == &worker->held[worker->filled - 1]);
	if (random_once_in(random, crew->exchange_one_in) && can_trade) {
		trade(worker, held);
		worker->filled += (uint32_t)(held->block != NULL) - (uint32_t)had;
	} else if (had && random_once_in(random, crew->resize_one_in)) {
		resize(worker, held);
		worker->filled -= held->block == NULL; /* it was corrupt */
	} else {
		replace_one(worker, held);
	}
}

uint32_t own_burst(struct worker *worker)
{
	for (uint32_t i = 0; i < BURST_STEPS; i++)
		own_step(worker);
	return BURST_STEPS;
}

void own_drop(struct worker *worker, uint32_t percent)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < worker->slots; i++) {
		struct held *held = &worker->held[i];

		fault_beat(worker->actor->number);
		if (held->block == NULL)
			continue;
		if (random_below(&worker->actor->random, 100) < percent) {
			actor_free(worker->actor, held);
			worker->filled--;
		} else if (worker->team->crew->lifetime == LIFETIME_NEWEST) {
			struct held moved = *held;

			held->block = NULL;
			worker->held[kept++] = moved; /* a stack has no holes */
		}
	}
}

/* A slot of the crew's array: what any thread put there goes, and something new comes. */
static void exchange_step(struct worker *worker, struct exchange *exchange)
{
	const struct crew *crew = worker->team->crew;
	struct random *random = &worker->actor->random;
	struct held held = { 0 };
	uint32_t life = 0;

	worker_step(worker);
	uint32_t slot = random_below(random, exchange->slots);
	bool keep = random_once_in(random, crew->resize_one_in);
	if (exchange_take(exchange, slot, &held))
		actor_receive(worker->actor, &held);
	if (held.block != NULL && keep)
		resize(worker, &held);
	else if (held.block != NULL)
		actor_free(worker->actor, &held);
	if (held.block == NULL && slot < worker_target(worker, exchange->slots))
		actor_make(worker->actor, crew, worker->phase, &held, &life);
	if (held.block != NULL && !worker_put(worker, exchange, slot, &held))
		actor_free(worker->actor, &held); /* somebody was faster */
}

uint32_t exchange_burst(struct worker *worker)
{
	for (uint32_t i = 0; i < BURST_STEPS; i++)
		exchange_step(worker, &worker->team->exchange);
	return BURST_STEPS;
}

/* Its part of the array. */
static void drop_part(struct worker *worker, struct exchange *exchange, uint32_t percent)
{
	uint32_t number = (uint32_t)(worker - worker->run->worker) - worker->team->first;
	struct held held;

	for (uint32_t i = number; i < exchange->slots; i += worker->team->threads) {
		fault_beat(worker->actor->number);
		if (random_below(&worker->actor->random, 100) >= percent ||
		    !exchange_take(exchange, i, &held))
			continue;
		actor_receive(worker->actor, &held);
		if (held.block != NULL)
			actor_free(worker->actor, &held);
	}
}

void exchange_drop(struct worker *worker, uint32_t percent)
{
	drop_part(worker, &worker->team->exchange, percent);
}

/* In one heap. */
uint32_t heap_burst(struct worker *worker)
{
	struct team *team = worker->team;
	struct actor *actor = worker->actor;

	actor_step(actor, STEP_OF_ROOM | load_relaxed(&worker->step));
	struct room *room = &team->room[random_below(&actor->random, team->rooms)];
	bool renew = random_once_in(&actor->random, team->crew->heap_end_one_in);
	if (renew || !room_enter(room, actor)) {
		room_renew(room, actor, team->crew);
		if (!room_enter(room, actor))
			return 0;
	}
	for (uint32_t i = 0; i < BURST_STEPS; i++)
		exchange_step(worker, &room->exchange);
	room_leave(room, actor);
	return BURST_STEPS;
}

void heap_drop(struct worker *worker, uint32_t percent)
{
	struct team *team = worker->team;

	for (uint32_t i = 0; i < team->rooms; i++) {
		if (!room_enter(&team->room[i], worker->actor))
			continue;
		drop_part(worker, &team->room[i].exchange, percent);
		room_leave(&team->room[i], worker->actor);
	}
}
