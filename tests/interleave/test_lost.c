/* gc/lost.c: who had the token and let go of it is not taken for one that ended with it, whenever
 * it ended and whoever has its id by then; one that did end with it is found missing. */
#include "support.h"

#include "gc.h"
#include "os.h"
#include "step.h"
#include "token.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <tide/tide.h>
#include <unistd.h>

/* Above all ids that the system gives. */
enum { THREAD_ID = 1 << 30, CHILD_S = 10 };

#define POINTS "lost. test."

/* Whether a thread has that id. */
static bool exists;
static bool ended_with_the_token;

/* In the place of the library's own (the linker's --wrap): the system's answer. */
bool __real_tide_os_thread_exists(uint32_t tid);
bool __wrap_tide_os_thread_exists(uint32_t tid);

bool __wrap_tide_os_thread_exists(uint32_t tid)
{
	return tid == THREAD_ID ? exists : __real_tide_os_thread_exists(tid);
}

static void process_begins(void)
{
	tide_free(tide_malloc(1));
}

static void begin(uint32_t id)
{
	exists = id == THREAD_ID;
	tide_token_own_id = id;
	schedule_must(tide_token_try());
	TIDE_YIELD("test.holds");
}

/* The first thread. Its schedule's process was made without the fork handlers. */
static void begin_the_process(uint32_t id)
{
	tide_gc_process_start();
	begin(id);
}

static void hold_and_let_go(void)
{
	begin_the_process(THREAD_ID);
	tide_token_release();
	exists = false;
}

/* A new thread with the id, if that is free again, in a step that does not end. */
static void hold_with_the_same_id(void)
{
	if (schedule_has_ended(0))
		begin(THREAD_ID);
}

static void end_with_the_token(void)
{
	begin_the_process(THREAD_ID);
	exists = false;
	ended_with_the_token = true;
}

static void hold(void)
{
	begin_the_process(tide_os_thread_id());
	tide_token_release();
}

static void look(void)
{
	(void)tide_gc_look_for_holder();
}

/* In a copy of the process that the fork handlers know nothing of. */
static void look_in_a_copy(void)
{
	int status = 0;
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		(void)alarm(CHILD_S);
		_exit(!tide_gc_look_for_holder());
	}
	schedule_must(child > 0 && waitpid(child, &status, 0) == child);
	if (status != 0)
		schedule_fail("a copy of the process takes a holder for gone");
	if (tide_token_thread_id(tide_load_relaxed(&tide_token_holder)) != 0)
		TIDE_YIELD("test.held_meanwhile");
}

static const char *not_lost(void)
{
	return tide_load_relaxed(&tide_gc_lost) ? "a holder is taken for gone that let go" : NULL;
}

static const char *lost_when_it_is(void)
{
	return ended_with_the_token ? NULL : not_lost();
}

static const char *found_missing(void)
{
	return tide_gc_look_for_holder() ? "a holder that ended is not found missing" : NULL;
}

static const struct scenario scenario[] = {
	{ .name = "it_lets_go_meanwhile",
	  .set_up = process_begins,
	  .thread = { hold_and_let_go, look },
	  .always = not_lost,
	  .points = POINTS,
	  .must_meet = "lost.answer" },
	{ .name = "another_one_has_its_id_meanwhile",
	  .set_up = process_begins,
	  .thread = { hold_and_let_go, look, hold_with_the_same_id },
	  .always = not_lost,
	  .points = POINTS,
	  .must_meet = "lost.answer" },
	{ .name = "it_ends_with_the_token",
	  .set_up = process_begins,
	  .thread = { end_with_the_token, look },
	  .always = lost_when_it_is,
	  .check = found_missing,
	  .points = POINTS,
	  .must_meet = "lost.answer" },
	{ .name = "looked_for_in_a_copy",
	  .set_up = process_begins,
	  .thread = { hold, look_in_a_copy },
	  .points = "test.", /* the copy has no schedule */
	  .must_meet = "test.held_meanwhile" },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
