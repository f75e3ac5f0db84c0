/* token.h: one holder at a time, nobody who waits is forgotten, and trying never waits. */
#include "support.h"

#include "token.h"

enum { TRIES = 2, LIMIT_NS = 100000000 };

#define POINTS "token. futex. test."

static unsigned holders, times_held, times_refused;
/* Steps that were taken while another one waited, and waits that were granted. */
static unsigned overtakes, grants;

static void hold(void)
{
	holders++;
	times_held++;
	TIDE_YIELD("test.holds");
	holders--;
	tide_token_release();
}

static void try_twice(void)
{
	for (unsigned i = 0; i < TRIES; i++) {
		if (tide_token_try())
			hold();
	}
}

static void wait_and_hold(void)
{
	schedule_must(tide_token_wait(0));
	grants++;
	hold();
}

static void wait_with_limit(void)
{
	if (tide_token_wait(LIMIT_NS))
		hold();
	else
		times_refused++;
}

/* As threads that miss all the time. */
static void try_often(void)
{
	for (unsigned i = 0; i < 3 * TRIES; i++) {
		bool waits = tide_load_relaxed(&tide_token_waiters) != 0;
		if (!tide_token_try())
			continue;
		overtakes += waits;
		hold();
	}
}

/* A wait would be without end in a storm of misses. */
static const char *waiters_first(void)
{
	if (holders > 1)
		return "two hold the token";
	return overtakes > grants ? "who tries goes before who waits" : NULL;
}

static const char *one_holder(void)
{
	return holders > 1 ? "two hold the token" : NULL;
}

static const char *free_again(void)
{
	if (tide_load_relaxed(&tide_token) != TIDE_TOKEN_FREE)
		return "the token is not free";
	if (times_held == 0)
		return "nobody ever got it";
	if (schedule_idle_waits() > 0)
		return "a waiter was forgotten until its limit";
	return NULL;
}

/* Only a frozen holder makes that a wait is given up, and then it must be. */
static const char *free_or_refused(void)
{
	if (schedule_frozen() < 0)
		return free_again();
	if (times_refused > 0 && (holders == 0 || schedule_frozen() == 0))
		return "a wait was given up while the token came and went";
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "three_try",
	  .thread = { try_twice, try_twice, try_twice },
	  .always = one_holder,
	  .check = free_again,
	  .points = POINTS },
	{ .name = "two_wait_for_one",
	  .thread = { try_twice, wait_and_hold, wait_and_hold },
	  .always = one_holder,
	  .check = free_again,
	  .points = POINTS },
	{ .name = "who_waits_goes_first",
	  .thread = { try_often, wait_and_hold, wait_and_hold },
	  .always = waiters_first,
	  .check = free_again,
	  .points = POINTS },
	{ .name = "the_holder_is_frozen",
	  .thread = { wait_with_limit, try_twice },
	  .always = one_holder,
	  .check = free_or_refused,
	  .points = POINTS,
	  .freezes = true },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
