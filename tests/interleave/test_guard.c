/* guard.c: the pool is mapped once; a slot has one owner, whoever asks for it at the same time; a
 * block is freed once, and nobody gets its page before it is closed. */
#include "support.h"

#include "guard.h"
#include "options.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES = 100, ROUND = TIDE_GUARD_SLOTS, FILL = 7 };

#define POINTS "guard. test."
#define FRAME __builtin_frame_address(0)

static char *block[ROUND];
static char *got[SCENARIO_THREADS];

/* What was reported, which is not fatal here, goes into a file of this schedule's process. */

static int reports = -1;

static void hear_reports(void)
{
	if (reports >= 0)
		return;
	reports = memfd_create("reports", 0);
	schedule_must(reports >= 0 && dup2(reports, STDERR_FILENO) >= 0);
}

static unsigned double_frees(void)
{
	static char text[8192];
	ssize_t has = pread(reports, text, sizeof text - 1, 0);
	unsigned count = 0;

	schedule_must(has >= 0);
	for (const char *at = text; (at = strstr(at, "double free")) != NULL; at++)
		count++;
	return count;
}

/* The start. */

static uintptr_t pool_seen[SCENARIO_THREADS];

static void start_and_use(void)
{
	int self = schedule_self();

	tide_guard_start();
	pool_seen[self] = tide_load_acquire(&tide_guard_pool);
	TIDE_YIELD("test.started");
	got[self] = tide_guard_malloc(BYTES, FRAME);
	if (got[self] == NULL)
		return;
	schedule_must(tide_guard_owns(got[self]));
	memset(got[self], FILL, BYTES);
	tide_guard_free(got[self], "free", FRAME);
}

static const char *one_pool(void)
{
	uintptr_t pool = tide_load_acquire(&tide_guard_pool);

	if (pool == 0 && schedule_frozen() < 0)
		return "there is no pool";
	for (unsigned i = 0; i < SCENARIO_THREADS; i++) {
		if (pool_seen[i] != 0 && pool_seen[i] != pool)
			return "two pools";
	}
	return NULL;
}

/* Slots. All are taken, but for what a thread frees; tickets go round them. */

static void all_are_taken(void)
{
	tide_options_set(TIDE_OPTION_FATAL, 0);
	tide_guard_start();
	for (unsigned i = 0; i < ROUND; i++) {
		block[i] = tide_guard_malloc(BYTES, FRAME);
		schedule_must(block[i] != NULL);
	}
}

static void one_is_free(void)
{
	all_are_taken();
	tide_guard_free(block[0], "free", FRAME);
}

static void take(void)
{
	got[schedule_self()] = tide_guard_malloc(BYTES, FRAME);
}

/* Until the tickets have been round once more; each call takes one at least. */
static void take_persistently(void)
{
	int self = schedule_self();

	for (unsigned i = 0; i <= ROUND && got[self] == NULL; i++)
		take();
	if (got[self] == NULL)
		return;
	memset(got[self], FILL, BYTES);
	TIDE_YIELD("test.filled");
	for (unsigned i = 0; i < BYTES; i++)
		schedule_must(got[self][i] == FILL);
	tide_guard_free(got[self], "free", FRAME);
}

static const char *one_has_it(void)
{
	if (got[0] == NULL && got[1] == NULL && schedule_frozen() < 0)
		return "a free slot was not found";
	return NULL;
}

static const char *none_has_what_another_has(void)
{
	bool both = !schedule_has_ended(1) && got[0] != NULL && got[0] == got[1];

	return both ? "two have one slot" : NULL;
}

static void free_first(void)
{
	hear_reports();
	tide_guard_free(block[0], "free", FRAME);
}

static const char *freed_once(void)
{
	return schedule_frozen() < 0 && double_frees() != 1 ? "not one of two frees was reported"
	                                                    : NULL;
}

static const char *reported_nothing(void)
{
	return double_frees() != 0 ? "a free of a live block was reported" : NULL;
}

static const struct scenario scenario[] = {
	{ .name = "started_by_two",
	  .thread = { start_and_use, start_and_use },
	  .check = one_pool,
	  .points = POINTS },
	{ .name = "frozen_in_its_start",
	  .thread = { start_and_use, start_and_use },
	  .check = one_pool,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "two_want_the_last_slot",
	  .set_up = one_is_free,
	  .thread = { take, take_persistently },
	  .always = none_has_what_another_has,
	  .check = one_has_it,
	  .points = POINTS,
	  .must_meet = "guard.take" },
	{ .name = "one_of_them_is_frozen",
	  .set_up = one_is_free,
	  .thread = { take, take_persistently },
	  .always = none_has_what_another_has,
	  .check = one_has_it,
	  .points = POINTS,
	  .freezes = true },
	{ .name = "freed_by_two",
	  .set_up = all_are_taken,
	  .thread = { free_first, free_first },
	  .check = freed_once,
	  .points = POINTS,
	  .must_meet = "guard.free" },
	{ .name = "wanted_while_it_is_freed",
	  .set_up = all_are_taken,
	  .thread = { free_first, take_persistently },
	  .check = reported_nothing,
	  .points = POINTS,
	  .must_meet = "test.filled" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
