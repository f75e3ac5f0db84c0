/* doorbell.h: who publishes and who goes to sleep never miss each other, and a sleep costs one
 * wake at the most. */
#include "doorbell.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sched.h>

enum { ROUNDS = SCALED(100000) };

static uint64_t wakes(void)
{
	return tide_load_relaxed(&tide_doorbell.wakes);
}

static uint32_t state(void)
{
	return tide_load_seq_cst(&tide_doorbell.state);
}

Test(doorbell, nobody_sleeps_nobody_is_woken)
{
	tide_doorbell_ring(false);
	tide_doorbell_ring(true);
	cr_assert_eq(wakes(), 0u);
	cr_assert_eq(state(), TIDE_GC_AWAKE);
}

Test(doorbell, only_much_ends_a_doze)
{
	tide_doorbell_announce(TIDE_GC_DOZING);
	tide_doorbell_ring(false);
	cr_assert_eq(wakes(), 0u);
	cr_assert_eq(state(), TIDE_GC_DOZING);
	tide_doorbell_ring(true);
	cr_assert_eq(wakes(), 1u);
	cr_assert_eq(state(), TIDE_GC_AWAKE);
}

/* Whether or not it woke anybody. */
Test(doorbell, much_is_heard_once)
{
	tide_doorbell_ring(false);
	cr_assert_not(tide_doorbell_heard_much());
	tide_doorbell_ring(true);
	tide_doorbell_ring(true);
	cr_assert_eq(wakes(), 0u);
	cr_assert(tide_doorbell_heard_much());
	cr_assert_not(tide_doorbell_heard_much());
	tide_doorbell_announce(TIDE_GC_DOZING);
	tide_doorbell_ring(true);
	cr_assert(tide_doorbell_heard_much());
}

Test(doorbell, anything_ends_a_sleep_and_one_wake_is_enough)
{
	tide_doorbell_announce(TIDE_GC_ASLEEP);
	tide_doorbell_ring(false);
	for (int i = 0; i < 10; i++)
		tide_doorbell_ring(true);
	cr_assert_eq(wakes(), 1u);
	cr_assert_eq(state(), TIDE_GC_AWAKE);
}

Test(doorbell, an_announcement_taken_back_is_not_rung)
{
	tide_doorbell_announce(TIDE_GC_ASLEEP);
	tide_doorbell_retract();
	tide_doorbell_ring(true);
	cr_assert_eq(wakes(), 0u);
}

Test(doorbell, who_was_rung_before_he_lay_down_does_not_sleep, .timeout = 30)
{
	tide_doorbell_announce(TIDE_GC_ASLEEP);
	tide_doorbell_ring(false);
	tide_doorbell_sleep(TIDE_GC_ASLEEP, 0); /* for ever, were it not for the state */
	cr_assert_eq(state(), TIDE_GC_AWAKE);
}

Test(doorbell, a_sleep_with_a_limit_ends_by_itself, .timeout = 30)
{
	tide_doorbell_announce(TIDE_GC_DOZING);
	tide_doorbell_sleep(TIDE_GC_DOZING, 1000000);
	cr_assert_eq(state(), TIDE_GC_AWAKE);
	cr_assert_eq(wakes(), 0u);
}

/* The sleeper sleeps without limit: a ring that is lost hangs the test. */

static _Atomic uint64_t published; /* as garbage.hand: seq_cst on both sides */
static _Atomic uint64_t seen;
static uint64_t announced;

static void *sleep_and_look(void *sleep_kind)
{
	uint32_t kind = *(uint32_t *)sleep_kind;

	for (;;) {
		uint64_t now = tide_load_seq_cst(&published);
		if (now == ROUNDS)
			return NULL;
		tide_store_release(&seen, now);
		announced++;
		tide_doorbell_announce(kind);
		if (tide_load_seq_cst(&published) != now) {
			tide_doorbell_retract();
			continue;
		}
		tide_doorbell_sleep(kind, 0);
	}
}

/* Publish and ring; of some rounds wait until the sleeper has seen them, so that he is met at each
 * step of going to sleep. */
static void ring_all(uint32_t kind)
{
	pthread_t sleeper;
	uint64_t random = 5;

	cr_assert_eq(pthread_create(&sleeper, NULL, sleep_and_look, &kind), 0);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		tide_store_seq_cst(&published, i);
		tide_doorbell_ring(kind == TIDE_GC_DOZING);
		if (i == ROUNDS || random_next(&random) % 4 != 0)
			continue;
		while (tide_load_acquire(&seen) != i)
			sched_yield();
		for (uint64_t spin = random_next(&random) % 256; spin > 0; spin--)
			(void)tide_load_relaxed(&seen);
	}
	cr_assert_eq(pthread_join(sleeper, NULL), 0);
	cr_assert_leq(wakes(), announced);
	cr_assert_eq(state(), TIDE_GC_AWAKE);
}

Test(doorbell, no_ring_is_lost_on_a_sleeper, .timeout = 60)
{
	ring_all(TIDE_GC_ASLEEP);
}

Test(doorbell, no_loud_ring_is_lost_on_a_dozer, .timeout = 60)
{
	ring_all(TIDE_GC_DOZING);
}

/* Several threads find the same sleeper: one of them wakes him. */

static pthread_barrier_t barrier;

static void *ring_once(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		pthread_barrier_wait(&barrier);
		tide_doorbell_ring(false);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

Test(doorbell, one_of_many_ringers_wakes, .timeout = 60)
{
	pthread_t ringer[3];

	pthread_barrier_init(&barrier, NULL, 4);
	for (size_t i = 0; i < COUNT_OF(ringer); i++)
		cr_assert_eq(pthread_create(&ringer[i], NULL, ring_once, NULL), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		tide_doorbell_announce(TIDE_GC_ASLEEP);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		cr_assert_eq(wakes(), i + 1);
	}
	for (size_t i = 0; i < COUNT_OF(ringer); i++)
		cr_assert_eq(pthread_join(ringer[i], NULL), 0);
}
