/* token.c: one holder at a time, who waits is woken, and a wait that was given up takes nothing
 * with it. */
#include "token.h"

#include "os.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sched.h>

enum { THREADS = 4, ROUNDS = SCALED(10000) };

Test(token, there_is_one)
{
	cr_assert(tide_token_try());
	cr_assert(!tide_token_try());
	tide_token_release();
	cr_assert(tide_token_wait(0));
	cr_assert(!tide_token_try());
	tide_token_release();
	cr_assert(tide_token_try());
}

static uint64_t inside; /* plain: the holder's, by token.pass */
static uint64_t entered;

static const char *hold(void)
{
	bool alone = inside++ == 0;

	entered++;
	if (entered % 64 == 0)
		sched_yield();
	inside--;
	tide_token_release();
	return alone ? NULL : "two hold the token";
}

static void *enter(void *arg)
{
	uint64_t *random = arg;
	const char *wrong = NULL;

	for (size_t i = 0; i < ROUNDS && wrong == NULL; i++) {
		switch (random_next(random) % 4) {
		case 0:
			if (tide_token_wait(0))
				wrong = hold();
			else
				wrong = "a wait without limit came back without the token";
			break;
		case 1: /* may give up, when the holder is put aside */
			if (tide_token_wait(1))
				wrong = hold();
			break;
		default:
			if (tide_token_try())
				wrong = hold();
		}
	}
	return (void *)(uintptr_t)wrong;
}

static void enter_by_four_threads(void)
{
	uint64_t random[THREADS] = { 1, 2, 3, 4 };
	const char *wrong = run_threads(enter, random, sizeof random[0], THREADS);

	cr_assert_null(wrong, "%s", wrong);
	cr_assert_gt(entered, 0u);
	cr_assert(tide_token_try(), "the token is lost");
}

Test(token, four_threads_exclude_each_other, .timeout = 60)
{
	enter_by_four_threads();
}

Test(token, they_do_without_futexes_too, .timeout = 60)
{
	tide_os_fault_plan(TIDE_OS_FUTEX, 0, UINT32_MAX);
	enter_by_four_threads();
}

static void *wait_for_it(void *unused)
{
	(void)unused;
	if (!tide_token_wait(0))
		return "came back without the token";
	tide_token_release();
	return NULL;
}

Test(token, all_who_wait_get_it, .timeout = 60)
{
	pthread_t waiter[THREADS];
	void *wrong;

	cr_assert(tide_token_try());
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&waiter[i], NULL, wait_for_it, NULL), 0);
	while (tide_load_relaxed(&tide_token) != TIDE_TOKEN_AWAITED)
		sched_yield();
	tide_token_release();
	for (size_t i = 0; i < THREADS; i++) {
		cr_assert_eq(pthread_join(waiter[i], &wrong), 0);
		cr_assert_null(wrong);
	}
	cr_assert(tide_token_try());
}

Test(token, a_wait_with_a_limit_ends_and_takes_nothing_with_it, .timeout = 60)
{
	cr_assert(tide_token_try());
	for (int i = 0; i < 3; i++)
		cr_assert(!tide_token_wait(1000000));
	cr_assert(!tide_token_try());
	tide_token_release();
	cr_assert(tide_token_try());
	tide_token_release();
	cr_assert(tide_token_wait(1000000));
}
